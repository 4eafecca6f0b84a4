// From a SocketTLS_T to its configuration: for the functions of SocketTLS.h, and for whatever
// listens.
#pragma once

#include "net/pinned_c.hpp"
#include "net/tls/config.hpp"

namespace socketpoll::tls {

// A server's that can be used, or, of NULL, none. SOCKET_EBADHANDLE, SOCKET_EINVAL. Throws
// std::bad_alloc.
inline Result<Ref<Config>> for_listening(SocketTLS_T tls) {
  if (!tls) return Ref<Config>();
  const Pinned<Config> config(word_of_handle(tls));
  if (!config) return Error{SOCKET_EBADHANDLE};
  if (!config->server()) return Error{SOCKET_EINVAL};
  if (auto context = config->context(); !context.ok()) return context.error();
  return Ref<Config>::share(*config);
}

} // namespace socketpoll::tls
