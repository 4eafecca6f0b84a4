## An echo server of coroutines. Its one argument is the port on 127.0.0.1; 0, the default, picks
## one.
import std/os
import socketpoll/async_socket, socketpoll/eventloop

let loop = getEventLoop()

proc serve(client: AsyncSocket) =
  defer: client.close()
  while true:
    let data = client.recv(loop, 16384, timeoutMs = 60_000)
    if data.len == 0: break
    discard client.send(loop, data)

proc start(client: AsyncSocket) =
  ready newCoroutine((proc () = serve(client)), stackSize = 64 * 1024)

proc main() =
  let listener = newAsyncSocket()
  listener.bindAddr("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0"))
  listener.listen()
  echo "listening on port ", listener.localPort
  while true: start(listener.accept(loop))

ready newCoroutine(main)
loop.run()
