// Feeds one head or body whole, byte by byte and cut in two at every point, and insists that the
// answer is always the same.
#pragma once

#include "cmocka_cpp.hpp"
#include "feed.hpp"

namespace socketpoll::http {

// Whole, byte by byte and cut in two at every point.
inline Parsed parse_every_way(std::string_view text, const H1Limits &limits = {}) {
  Parsed whole = parse_in_pieces(text, {text.size()}, limits);
  require_sound(whole);
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

inline Unchunked unchunk_every_way(std::string_view text, const ChunkedLimits &limits = {}) {
  const Unchunked whole = unchunk_in_pieces(text, {text.size()}, limits);
  assert_true(same_result(whole, unchunk_in_pieces(text, each_byte(text.size()), limits)));
  for (size_t i = 0; i < text.size(); i++)
    assert_true(same_result(whole, unchunk_in_pieces(text, {i, text.size()}, limits)));
  return whole;
}

} // namespace socketpoll::http
