## The example of the user's notes, word for word but for its import lines: an echo server of one
## coroutine that serves one message a connection.
import socketpoll/eventloop
import socketpoll/async_socket

# Server coroutine
proc server() =
  let loop = getEventLoop()
  let sock = newAsyncSocket()
  sock.bindAddr(Port(8080))
  sock.listen()

  while true:
    let client = sock.accept(loop)
    let data = client.recv(loop, 1024)
    discard client.send(loop, "Echo: " & data)
    client.close()

# Start server
let serverCoro = newCoroutine(server)
ready(serverCoro)
getEventLoop().run()
