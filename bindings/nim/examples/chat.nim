## A chat: every line goes to everybody else. A coroutine a client reads; writing never waits, so a
## client that reads slowly is cut off when a mebibyte of output waits for it. The argument is the
## port on 127.0.0.1; 0, the default, picks one.
import std/[os, sets, hashes]
import socketpoll/async_socket, socketpoll/eventloop

proc hash(socket: AsyncSocket): Hash = hash(cast[pointer](socket))

let loop = getEventLoop()
var members: HashSet[AsyncSocket]

proc say(author: AsyncSocket; line: string) =
  var lost: seq[AsyncSocket]
  for member in members:
    if member == author: continue
    try: member.write(line)
    except SocketPollError: lost.add member
  for member in lost:
    members.excl member
    member.close()

proc attend(member: AsyncSocket) =
  members.incl member
  try:
    discard member.send(loop, "welcome\n")
    while true:
      let line = member.recvLine(loop, 4096)
      if line.len == 0: break
      say(member, line)
  except SocketPollError: discard # gone, or cut off
  finally:
    members.excl member
    member.close()

proc start(member: AsyncSocket) =
  ready newCoroutine((proc () = attend(member)), stackSize = 64 * 1024)

proc main() =
  let listener = newAsyncSocket()
  listener.bindAddr("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0"))
  listener.listen()
  echo "listening on port ", listener.localPort
  while true: start(listener.accept(loop))

ready newCoroutine(main)
loop.run()
