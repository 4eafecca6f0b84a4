// Net floor, TLS over mbedTLS. Session tickets: the session, sealed with AES-256-GCM under a key
// whose name stands in front of it, so that any process with the same keys opens it.
#pragma once

#include "net/tls/mbedtls/types.hpp"

namespace socketpoll::tls::mbed {

// Both return 0 or an error of mbedTLS's, as its callbacks do.
int seal_ticket(TicketKeys &keys, const mbedtls_ssl_session &session, std::span<unsigned char> room,
                size_t &length) noexcept;
// Decrypts in place.
int open_ticket(TicketKeys &keys, mbedtls_ssl_session &session,
                std::span<unsigned char> ticket) noexcept;

} // namespace socketpoll::tls::mbed
