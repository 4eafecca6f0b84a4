// Net floor, TLS. Why a connection failed, in a sentence for people who have never seen one: the
// same words whichever engine found it out.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace socketpoll::tls {

// What a certificate says of itself.
struct CertificateFacts {
  std::string subject, issuer;       // "CN=localhost"
  std::string not_before, not_after; // "2026-11-30"
  std::vector<std::string> names;    // hosts and addresses
  std::string detail;                // what is wrong, where no code says it
};

// The detail of what the program would not have.
constexpr std::string_view kProgramRefused = "this program refuses it";

// "127.0.0.1" of an address in network order; empty where it is none. Throws std::bad_alloc.
std::string text_of_address(std::span<const uint8_t> bytes);

// `code` is one of SOCKET_ECERT*; `wanted` is whom a client wanted to reach. Throws std::bad_alloc.
std::string explain_certificate(int code, const CertificateFacts &facts, std::string_view wanted);

// Of an alert that the peer sent (RFC 8446, 6). Throws std::bad_alloc.
std::string explain_alert(int number);

// Of everything else, `detail` in the engine's own words. Throws std::bad_alloc.
std::string explain_failure(int code, std::string_view detail);

} // namespace socketpoll::tls
