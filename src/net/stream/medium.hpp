// Net floor. What a stream's descriptor is, as far as anybody has to know.
#pragma once

#include <cstdint>

namespace socketpoll {

enum class Medium : uint8_t {
  tcp,         // of the kernel or of a simulation
  unix_socket, // unix(7): also carries descriptors and says who the peer is
  plain,       // a pipe, a FIFO or a terminal: read(2) and write(2)
};

} // namespace socketpoll
