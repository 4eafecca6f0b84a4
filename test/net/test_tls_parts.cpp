// The parts of TLS that need no connection: names, policies, ticket keys, kept sessions, Base64.
#include "cmocka_cpp.hpp"

#include "net/tls/base64.hpp"
#include "net/tls/names.hpp"
#include "net/tls/policy.hpp"
#include "net/tls/session_cache.hpp"
#include "net/tls/ticket_keys.hpp"

#include <algorithm>

using namespace socketpoll;
using namespace socketpoll::tls;

static void names_match_as_rfc_9525_says(void **) {
  assert_true(name_matches("example.com", "EXAMPLE.com"));
  assert_true(name_matches("example.com", "example.com."));
  assert_true(name_matches("*.example.com", "www.example.com"));
  assert_false(name_matches("*.example.com", "example.com"));
  assert_false(name_matches("*.example.com", "a.b.example.com"));
  assert_false(name_matches("*.example.com", ".example.com"));
  assert_false(name_matches("w*.example.com", "www.example.com"));
  assert_false(name_matches("*", "localhost"));
  assert_false(name_matches("", ""));
  assert_false(name_matches("www.*.com", "www.example.com"));
  // A NUL in a certificate's name ends nothing.
  assert_false(name_matches(std::string_view("example.com\0.evil.org", 21), "example.com"));
}

static void servers_are_names_or_addresses(void **) {
  assert_string_equal(Server::parse("WWW.Example.COM.").name.c_str(), "www.example.com");
  assert_int_equal(Server::parse("192.0.2.1").address.size(), 4);
  assert_int_equal(Server::parse("2001:db8::1").address.size(), 16);
  assert_true(Server::parse("192.0.2.1").name.empty());
}

static void lists_are_split(void **) {
  const auto parts = split_list("a, b ,,c");
  assert_int_equal(parts.size(), 4);
  assert_string_equal(parts[1].c_str(), "b");
  assert_string_equal(parts[2].c_str(), "");
  assert_true(split_list("").empty());
}

static void policies(void **) {
  auto modern = parse_policy("modern");
  assert_true(modern.ok());
  assert_true(modern->least == Version::tls13 && modern->most == Version::tls13);
  auto both = parse_policy("intermediate");
  assert_true(both->least == Version::tls12 && both->most == Version::tls13);
  assert_int_equal(both->suites.size(), suites().size());
  auto one = parse_policy("custom:ECDHE-RSA-AES128-GCM-SHA256");
  assert_true(one->least == Version::tls12 && one->most == Version::tls12);
  for (const char *wrong : {"", "Modern", "custom:", "custom:RC4", "custom:TLS_AES_128_GCM_SHA256:",
                            "custom:TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA256",
                            "custom:TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384"})
    assert_int_equal(parse_policy(wrong).code(), SOCKET_EINVAL);
}

static void keys_are_replaced_in_time(void **) {
  TicketKeys keys;
  const auto first = keys.current(1000);
  assert_true(first.has_value());
  const int64_t half = TicketKeys::kLifetimeSeconds / 2;
  assert_true(keys.current(1000 + half - 1)->name == first->name);
  const auto second = keys.current(1000 + half);
  assert_true(second->name != first->name);
  assert_true(second->cipher != first->cipher && second->mac != first->mac);
  auto found = keys.find(first->name, 1000 + half);
  assert_true(found && found->renew && found->key.cipher == first->cipher);
  assert_false(keys.find(second->name, 1000 + half)->renew);
  // As long as a ticket lives its key is there; after that it goes.
  assert_true(keys.find(first->name, 1000 + 2 * half).has_value());
  assert_false(keys.find(first->name, 1000 + 3 * half).has_value());
  // A clock that was set back.
  const auto last = keys.current(1000 + 3 * half);
  assert_true(keys.current(10)->name != last->name);
}

static void given_keys_stay(void **) {
  TicketKeys keys;
  uint8_t bytes[2 * TicketKey::kBytes], out[TicketKeys::kMost * TicketKey::kBytes];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = static_cast<uint8_t>(i * 3);
  assert_true(keys.set(bytes).ok());
  assert_true(std::ranges::equal(keys.current(5)->name, std::span(bytes).first(16)));
  assert_true(std::ranges::equal(keys.current(1 << 30)->name, std::span(bytes).first(16)));
  assert_true(keys.find(std::span(bytes).subspan(TicketKey::kBytes, 16), 5)->renew);
  auto size = keys.get(out, 5);
  assert_true(size.ok() && *size == sizeof bytes);
  assert_memory_equal(out, bytes, sizeof bytes);
  assert_int_equal(keys.get(std::span(out).first(10), 5).code(), SOCKET_ENOBUFS);
  assert_int_equal(keys.set(std::span(bytes).first(79)).code(), SOCKET_EINVAL);
  assert_true(keys.set({}).ok()); // back to our own
  assert_false(std::ranges::equal(keys.current(5)->name, std::span(bytes).first(16)));
}

static void sessions_are_bounded_and_used_once(void **) {
  SessionCache cache(2);
  cache.put("a", "1");
  cache.put("b", "2");
  cache.put("a", "3");
  cache.put("c", "4"); // b was there longest
  assert_int_equal(cache.size(), 2);
  assert_string_equal(cache.take("b").c_str(), "");
  assert_string_equal(cache.take("a").c_str(), "3");
  assert_string_equal(cache.take("a").c_str(), "");
  assert_string_equal(cache.take("c").c_str(), "4");
  SessionCache none(0);
  none.put("a", "1");
  assert_int_equal(none.size(), 0);
}

static void base64(void **) {
  uint8_t out[4];
  assert_true(decode_base64("AQIDBA==", out));
  assert_int_equal(out[3], 4);
  for (const char *wrong : {"AQIDBB==", "AQIDBA=", "AQIDBA", "AQIDBAA=", "AQID-A==", "", "===="})
    assert_false(decode_base64(wrong, out));
}

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(names_match_as_rfc_9525_says),
      cmocka_unit_test(servers_are_names_or_addresses),
      cmocka_unit_test(lists_are_split),
      cmocka_unit_test(policies),
      cmocka_unit_test(keys_are_replaced_in_time),
      cmocka_unit_test(given_keys_stay),
      cmocka_unit_test(sessions_are_bounded_and_used_once),
      cmocka_unit_test(base64),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
