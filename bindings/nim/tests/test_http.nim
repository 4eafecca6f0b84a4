## The HTTP server: routes, bodies, handlers that wait, and handlers that fail.
import std/[os, strutils]
import socketpoll/[async_socket, http, raw]
import testing

let loop = getEventLoop()
let server = newHttpServer(loop, maxTarget = 200, idleTimeoutMs = 30_000)
var errors: seq[string]
var logged: seq[LogEntry]
server.onLog do (entry: LogEntry): logged.add entry
server.onError = proc (request: Request; error: ref Exception) = errors.add error.msg

server.route("GET", "/hello/:name") do (request: Request):
  request.respond(200, "Hello " & request.parameter("name") & "\n")
server.route("GET", "/ask") do (request: Request):
  var fields = 0
  for name, value in request.headers:
    if name.toLowerAscii == "x-one": check value == request.header("X-ONE")
    inc fields
  request.setHeader("X-Two", "2")
  request.respond(201, [request.httpMethod, request.target, request.path, request.query,
                        request.header("x-one"), request.header("none"), request.peer,
                        $fields].join("|"))
server.route("GET", "/fail") do (request: Request):
  raise newException(ValueError, "the handler fails")
server.route("GET", "/defect") do (request: Request):
  var empty: seq[int]
  request.respond(200, $empty[empty.len])
server.route("GET", "/late-fail") do (request: Request):
  request.startResponse(200, length = 100)
  request.write("some")
  raise newException(ValueError, "after the head")
server.route("GET", "/stream") do (request: Request):
  request.startResponse(200, "text/plain")
  for i in 0 ..< 3: request.write("part " & $i & "\n")
  request.finish()
server.route("GET", "/waits-wrongly") do (request: Request):
  loop.sleep(1)
server.route("POST", "/body", rkBody) do (request: Request):
  request.respond(200, $request.body.len & ":" & request.body[0 .. min(9, request.body.high)])
server.route("POST", "/slow", rkCoroutine) do (request: Request):
  loop.sleep(5)
  if request.body == "fail": raise newException(IOError, "in a coroutine")
  request.respond(200, request.body.toUpperAscii)

server.route("POST", "/parts", rkStream) do (request: Request):
  var total, parts = 0
  while true:
    let part = request.readBody(5000)
    if part.len == 0: break
    total += part.len
    inc parts
  if total == 4: raise newException(ValueError, "four bytes")
  request.startResponse(200)
  for _ in 0 ..< 50: request.send(repeat('x', 100_000), 5000)
  request.send($total & ":" & $(parts > 1))
  request.finish()
server.route("POST", "/parts-left", rkStream) do (request: Request):
  try:
    while request.readBody(5000).len > 0: discard
  finally: errors.add "let go"

let folder = getTempDir() / "socketpoll_nim_" & $getCurrentProcessId()
createDir(folder)
writeFile(folder / "index.html", "<p>index</p>")
server.serveStatic("/files/", folder)
server.listen("127.0.0.1:0")

proc ask(text: string; times = 1): string =
  ## What the server answers until it closes.
  let client = newAsyncSocket()
  client.connect(loop, "127.0.0.1:" & $server.port)
  discard client.send(loop, text)
  while true:
    let part = try: client.recv(loop, 65536, 5000)
               except ConnectionError: ""
    if part.len == 0: break
    result.add part
  client.close()

proc get(path: string; fields = ""): string =
  ask("GET " & path & " HTTP/1.1\r\nHost: a\r\n" & fields & "Connection: close\r\n\r\n")

proc post(path, body: string): string =
  ask("POST " & path & " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " & $body.len &
      "\r\n\r\n" & body)

test "a route with a parameter":
  let answer = get("/hello/a%20b")
  check answer.startsWith("HTTP/1.1 200 ") and answer.endsWith("\r\n\r\nHello a b\n")
  check get("/nowhere").startsWith("HTTP/1.1 404 ")

test "what a request says":
  let answer = get("/ask?x=1", "X-One: 1\r\n")
  check answer.startsWith("HTTP/1.1 201 ") and answer.contains("X-Two: 2\r\n")
  check answer.endsWith("GET|/ask?x=1|/ask|x=1|1||127.0.0.1|3")

