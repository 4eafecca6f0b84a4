// Feeds one head or body to a codec in many ways and insists that the answer is always the same.
// Input lies in an exactly sized heap block, so that a sanitizer sees any read past its end.
#pragma once

#include "cmocka_cpp.hpp"

#include "http/chunked.hpp"
#include "http/h1_parser.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace socketpoll::http {

struct Parsed {
  RequestHead head;
  ParseOutcome outcome = ParseOutcome::more;
  std::string bytes;
  RequestView view() const { return {head, bytes.data()}; }
  int status() const { return outcome == ParseOutcome::error ? head.error_status : 0; }
};

// `cuts` are the lengths after which the parser is called; each call gets its own block.
inline Parsed parse_in_pieces(std::string_view text, const std::vector<size_t> &cuts,
                              const H1Limits &limits = {}) {
  Parsed parsed;
  parsed.bytes = text;
  for (size_t cut : cuts) {
    std::unique_ptr<char[]> block(new char[cut + (cut == 0)]);
    std::memcpy(block.get(), text.data(), cut);
    parsed.outcome = parse_request_head(parsed.head, block.get(), cut, limits);
    if (parsed.outcome != ParseOutcome::more) break;
  }
  return parsed;
}

// Everything of a result that a caller can see, in one line.
inline std::string summary(const Parsed &parsed) {
  if (parsed.outcome == ParseOutcome::more) return "more";
  if (parsed.outcome == ParseOutcome::error)
    return "error " + std::to_string(parsed.head.error_status);
  const RequestHead &head = parsed.head;
  const RequestView view = parsed.view();
  std::string line = "complete";
  auto text = [&](std::string_view part) { line.append(" [").append(part).append("]"); };
  auto number = [&](int64_t value) { line.append(" ").append(std::to_string(value)); };
  text(view.method()), text(view.target()), text(view.path()), text(view.query());
  text(view.host()), text(head.authority.in(parsed.bytes.data()));
  number(head.head_length), number(head.version_minor), number(static_cast<int>(head.method));
  number(static_cast<int>(head.form)), number(static_cast<int>(head.framing));
  number(head.content_length), number(head.has_query), number(head.keep_alive);
  number(head.expect_continue), number(head.has_upgrade);
  for (size_t i = 0; i < head.field_count; i++) {
    text(view.name(head.fields[i])), text(view.value(head.fields[i]));
    number(static_cast<int>(head.fields[i].id));
  }
  return line;
}

inline std::vector<size_t> each_byte(size_t length) {
  std::vector<size_t> cuts;
  for (size_t i = 0; i <= length; i++) cuts.push_back(i);
  return cuts;
}

// Whole, byte by byte and cut in two at every point.
inline Parsed parse_every_way(std::string_view text, const H1Limits &limits = {}) {
  Parsed whole = parse_in_pieces(text, {text.size()}, limits);
  const std::string expected = summary(whole);
  auto same = [&](const std::vector<size_t> &cuts) {
    const std::string got = summary(parse_in_pieces(text, cuts, limits));
    assert_string_equal(got.c_str(), expected.c_str());
  };
  same(each_byte(text.size()));
  for (size_t i = 0; i < text.size(); i++) same({i, text.size()});
  return whole;
}

inline int status_of(std::string_view text, const H1Limits &limits = {}) {
  return parse_every_way(text, limits).status();
}

struct Unchunked {
  ChunkedOutcome outcome = ChunkedOutcome::more;
  int status = 0;
  size_t consumed = 0;
  std::string body;
};

// Feeds the pieces that end at `cuts`, each from a block of its own.
inline Unchunked unchunk_in_pieces(std::string_view text, const std::vector<size_t> &cuts,
                                   const ChunkedLimits &limits = {}) {
  Unchunked result;
  ChunkedDecoder decoder;
  size_t start = 0;
  for (size_t cut : cuts) {
    const size_t length = cut - start;
    std::unique_ptr<char[]> block(new char[length + (length == 0)]);
    std::memcpy(block.get(), text.data() + start, length);
    for (size_t at = 0;;) {
      const ChunkedStep step = decoder.feed(block.get() + at, length - at, limits);
      assert_true(step.consumed <= length - at);
      at += step.consumed;
      result.body.append(step.data);
      result.outcome = step.outcome;
      result.status = step.status;
      result.consumed = start + at;
      if (step.outcome == ChunkedOutcome::data) continue;
      if (step.outcome == ChunkedOutcome::more) assert_int_equal(at, length);
      break;
    }
    if (result.outcome != ChunkedOutcome::more) break;
    start = cut;
  }
  return result;
}

inline bool same_result(const Unchunked &a, const Unchunked &b) {
  return a.outcome == b.outcome && a.status == b.status && a.consumed == b.consumed &&
         a.body == b.body;
}

inline Unchunked unchunk_every_way(std::string_view text, const ChunkedLimits &limits = {}) {
  const Unchunked whole = unchunk_in_pieces(text, {text.size()}, limits);
  assert_true(same_result(whole, unchunk_in_pieces(text, each_byte(text.size()), limits)));
  for (size_t i = 0; i < text.size(); i++)
    assert_true(same_result(whole, unchunk_in_pieces(text, {i, text.size()}, limits)));
  return whole;
}

// xorshift: the same on every machine.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return state_;
  }
  size_t below(size_t limit) { return static_cast<size_t>(next() % limit); }

private:
  uint64_t state_;
};

} // namespace socketpoll::http
