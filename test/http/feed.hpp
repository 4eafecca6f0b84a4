// Feeds one head or body to a codec in pieces, for the tests and the fuzzers alike. Each piece lies
// in an exactly sized heap block, so that a sanitizer sees any read past its end.
#pragma once

#include "http/chunked.hpp"
#include "http/h1_parser.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace socketpoll::http {

inline void require(bool condition, const char *what) {
  if (condition) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

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

// What must be so of any complete head, seen with other eyes: lines cut at CRLF, fields counted by
// their text.
inline void require_sound(const Parsed &parsed) {
  if (parsed.outcome == ParseOutcome::error) {
    const int status = parsed.head.error_status;
    require(status == 400 || status == 414 || status == 417 || status == 431 || status == 501 ||
                status == 505,
            "status");
  }
  if (parsed.outcome != ParseOutcome::complete) return;
  const RequestHead &head = parsed.head;
  require(head.head_length <= parsed.bytes.size(), "length");
  std::string_view text(parsed.bytes.data(), head.head_length);
  while (text.starts_with("\r\n")) text.remove_prefix(2);
  require(text.find("\r\n\r\n") == text.size() - 4, "end");
  size_t lines = 0, lengths = 0, codings = 0, hosts = 0;
  for (size_t at = 0; at < text.size() - 2; lines++) {
    const size_t end = text.find("\r\n", at);
    const std::string_view line = text.substr(at, end - at);
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos, "bare control");
    lengths += equals_ignoring_case(line.substr(0, 15), "content-length:");
    codings += equals_ignoring_case(line.substr(0, 18), "transfer-encoding:");
    hosts += equals_ignoring_case(line.substr(0, 5), "host:");
    at = end + 2;
  }
  require(lines == head.field_count + 1u, "field count");
  require(hosts <= 1 && (hosts == 1 || head.version_minor == 0), "host");
  require(lengths + codings <= 1, "framing twice");
  require((head.framing == BodyFraming::length) == (lengths == 1), "length framing");
  require((head.framing == BodyFraming::chunked) == (codings == 1), "chunked framing");
  require((head.content_length >= 0) == (lengths == 1), "content length");
}

inline std::vector<size_t> each_byte(size_t length) {
  std::vector<size_t> cuts;
  for (size_t i = 0; i <= length; i++) cuts.push_back(i);
  return cuts;
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
      require(step.consumed <= length - at, "consumed");
      at += step.consumed;
      result.body.append(step.data);
      result.outcome = step.outcome;
      result.status = step.status;
      result.consumed = start + at;
      if (step.outcome == ChunkedOutcome::data) continue;
      if (step.outcome == ChunkedOutcome::more) require(at == length, "more");
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