test "a handler that raises gives 500, and the others go on":
  errors = @[]
  check get("/fail").startsWith("HTTP/1.1 500 ")
  check get("/hello/x").endsWith("Hello x\n")
  when not defined(danger):
    check get("/defect").startsWith("HTTP/1.1 500 ")
  check errors[0] == "the handler fails"
  let cut = get("/late-fail")
  check cut.startsWith("HTTP/1.1 200 ") and cut.endsWith("some")
  check errors[^1] == "after the head"
  check get("/hello/y").endsWith("Hello y\n")

test "a handler that would block is told so":
  errors = @[]
  check get("/waits-wrongly").startsWith("HTTP/1.1 500 ")
  check errors[0].contains("a coroutine may wait")

test "a response in parts":
  check get("/stream").contains("part 0\n") and get("/stream").contains("part 2\n")

test "a body, small and large":
  check post("/body", "0123456789abc").endsWith("\r\n\r\n13:0123456789")
  check post("/body", repeat("x", 300_000)).endsWith("300000:xxxxxxxxxx")
  check post("/body", repeat("x", 2_000_000)).startsWith("HTTP/1.1 413 ")

test "handlers that wait":
  check post("/slow", "shout").endsWith("SHOUT")
  errors = @[]
  check post("/slow", "fail").startsWith("HTTP/1.1 500 ")
  check errors == @["in a coroutine"]

test "bodies in parts, both ways, of more than is kept":
  let answer = post("/parts", repeat('x', 1_000_000))
  check answer.endsWith("1000000:true\r\n0\r\n\r\n") and answer.len > 5_000_000
  check post("/parts", "").contains("0:false")
  errors = @[]
  check post("/parts", "four").startsWith("HTTP/1.1 500 ")
  check errors == @["four bytes"]

test "a client that leaves in the middle of a body":
  errors = @[]
  let client = newAsyncSocket()
  client.connect(loop, "127.0.0.1:" & $server.port)
  discard client.send(loop, "POST /parts-left HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab")
  client.close()
  while errors.len < 2: loop.runOnce(5000)
  check errors[0] == "let go" and errors[1].contains("read the body of a request")

test "the access log, and limits":
  logged = @[]
  check get("/hello/log").endsWith("Hello log\n")
  check logged.len == 1 and logged[0].peer == "127.0.0.1" and logged[0].httpMethod == "GET"
  check logged[0].target == "/hello/log" and logged[0].status == 200 and logged[0].bytes == 10
  check get("/hello/" & repeat('x', 300)).startsWith("HTTP/1.1 414 ")
  check raises(SocketPollError, drop newHttpServer(loop, maxConnections = 0)
    ).contains("such limits")

test "two requests on one connection":
  let answer = ask("GET /hello/1 HTTP/1.1\r\nHost: a\r\n\r\n" &
                   "GET /hello/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  check answer.contains("Hello 1\n") and answer.endsWith("Hello 2\n")

test "static files":
  check get("/files/").endsWith("<p>index</p>")
  check get("/files/none").startsWith("HTTP/1.1 404 ")

var kept: Request

test "a request that is over":
  server.route("GET", "/keep") do (request: Request):
    kept = request
    request.respond(200, "kept")
  check get("/keep").endsWith("kept")
  check raises(StaleHandleError, kept.respond(200, "again")).contains("respond to a request")
  check raises(StaleHandleError, drop kept.path).contains("path")

test "a client that goes away before the answer":
  let before = loop.stat(SOCKET_STAT_OBJECTS)
  errors = @[]
  let client = newAsyncSocket()
  client.connect(loop, "127.0.0.1:" & $server.port)
  discard client.send(loop, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
  client.close()
  while loop.stat(SOCKET_STAT_OBJECTS) > before: loop.runOnce(5000)
  check get("/hello/z").endsWith("Hello z\n")

test "nil, bad patterns and closed servers":
  check raises(SocketPollError, server.route("GET", "/nil", Handler(nil))).contains("nil handler")
  check raises(SocketPollError, server.route("GET", "bad", proc (request: Request) = discard)
    ).contains("GET bad")
  check raises(SocketPollError, server.serveStatic("/x/", "/no/such/folder")
    ).contains("/no/such/folder")
  check raises(AddressInUseError, server.listen("127.0.0.1:" & $server.port)).contains("listen on")
  let other = newHttpServer(loop)
  other.close()
  other.close()
  check raises(StaleHandleError, other.listen("127.0.0.1:0")).contains("HttpServer(closed)")
  var none: HttpServer
  check raises(StaleHandleError, none.listen("127.0.0.1:0")).contains("HttpServer(nil)")

test "a gentle stop ends run":
  server.stop(1000)
  server.run()
  server.close()
  removeDir(folder)
