## A UDP service: answers each datagram with the time, and with what was asked. Its one argument is
## the port on 127.0.0.1; 0, the default, picks one.
import std/[os, times]
import socketpoll/async_socket, socketpoll/eventloop

let loop = getEventLoop()
let service = newUdpSocket("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0"))
echo "listening on port ", service.localPort

proc serve() =
  while true:
    try:
      let question = service.recvFrom(loop, 1500)
      service.sendTo(loop, question.sender, $getTime().utc & " " & question.data)
    except ConnectionError, TimeoutError: # what became of an earlier answer
      discard

ready newCoroutine(serve)
loop.run()
