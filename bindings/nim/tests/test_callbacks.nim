## Sockets and timers by callbacks.
import std/strutils
import socketpoll/[callbacks, raw]
import testing

let loop = getEventLoop()

proc listening(): AsyncSocket =
  result = newAsyncSocket()
  result.bindAddr("127.0.0.1:0")
  result.listen()

proc dial(listener: AsyncSocket): AsyncSocket =
  result = newAsyncSocket()
  result.connect(loop, "127.0.0.1", listener.localPort, 5000)

proc echoes(): AsyncSocket =
  result = listening()
  result.onAccept do (client: AsyncSocket):
    client.onData do (data: string): client.write(data)

test "echo, to a client that waits":
  let listener = echoes()
  let client = dial(listener)
  discard client.send(loop, "hello")
  check client.recvExactly(loop, 5, 5000) == "hello"
  client.shutdown()
  check client.recv(loop, 10, 5000) == ""
  client.close()
  listener.close()
  loop.run() # nothing is left

test "callbacks on both sides, until the loop has nothing to do":
  let listener = listening()
  var ended: seq[string]
  listener.onAccept do (client: AsyncSocket):
    client.onEnd do (error: ref Exception): ended.add "server " & $error.isNil
    client.onData do (data: string):
      client.write(data.toUpperAscii)
      listener.close()
  let client = dial(listener)
  var seen = ""
  client.onEnd do (error: ref Exception): ended.add "client"
  client.onData do (data: string):
    seen.add data
    if seen.len == 5: client.close()
  client.write("shout")
  loop.run()
  check seen == "SHOUT"
  check ended == @["server true"] # `client` closed itself

test "connections that came before the callback":
  let listener = listening()
  let client = dial(listener)
  discard client.send(loop, "early")
  var seen = ""
  listener.onAccept do (accepted: AsyncSocket):
    accepted.onData do (data: string):
      seen = data
      accepted.close()
      listener.close()
  loop.run()
  check seen == "early"
  client.close()

test "a callback that raises costs its connection":
  let listener = listening()
  var reason = ""
  listener.onAccept do (client: AsyncSocket):
    client.onEnd do (error: ref Exception):
      if not error.isNil: reason = error.msg
    client.onData do (data: string):
      if data == "bad": raise newException(ValueError, "cannot read that")
      client.write(data)
  let good = dial(listener)
  let bad = dial(listener)
  discard bad.send(loop, "bad")
  check (try: bad.recv(loop, 10, 5000) except ConnectionError: "") == ""
  check reason == "cannot read that"
  discard good.send(loop, "good")
  check good.recv(loop, 10, 5000) == "good"
  for one in [good, bad, listener]: one.close()

test "a peer that reads slowly":
  let listener = listening()
  listener.onAccept do (client: AsyncSocket):
    client.onDrain do (): client.resume()
    client.onData do (data: string):
      if client.write(data) > 262_144: client.pause()
  let client = dial(listener)
  let text = repeat("0123456789", 500_000)
  let writer = newCoroutine(proc () = discard client.send(loop, text, 20_000))
  ready writer
  loop.runOnce(0)
  check client.recvExactly(loop, text.len, 20_000) == text
  client.close()
  listener.close()

test "timers":
  var seen: seq[string]
  loop.after(30, proc () = seen.add "once")
  let never = loop.after(10, proc () = seen.add "never")
  never.stop()
  never.stop()
  var ticks = 0
  var ticker: Timer
  ticker = loop.every(1, proc () =
    inc ticks
    if ticks == 5: ticker.stop())
  loop.after(0, proc () = raise newException(ValueError, "of a timer, on purpose"))
  loop.run()
  check seen == @["once"] and ticks == 5
  check raises(SocketPollError, drop loop.every(0, proc () = discard)).contains("every 0 ms")
  check raises(SocketPollError, drop loop.after(-2, proc () = discard)).contains("-2 ms")
  check raises(SocketPollError, drop loop.after(1, nil)).contains("nil proc")

test "misuse":
  let listener = listening()
  check raises(SocketPollError, listener.onData(proc (data: string) = discard)).contains("listener")
  proc nothing(client: AsyncSocket) = discard
  check raises(SocketPollError, newAsyncSocket().onAccept(nothing)).contains("unused")
  listener.close()
  check raises(StaleHandleError, listener.onAccept(nothing)).contains("closed")

proc forgotten(): Port {.noinline.} = listening().localPort

proc scribble(): int {.noinline.} =
  var words: array[4000, int]
  for i in 0 ..< words.len: words[i] = i
  words[1234]

test "a listener that was dropped leaves nothing with the loop":
  let before = loop.attached
  for _ in 0 ..< 20: discard forgotten()
  discard scribble()
  GC_fullCollect()
  while loop.runOnce(0): discard
  check loop.attached - before <= (when defined(gcArc) or defined(gcOrc): 0 else: 1)
