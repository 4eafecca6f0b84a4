## The sockets as futures of std/asyncdispatch.
import std/strutils
import socketpoll/[asyncio, http, raw]
import testing

proc listening(): AsyncSocket =
  result = newAsyncSocket()
  result.bindAddr("127.0.0.1:0")
  result.listen()

proc echoOnce(server: AsyncSocket) {.async.} =
  let client = await server.accept()
  while true:
    let data = await client.recv(1000)
    if data.len == 0: break
    await client.send(data)
  client.close()

test "echo, with await":
  proc main() {.async.} =
    let server = listening()
    asyncCheck echoOnce(server)
    let client = newAsyncSocket()
    await client.connect("127.0.0.1", server.localPort, timeoutMs = 5000)
    await client.send("hello\nrest")
    check (await client.recvLine()) == "hello\n"
    check (await client.recvExactly(4)) == "rest"
    let big = repeat("0123456789", 50_000)
    let sent = client.send(big)
    check (await client.recvExactly(big.len)) == big
    await sent
    client.shutdown()
    check (await client.recv(10)) == ""
    client.close()
    server.close()
  waitFor main()

test "sleeps end in their order, beside the dispatcher's own":
  var order: seq[string]
  proc one(name: string; ms: int; ours: bool) {.async.} =
    if ours: await sleepFor(ms) else: await sleepAsync(ms)
    order.add name
  waitFor all(one("c", 90, true), one("b", 50, false), one("a", 10, true))
  check order == @["a", "b", "c"]

test "what fails is in the future":
  proc main() {.async.} =
    let server = listening()
    let port = server.localPort
    try:
      discard await server.accept(timeoutMs = 5)
      check false
    except TimeoutError as error: check error.msg.contains("accept")
    server.close()
    let client = newAsyncSocket()
    try:
      await client.connect("127.0.0.1", port)
      check false
    except ConnectionRefusedError as error: check error.msg.contains($port.uint16)
    client.close()
    try:
      discard await client.recv(10)
      check false
    except StaleHandleError as error: check error.msg.contains("AsyncSocket(closed")
    var none: AsyncSocket
    try:
      await none.send("x")
      check false
    except StaleHandleError as error: check error.msg.contains("AsyncSocket(nil)")
  waitFor main()

test "UDP and names":
  proc main() {.async.} =
    let a = newUdpSocket("127.0.0.1:0")
    let b = newUdpSocket("127.0.0.1:0")
    let coming = b.recvFrom(timeoutMs = 5000)
    await a.sendTo("127.0.0.1:" & $b.localPort.uint16, "ping")
    let (data, sender) = await coming
    check data == "ping" and sender == "127.0.0.1:" & $a.localPort.uint16
    check "127.0.0.1" in (await resolve("localhost", 5000))
    a.close()
    b.close()
  waitFor main()

test "100 clients at a time, 50 messages each":
  proc client(port: Port; name: int) {.async.} =
    let socket = newAsyncSocket()
    await socket.connect("127.0.0.1", port)
    for turn in 0 ..< 50:
      let text = repeat($name & "." & $turn, 10)
      await socket.send(text)
      check (await socket.recvExactly(text.len, 10_000)) == text
    socket.close()
  proc main() {.async.} =
    let server = listening()
    var all: seq[Future[void]]
    for i in 0 ..< 100:
      asyncCheck echoOnce(server)
      all.add client(server.localPort, i)
    for one in all: await one
    server.close()
  waitFor main()

test "a coroutine runs beside the futures":
  let server = listening()
  var seen = ""
  ready newCoroutine(proc () =
    let loop = getEventLoop()
    let one = server.accept(loop)
    seen = one.recv(loop, 100)
    discard one.send(loop, "from a coroutine")
    one.close())
  proc main() {.async.} =
    let client = newAsyncSocket()
    await client.connect("127.0.0.1", server.localPort)
    await client.send("from a future")
    check (await client.recv(100)) == "from a coroutine"
  waitFor main()
  check seen == "from a future"
  server.close()

test "a loop of a backend without a descriptor":
  let other = newEventLoop("poll")
  check raises(SocketPollError, embed(other)).contains("drives another one")
  other.close()

proc fetch(port: int; path: string): Future[string] {.async.} =
  let client = newAsyncSocket()
  await client.connect("127.0.0.1:" & $port)
  await client.send("POST " & path & " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" &
                    "Content-Length: 4\r\n\r\nbody")
  while true:
    let part = await client.recv(1000, 5000)
    if part.len == 0: break
    result.add part
  client.close()

test "routes to async procs":
  var told = ""
  proc slow(request: Request) {.async.} =
    await sleepFor(2)
    if request.query == "fail": raise newException(ValueError, "after a while")
    request.respond(200, "slow " & request.body)
  proc atOnce(request: Request) {.async.} = request.respond(200, "at once")
  let server = newHttpServer()
  server.onError = proc (request: Request; error: ref Exception) = told = error.msg
  server.route("POST", "/slow", slow)
  server.route("POST", "/once", atOnce)
  server.listen("127.0.0.1:0")
  check (waitFor fetch(server.port, "/slow")).endsWith("slow body")
  check (waitFor fetch(server.port, "/once")).endsWith("at once")
  check (waitFor fetch(server.port, "/slow?fail")).startsWith("HTTP/1.1 500 ")
  check told.startsWith("after a while")
  server.close()

test "the thread's next loop, after the first was closed":
  proc once() {.async.} =
    let server = listening()
    asyncCheck echoOnce(server)
    let client = newAsyncSocket()
    await client.connect("127.0.0.1", server.localPort)
    await client.send("again")
    check (await client.recvExactly(5)) == "again"
    client.close()
    server.close()
    await sleepFor(1)
  for _ in 0 ..< 5:
    waitFor once()
    getEventLoop().close()
  waitFor once()
