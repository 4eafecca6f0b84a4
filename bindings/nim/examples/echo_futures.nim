## An echo server of futures: std/asyncdispatch's `await`, socketpoll's sockets. Its one argument is
## the port on 127.0.0.1; 0, the default, picks one.
import std/[os, strutils]
import socketpoll/asyncio

proc serve(client: AsyncSocket) {.async.} =
  defer: client.close()
  while true:
    let data = await client.recv(16384)
    if data.len == 0: break
    await client.send(data)

proc main() {.async.} =
  let listener = newAsyncSocket()
  listener.bindAddr("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0"))
  listener.listen()
  echo "listening on port ", listener.localPort
  while true:
    asyncCheck serve(await listener.accept())

waitFor main()
