#include "net/tls/failure.hpp"

#include "SocketError.h"

#include "net/names/address.hpp"

#include <algorithm>

namespace socketpoll::tls {

namespace {

struct Alert {
  int number;
  std::string_view name, meaning;
};
// RFC 8446, 6, and of those before it what is still sent.
constexpr Alert kAlerts[] = {
    {10, "unexpected_message", "it did not expect what we sent"},
    {20, "bad_record_mac", "what reached it was damaged"},
    {22, "record_overflow", "a record was too long for it"},
    {40, "handshake_failure",
     "it found nothing in common, misses a certificate of ours, or tells no reason"},
    {42, "bad_certificate", "our certificate is damaged or not acceptable to it"},
    {43, "unsupported_certificate", "our certificate is of a kind that it cannot use"},
    {44, "certificate_revoked", "our certificate was revoked"},
    {45, "certificate_expired", "our certificate has expired, or is not valid yet"},
    {46, "certificate_unknown", "our certificate is not acceptable to it"},
    {47, "illegal_parameter", "it could make no sense of what we sent"},
    {48, "unknown_ca", "it does not trust the authority of our certificate"},
    {49, "access_denied", "our certificate gives no access"},
    {50, "decode_error", "it could not read what we sent"},
    {51, "decrypt_error", "a signature or a check of ours was wrong"},
    {70, "protocol_version", "it speaks no version of TLS that we do"},
    {71, "insufficient_security", "it wants stronger cipher suites than ours"},
    {80, "internal_error", "it has a fault of its own"},
    {86, "inappropriate_fallback", "it speaks a later version than was tried"},
    {90, "user_canceled", "somebody there canceled it"},
    {109, "missing_extension", "it misses something in what we sent"},
    {110, "unsupported_extension", "we answered what it did not ask"},
    {112, "unrecognized_name", "it knows nobody of the name that was asked for"},
    {113, "bad_certificate_status_response", "what we told of our certificate's status is no good"},
    {115, "unknown_psk_identity", "it does not know the key that was agreed on"},
    {116, "certificate_required", "it wants a certificate of ours, and got none"},
    {120, "no_application_protocol", "it speaks no protocol that we offered (ALPN)"},
};

// "a, b and c", of many the first ones.
std::string enumerate(const std::vector<std::string> &names) {
  constexpr size_t kMost = 5;
  std::string text;
  const size_t told = std::min(names.size(), kMost);
  for (size_t i = 0; i < told; i++) {
    if (i > 0) text += i + 1 == told && told == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (told < names.size()) text += " and " + std::to_string(names.size() - told) + " others";
  return text;
}

std::string what_is_wrong(int code, const CertificateFacts &facts, std::string_view wanted) {
  switch (code) {
  case SOCKET_ECERT_EXPIRED: return "has expired";
  case SOCKET_ECERT_NOT_YET: return "is not valid yet by the clock of this machine";
  case SOCKET_ECERT_ISSUER:
    if (facts.issuer == facts.subject)
      return "is signed by nobody but itself, and is not trusted here";
    return "was issued by \"" + facts.issuer + "\", and leads to no authority that is trusted here";
  case SOCKET_ECERT_NAME:
    return (facts.names.empty() ? "names no host" : "is for " + enumerate(facts.names)) +
           ", not for " + std::string(wanted);
  case SOCKET_ECERT_REVOKED: return "was revoked";
  case SOCKET_ECERT_PIN: return "has none of the pinned keys";
  default: return "is not good for this" + (facts.detail.empty() ? "" : ": " + facts.detail);
  }
}

} // namespace

std::string text_of_address(std::span<const uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  Address address;
  address.family = bytes.size() == 4 ? AF_INET : AF_INET6;
  std::ranges::copy(bytes, address.bytes);
  char text[Address::kTextBytes] = "";
  static_cast<void>(address.format_host(text));
  return text;
}

std::string explain_certificate(int code, const CertificateFacts &facts, std::string_view wanted) {
  return "the certificate of \"" + facts.subject + "\" " + what_is_wrong(code, facts, wanted) +
         " (valid from " + facts.not_before + " to " + facts.not_after + ")";
}

std::string explain_alert(int number) {
  const Alert *const known = std::ranges::find(kAlerts, number, &Alert::number);
  const std::string which = "alert " + std::to_string(number);
  if (known == std::end(kAlerts)) return "the peer refused the connection (" + which + ")";
  return "the peer refused the connection: " + std::string(known->meaning) + " (" + which + ", " +
         std::string(known->name) + ")";
}

std::string explain_failure(int code, std::string_view detail) {
  std::string text;
  switch (code) {
  case SOCKET_ECERT_MISSING: return "the peer sent no certificate, and one is required";
  case SOCKET_ENOCOMMON:
    text = "the peer offers no version, cipher suite or protocol of ours";
    break;
  default: text = "what the peer sent is not TLS, or was damaged on its way"; break;
  }
  return detail.empty() ? text : text + " (" + std::string(detail) + ")";
}

} // namespace socketpoll::tls
