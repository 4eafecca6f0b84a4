#include "net/tls/policy.hpp"

#include <algorithm>

namespace socketpoll::tls {

namespace {

constexpr Suite kSuites[] = {
    {0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", Version::tls13},
    {0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", Version::tls13},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", Version::tls13},
    {0xC02B, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
     Version::tls12},
    {0xC02F, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
     Version::tls12},
    {0xC02C, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384",
     Version::tls12},
    {0xC030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
     Version::tls12},
    {0xCCA9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
     Version::tls12},
    {0xCCA8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
     Version::tls12},
};

void settle_versions(Policy &policy) noexcept {
  policy.least = Version::tls13;
  policy.most = Version::tls12;
  for (const Suite *suite : policy.suites) {
    policy.least = std::min(policy.least, suite->version);
    policy.most = std::max(policy.most, suite->version);
  }
}

} // namespace

std::span<const Suite> suites() noexcept { return kSuites; }

const Suite *find_suite(std::string_view name) noexcept {
  for (const Suite &suite : kSuites)
    if (suite.name == name || suite.openssl == name) return &suite;
  return nullptr;
}

const Suite *find_suite(uint16_t number) noexcept {
  for (const Suite &suite : kSuites)
    if (suite.number == number) return &suite;
  return nullptr;
}

Result<Policy> parse_policy(std::string_view text) {
  constexpr std::string_view kCustom = "custom:";
  Policy policy;
  if (text == "modern" || text == "intermediate") {
    for (const Suite &suite : kSuites)
      if (suite.version == Version::tls13 || text == "intermediate")
        policy.suites.push_back(&suite);
  } else if (text.starts_with(kCustom)) {
    text.remove_prefix(kCustom.size());
    for (bool more = true; more;) {
      const size_t end = text.find(':');
      const Suite *suite = find_suite(text.substr(0, end));
      if (!suite || std::ranges::count(policy.suites, suite)) return Error{SOCKET_EINVAL};
      policy.suites.push_back(suite);
      more = end != text.npos;
      if (more) text.remove_prefix(end + 1);
    }
  } else {
    return Error{SOCKET_EINVAL};
  }
  settle_versions(policy);
  return policy;
}

} // namespace socketpoll::tls
