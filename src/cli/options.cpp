#include "options.hpp"

#include <charconv>
#include <cstdio>

namespace cli {

Arguments::Kind Arguments::next(const std::vector<Option> &known) {
  if (at_ == values_.size()) return Kind::end;
  const std::string &argument = values_[at_++];
  if (!only_operands_ && argument == "--") {
    only_operands_ = true;
    return next(known);
  }
  if (only_operands_ || argument.size() < 2 || argument[0] != '-') {
    value_ = argument;
    return Kind::operand;
  }
  const size_t equals = argument.find('=');
  const std::string given = argument.substr(0, equals);
  for (const Option &option : known) {
    if (given != option.name) continue;
    name_ = option.name;
    value_.clear();
    if (!option.takes_value) {
      if (equals == std::string::npos) return Kind::option;
      complain(kMisused, given + " takes no value");
      return Kind::misuse;
    }
    if (equals != std::string::npos) {
      value_ = argument.substr(equals + 1);
    } else if (at_ < values_.size()) {
      value_ = values_[at_++];
    } else {
      complain(kMisused, given + " needs a value");
      return Kind::misuse;
    }
    return Kind::option;
  }
  complain(kMisused, "there is no option " + given + "; see socketpoll --help");
  return Kind::misuse;
}

bool parse_number(std::string_view text, int max, int &number) {
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= 0 && number <= max;
}

int complain(int status, const std::string &message) {
  std::fprintf(stderr, "socketpoll: %s\n", message.c_str());
  return status;
}

} // namespace cli
