## An echo server on the raw layer: one loop over an array of events, no callback, no coroutine, no
## allocation. What other languages' bindings stand on. The argument is the port on 127.0.0.1.
import std/os
import socketpoll/raw

let loop = SocketLoop_new()
let listener = SocketListener_new(loop)
let address = "127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0")
if SocketListener_listen(listener, cstring(address)) < 0:
  quit($Socket_last_error_message(), 1)
echo "listening on port ", SocketListener_get_port(listener)

var events: array[64, SocketCompletion_T]
while true:
  let count = SocketLoop_wait(loop, addr events[0], 64, -1)
  if count < 0: quit($Socket_last_error_message(), 1)
  for event in events.toOpenArray(0, count - 1):
    var stream = SocketStream_T(event.subject)
    case event.kind
    of SOCKET_ACCEPTED: discard SocketStream_start(stream)
    of SOCKET_DATA: discard SocketStream_write(stream, event.data, event.length)
    of SOCKET_EOF: discard SocketStream_close(stream)
    of SOCKET_CLOSED: SocketStream_free(addr stream)
    else: discard
