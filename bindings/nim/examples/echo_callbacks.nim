## An echo server of callbacks. Its one argument is the port on 127.0.0.1; 0, the default, picks
## one.
import std/os
import socketpoll/callbacks

let listener = newAsyncSocket()
listener.bindAddr("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0"))
listener.listen()
listener.onAccept do (client: AsyncSocket):
  client.onData do (data: string):
    # What this client does not take is kept for it, but not without end.
    if client.write(data) > 262_144: client.pause()
  client.onDrain do (): client.resume()
echo "listening on port ", listener.localPort
listener.loop.run()
