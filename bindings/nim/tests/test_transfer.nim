## Bytes that move by themselves, and loops of other threads.
import std/[atomics, os, strutils]
import socketpoll/[http, transfer, workers, raw]
import testing

let loop = getEventLoop()
let folder = getTempDir() / "socketpoll_nim_transfer_" & $getCurrentProcessId()
let text = repeat("0123456789abcdef", 20_000)
createDir(folder)
writeFile(folder / "file", text)

proc pair(): (AsyncSocket, AsyncSocket) =
  let listener = newAsyncSocket()
  listener.bindAddr("127.0.0.1:0")
  listener.listen()
  let client = newAsyncSocket()
  client.connect(loop, "127.0.0.1", listener.localPort, 5000)
  result = (client, listener.accept(loop, 5000))
  listener.close()

test "a file goes to a connection":
  let (a, b) = pair()
  let sender = newCoroutine(proc () = check a.sendFile(folder / "file", 20_000) == text.len)
  ready sender
  check b.recvExactly(loop, text.len, 20_000) == text
  check raises(SocketPollError, drop a.sendFile(folder / "none")).contains(folder / "none")
  for one in [a, b]: one.close()

test "a relay between two connections":
  let (a, b) = pair()
  let (c, d) = pair()
  var moved = 0
  ready newCoroutine(proc () = moved = relay(b, c, 20_000))
  ready newCoroutine(proc () =
    discard a.send(loop, text, 20_000)
    a.shutdown())
  check d.recvExactly(loop, text.len, 20_000) == text
  while moved == 0: loop.runOnce(20_000)
  check moved == text.len
  for one in [a, b, c, d]: one.close()

test "pipelines: files, strings, limits":
  check newPipeline().fromFile(folder / "file", 16, 32).toFile(folder / "part").run(20_000) == 32
  check readFile(folder / "part") == text[16 .. 47]
  newPipeline().fromText("more").toFile(folder / "part", SOCKET_FILE_APPEND).run()
  check readFile(folder / "part") == text[16 .. 47] & "more"
  newPipeline().fromText("abcdef").limit(3).toFile(folder / "part").run()
  check readFile(folder / "part") == "abc"
  let onto = newPipeline().fromText("x")
  check raises(SocketPollError, drop onto.toFile(folder / "part", SOCKET_FILE_NEW)
    ).contains("EEXIST")
  check raises(SocketPollError, drop newPipeline().run()).contains("move bytes")
  let (a, b) = pair()
  discard a.send(loop, "from a socket")
  a.shutdown()
  check newPipeline().fromSocket(b).toFile(folder / "part").run(20_000) == 13
  check readFile(folder / "part") == "from a socket"
  for one in [a, b]: one.close()

test "a limiter":
  let limiter = newLimiter(1000, burst = 100)
  check limiter.take(60) == 60 and limiter.take(60) == 40
  check limiter.delay(100) in 1 .. 100
  let begun = loop.now
  check newPipeline().fromText(repeat('x', 150)).speed(newLimiter(1000, burst = 50)
    ).toFile(folder / "slow").run(20_000) == 150
  loop.runOnce(0)
  check loop.now - begun >= 90
  check raises(SocketPollError, drop newLimiter(0)).contains("limit to 0")

var set: array[3, Atomic[bool]]
var port: Atomic[int]

test "workers share a port":
  let first = newHttpServer()
  first.listen("127.0.0.1:0", reusePort = true)
  port.store first.port
  let workers = startWorkers(3, proc (index: int) =
    let server = newHttpServer()
    server.route("GET", "/", proc (request: Request) = request.respond(200, "a worker"))
    server.listen("127.0.0.1:" & $port.load, reusePort = true)
    set[index].store true)
  for one in set.mitems: check one.load
  first.close()
  for _ in 0 ..< 20:
    let client = newAsyncSocket()
    client.connect(loop, "127.0.0.1:" & $port.load, 5000)
    discard client.send(loop, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    check client.recvUntil(loop, "a worker", timeoutMs = 5000).endsWith("a worker")
    client.close()
  workers.stop()
  workers.stop()
  let late = newAsyncSocket()
  check raises(ConnectionRefusedError, late.connect(loop, "127.0.0.1:" & $port.load)).len > 0

test "a worker that cannot start":
  check raises(SocketPollError, drop startWorkers(2, proc (index: int) =
    if index == 1: raise newException(ValueError, "no second one"))) == "no second one"

removeDir(folder)
