## What TLS has agreed on, asked of a connection. In the clear, and before the handshake is over, the
## answers are "" and false.
import async_socket, errors, raw, tls
export async_socket, tls

template text(socket: AsyncSocket; ask, what: untyped): untyped =
  var into {.noinit.}: array[256, char]
  let length = ask(socket.native, cast[cstring](addr into[0]), int32(into.len))
  if length < 0 and length notin [SOCKET_ENOTSUP, SOCKET_ENOTCONN]:
    raiseError(length, "ask for " & what & " of " & $socket)
  if length > 0: $cast[cstring](addr into[0]) else: ""

proc tlsVersion*(socket: AsyncSocket): string = $SocketStream_get_tls_version(socket.native)
  ## "TLSv1.3" or "TLSv1.2".

proc tlsSuite*(socket: AsyncSocket): string = $SocketStream_get_tls_suite(socket.native)
  ## The IANA name of the cipher suite.

proc tlsProtocol*(socket: AsyncSocket): string =
  ## The protocol that ALPN has found.
  text(socket, SocketStream_get_tls_alpn, "the protocol")

proc tlsServerName*(socket: AsyncSocket): string =
  ## The name that the client has asked for (SNI).
  text(socket, SocketStream_get_tls_server, "the server name")

proc tlsResumed*(socket: AsyncSocket): bool = SocketStream_is_tls_resumed(socket.native) == 1
  ## Whether an earlier session was resumed.

proc tlsFailure*(socket: AsyncSocket): string = failureText(socket.native)
  ## Why TLS failed; "" if it did not.

proc peerCertificate*(socket: AsyncSocket; index = 0): string =
  ## The peer's certificate (DER), or at `index` those that it sent along; "" if there is none, and
  ## where a session is resumed: it was shown in the first.
  readCertificate("ask for the certificate of the peer of " & $socket, proc (into: pointer;
                  room: int64): int64 =
    SocketStream_get_tls_certificate(socket.native, int32(index), into, room))
