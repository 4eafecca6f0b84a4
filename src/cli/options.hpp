// The command: its arguments. Knows nothing of what they are for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cli {

// The exit statuses of socketpoll(1).
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kMisused = 2;

struct Option {
  std::string_view name; // with its dashes
  bool takes_value;
};

// Walks through arguments of the forms "--name", "--name value" and "--name=value"; what does not
// begin with a dash, is a dash alone or stands after "--" is an operand.
class Arguments {
public:
  enum class Kind { option, operand, end, misuse };

  Arguments(int count, char **values) : values_(values, values + count) {}

  // The next argument; `misuse` after it was explained on the standard error.
  Kind next(const std::vector<Option> &known);
  std::string_view name() const { return name_; }
  const std::string &value() const { return value_; } // of an option, or the operand

private:
  std::vector<std::string> values_;
  size_t at_ = 0;
  bool only_operands_ = false;
  std::string_view name_;
  std::string value_;
};

// A decimal number of at most `max`; false for anything else.
bool parse_number(std::string_view text, int max, int &number);

// "socketpoll: MESSAGE" on the standard error; returns `status`.
int complain(int status, const std::string &message);

} // namespace cli
