// Net floor, TLS. Which versions and cipher suites are spoken: the table of all suites that either
// engine can, and the policies that choose among them.
//
// All are forward-secret and authenticated (AEAD). "modern" and "intermediate" follow Mozilla's
// guidance for servers, version 5.7.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace socketpoll::tls {

enum class Version : uint16_t { tls12 = 0x0303, tls13 = 0x0304 };

struct Suite {
  uint16_t number;          // of the IANA registry
  std::string_view name;    // there
  std::string_view openssl; // and OpenSSL's
  Version version;
};

std::span<const Suite> suites() noexcept;
// nullptr where it is none of ours. By either name.
const Suite *find_suite(std::string_view name) noexcept;
const Suite *find_suite(uint16_t number) noexcept;

struct Policy {
  Version least = Version::tls12;
  Version most = Version::tls13;
  std::vector<const Suite *> suites; // best first
  bool allows(Version version) const noexcept { return version >= least && version <= most; }
};

// "modern", "intermediate", or "custom" and the names of suites, separated by colons:
// "custom:TLS_AES_128_GCM_SHA256:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"; the versions follow from
// the suites. SOCKET_EINVAL. Throws std::bad_alloc.
Result<Policy> parse_policy(std::string_view text);

} // namespace socketpoll::tls
