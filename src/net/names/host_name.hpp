// Net floor. What a host may be called, told from the text alone: a numeric address, "localhost",
// or a name for the name service.
//
// A name is 1 to 253 bytes of ASCII without spaces and control characters, in labels of 1 to 63
// (RFC 1035, 2.3.4), with or without a final dot. No IDN here: names beyond ASCII are given in
// their "xn--" form (RFC 5890). A last label that begins with a digit and looks like a number is no
// name: "127.1" and "0x7f.1" are what inet_aton(3) would take for addresses, and no top-level
// domain is like that (RFC 3696, 2).
#pragma once

#include "base/result.hpp"
#include "net/names/address.hpp"

#include <array>
#include <string_view>

namespace socketpoll {

// "192.0.2.1", "2001:db8::1", of `family` (AF_UNSPEC: any), with port 0. SOCKET_EADDRESS for
// everything else.
Result<Address> parse_host(std::string_view text, int family) noexcept;

// SOCKET_ENAMETOOLONG, or SOCKET_EADDRESS for what can be no name.
Status check_host_name(std::string_view name) noexcept;

// "localhost" and what ends in ".localhost" are this machine, whatever a name server says
// (RFC 6761, 6.3).
bool is_localhost(std::string_view name) noexcept;

// ::1 and 127.0.0.1.
std::array<Address, 2> loopback_addresses() noexcept;

} // namespace socketpoll
