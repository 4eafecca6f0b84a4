## An HTTP/1.1 server on a loop: routes, static files, and handlers that may wait.
##
##   let server = newHttpServer()
##   server.route("GET", "/hello/:name") do (request: Request):
##     request.respond(200, "Hello " & request.parameter("name") & "\n")
##   server.listen("127.0.0.1:8080")
##   server.run()
##
## A handler answers now or later. One that raises costs its own connection only: the client gets
## 500 (or, if the response had begun, a cut connection), and `onError` is told.
import std/tables
import errors, eventloop, raw, tls
export errors, eventloop, tls

type
  HttpServer* = ref object
    ## A server. Closing it twice is allowed; using it after that raises `StaleHandleError`.
    core: SocketHTTPServer_T
    loop: EventLoop
    routes: seq[Route]
    self: ServerEvents
    onError*: proc (request: Request; error: ref Exception)
      ## Told what a handler raised; nil: one line on stderr.
    address: string

  Request* = object
    ## One request and its response. A copy is the same request. Once it is answered, or its client
    ## has gone, asking it raises `StaleHandleError`.
    exchange: SocketHTTP_T
    body*: string ## the whole of it, where the route asked for it
    parts: Exchange

  Handler* = proc (request: Request)

  RouteKind* = enum
    rkPlain     ## the handler is called as soon as the head is there, and never waits
    rkBody      ## it is called when the body is there as well
    rkCoroutine ## likewise, and in a coroutine: it may wait
    rkStream    ## a coroutine, called at once: the body and the response go in parts, by
                ## `readBody` and `send`. It answers before it returns

  Route = ref object of Receiver
    server: HttpServer
    handler: Handler
    kind: RouteKind

  Exchange = ref object of Receiver # one whose body is on its way
    route: Route
    request: Request # of rkStream: empty
    part: string
    over, paused: bool
    status: int32
    reading, writing: Operation

  LogEntry* = object
    ## One request that is over. `status` 0: it got no answer.
    peer*, httpMethod*, target*: string
    status*: int
    bytes*: int64        ## of the response's body
    microseconds*: int64 ## from the request's first byte on

  ServerEvents = ref object of Receiver
    stopped: bool

var logs {.threadvar.}: Table[pointer, proc (entry: LogEntry)] # by the server's handle

proc finalizeServer(server: HttpServer) =
  SocketHTTPServer_free(addr server.core)

proc newServerObject(loop: EventLoop): HttpServer =
  new(result, finalizeServer)
  result.loop = loop

proc deliverServer(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let self = ServerEvents(receiver)
  if event.kind == SOCKET_HTTP_STOPPED and not self.stopped:
    self.stopped = true
    self.loop.detach(self)

proc newHttpServer*(loop: EventLoop = getEventLoop();
                    maxHead = SOCKET_HTTP_MAX_HEAD; maxTarget = SOCKET_HTTP_MAX_TARGET;
                    maxFields = SOCKET_HTTP_MAX_FIELDS; maxBody: int64 = SOCKET_HTTP_MAX_BODY;
                    maxConnections = SOCKET_HTTP_MAX_CONNECTIONS;
                    headTimeoutMs = SOCKET_HTTP_HEAD_TIMEOUT_MS;
                    bodyTimeoutMs = SOCKET_HTTP_BODY_TIMEOUT_MS;
                    idleTimeoutMs = SOCKET_HTTP_IDLE_TIMEOUT_MS;
                    writeTimeoutMs = SOCKET_HTTP_WRITE_TIMEOUT_MS): HttpServer =
  ## A server that does not listen yet. Clients that go beyond `max...` get 431, 414, 431 or 413;
  ## of connections more wait. The times: for a head, for a body (and longer as it arrives), for the
  ## next request on an open connection, and for a client to take some output; -1 for none.
  result = newServerObject(loop)
  result.core = SocketHTTPServer_new(loop.native())
  if result.core.isNil: raiseLast("make an HTTP server")
  let core = result.core
  for code in [SocketHTTPServer_set_max_head(core, maxHead),
               SocketHTTPServer_set_max_target(core, maxTarget),
               SocketHTTPServer_set_max_fields(core, maxFields),
               SocketHTTPServer_set_max_body(core, maxBody),
               SocketHTTPServer_set_max_connections(core, maxConnections),
               SocketHTTPServer_set_head_timeout(core, headTimeoutMs),
               SocketHTTPServer_set_body_timeout(core, bodyTimeoutMs),
               SocketHTTPServer_set_idle_timeout(core, idleTimeoutMs),
               SocketHTTPServer_set_write_timeout(core, writeTimeoutMs)]:
    discard check(code, "make an HTTP server with such limits")
  result.self = ServerEvents(deliver: deliverServer)
  loop.attach(result.self)
  discard SocketHTTPServer_set_callback(core, nil, result.self.ticket)

proc `$`*(server: HttpServer): string =
  if server.isNil: "HttpServer(nil)"
  elif server.core.isNil: "HttpServer(closed)"
  else: "HttpServer(" & server.address & ")"

proc native*(server: HttpServer): SocketHTTPServer_T =
  ## The library's handle, for the limits and times of `socketpoll/raw`.
  if server.isNil or server.core.isNil: raiseError(SOCKET_EBADHANDLE, "use " & $server)
  if server.loop.closed: raiseError(SOCKET_EBADHANDLE, "use " & $server & " of " & $server.loop)
  server.core

proc loop*(server: HttpServer): EventLoop = server.loop

# ---- The request

proc need(text: cstring; what: string): string {.inline.} =
  if text.isNil: raiseLast("ask a request for its " & what)
  $text

proc httpMethod*(request: Request): string = need(SocketHTTP_get_method(request.exchange), "method")
proc target*(request: Request): string = need(SocketHTTP_get_target(request.exchange), "target")
  ## As it was sent: "/a/b?c=d".
proc path*(request: Request): string = need(SocketHTTP_get_path(request.exchange), "path")
  ## Still percent-encoded.
proc query*(request: Request): string = $SocketHTTP_get_query(request.exchange)
  ## "" where there is none.
proc header*(request: Request; name: string): string =
  ## The first field of that name; "" where there is none.
  $SocketHTTP_get_header(request.exchange, cstring(name))
proc parameter*(request: Request; name: string): string =
  ## What stands in the place of ":name", decoded, or of "*". "" if the pattern has no such name.
  $SocketHTTP_get_parameter(request.exchange, cstring(name))

iterator headers*(request: Request): (string, string) =
  ## All fields, in their order.
  for i in 0'i32 ..< SocketHTTP_get_header_count(request.exchange):
    yield ($SocketHTTP_get_header_name(request.exchange, i),
           $SocketHTTP_get_header_value(request.exchange, i))

proc peer*(request: Request): string =
  ## The client's address, without its port.
  var text {.noinit.}: array[128, char]
  discard check(SocketHTTP_get_peer(request.exchange, cast[cstring](addr text[0]), 128),
                "ask for the peer of a request")
  $cast[cstring](addr text[0])

proc tlsVersion*(request: Request): string =
  ## "TLSv1.3" or "TLSv1.2"; "" where it came in the clear.
  let text = SocketHTTP_get_tls_version(request.exchange)
  if text.isNil and Socket_last_error() != SOCKET_ENOTSUP: raiseLast("ask a request for its TLS")
  $text

proc tlsServerName*(request: Request): string =
  ## The name that the client has asked for (SNI); "" if it has not.
  var text {.noinit.}: array[256, char]
  let length = SocketHTTP_get_tls_server(request.exchange, cast[cstring](addr text[0]), 256)
  if length < 0 and length != SOCKET_ENOTSUP: raiseError(length, "ask a request for its server name")
  if length > 0: result = $cast[cstring](addr text[0])

proc peerCertificate*(request: Request; index = 0): string =
  ## The client's certificate (DER), or at `index` those that it sent along; "" if it showed none: see
  ## `clientCertificates=`.
  readCertificate("ask a request for the client's certificate", proc (into: pointer; room: int64): int64 =
    SocketHTTP_get_tls_certificate(request.exchange, int32(index), into, room))

# ---- The response

proc setHeader*(request: Request; name, value: string) =
  ## A field of the response, in the place of those of that name.
  discard check(SocketHTTP_set_header(request.exchange, cstring(name), cstring(value)),
                "set the header " & name)

proc addHeader*(request: Request; name, value: string) =
  ## A further field of the response.
  discard check(SocketHTTP_add_header(request.exchange, cstring(name), cstring(value)),
                "add the header " & name)

proc respond*(request: Request; status: int; body: string; contentType = "text/plain") =
  ## The whole response.
  discard check(SocketHTTP_respond(request.exchange, int32(status), cstring(contentType),
                                   cstring(body), body.len),
                "respond to a request")

proc startResponse*(request: Request; status: int; contentType = "text/plain"; length = -1) =
  ## The head of a response whose body follows by `write`; -1: of a length not known yet.
  discard check(SocketHTTP_start(request.exchange, int32(status), cstring(contentType), length),
                "start the response to a request")

proc write*(request: Request; data: string): int {.discardable.} =
  ## The next bytes of the body. Returns the bytes that are queued now; `SOCKET_EAGAIN` is raised
  ## above the high mark.
  int(check(SocketHTTP_write(request.exchange, cstring(data), data.len), "write to a response"))

proc waitFor(state: Exchange; slot: var Operation; what: string; timeoutMs: int) =
  if not slot.isNil and slot.underWay: raiseError(SOCKET_EBUSY, what)
  slot = state.loop.newOperation(what).prepare(timeoutMs)
  slot.wait()

proc readBody*(request: Request; timeoutMs = -1): string =
  ## The next part of the body, of 16 KiB or so; "" at its end. For handlers of `rkStream`. A client
  ## that sends faster than this is called is slowed down.
  const what = "read the body of a request"
  let state = request.parts
  if state.isNil: raiseError(SOCKET_ESTATE, what & " by parts that was not routed with rkStream")
  while state.part.len == 0 and not state.over:
    if state.ticket.isNil: raiseError(if state.status < 0: state.status else: SOCKET_ECLOSED, what)
    if state.paused:
      state.paused = false
      discard check(SocketHTTP_read_body(request.exchange), what)
    waitFor(state, state.reading, what, timeoutMs)
  result = move state.part

proc send*(request: Request; data: string; timeoutMs = -1) =
  ## The next bytes of the body of a response that was started. Waits while the client has more than
  ## 1 MiB still to take. For handlers of `rkStream`.
  const what = "send a response"
  if request.parts.isNil:
    raiseError(SOCKET_ESTATE, what & " by parts that was not routed with rkStream")
  while true:
    let queued = SocketHTTP_write(request.exchange, cstring(data), data.len)
    if queued >= 0: return
    if queued != SOCKET_EAGAIN: raiseError(queued, what)
    waitFor(request.parts, request.parts.writing, what, timeoutMs)

proc finish*(request: Request) =
  ## Ends the response.
  discard check(SocketHTTP_end(request.exchange), "end a response")

# ---- Routes

proc fail*(server: HttpServer; request: Request; error: ref Exception) =
  ## What is done about a handler that raises: 500, or a cut connection if the response had begun.
  if server.onError.isNil:
    stderr.writeLine "handler ended with ", error.name, ": ", error.msg
  else:
    try: server.onError(request, error)
    except CatchableError: discard # its own affair
  const text = "Internal Server Error\n"
  let code = SocketHTTP_respond(request.exchange, 500, "text/plain", cstring(text), text.len)
  if code == SOCKET_ESTATE:
    discard SocketHTTP_abort(request.exchange)

proc call(route: Route; request: Request) {.inline.} =
  try: route.handler(request)
  except CatchableError as error: fail(route.server, request, error)
  except Defect as error: fail(route.server, request, error)

proc detach(exchange: Exchange) = exchange.loop.detach(exchange, background = true)

proc dispatch(route: Route; request: Request) =
  when HaveCoroutines:
    if route.kind in {rkCoroutine, rkStream}:
      ready newCoroutine((proc () =
        call(route, request)
        if not request.parts.isNil: detach(request.parts)), stackSize = 128 * 1024)
      return
  call(route, request)

proc wake(operation: Operation; status = 0'i32) =
  if not operation.isNil and operation.underWay: operation.complete(status)

proc append(text: var string; event: ptr SocketCompletion_T) =
  let old = text.len
  text.setLen old + int(event.length)
  copyMem(addr text[old], event.data, int(event.length))

proc deliverPart(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let exchange = Exchange(receiver)
  case event.kind
  of SOCKET_HTTP_BODY:
    append(exchange.part, event)
    exchange.paused = true
    discard SocketHTTP_pause_body(SocketHTTP_T(event.subject))
    wake(exchange.reading)
  of SOCKET_HTTP_BODY_END:
    exchange.over = true
    wake(exchange.reading)
  of SOCKET_HTTP_DRAINED: wake(exchange.writing)
  of SOCKET_HTTP_CLOSED:
    exchange.status = if event.status < 0: event.status else: SOCKET_ECLOSED
    detach(exchange)
    wake(exchange.reading, exchange.status)
    wake(exchange.writing, exchange.status)
  else: discard

proc deliverBody(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let exchange = Exchange(receiver)
  case event.kind
  of SOCKET_HTTP_BODY: append(exchange.request.body, event)
  of SOCKET_HTTP_BODY_END:
    detach(exchange)
    dispatch(exchange.route, exchange.request)
  of SOCKET_HTTP_CLOSED: detach(exchange)
  else: discard

proc deliverRequest(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  if event.kind != SOCKET_HTTP_REQUEST: return
  let route = Route(receiver)
  var request = Request(exchange: SocketHTTP_T(event.subject))
  if route.kind == rkPlain:
    call(route, request)
    return
  let noBody = SocketHTTP_get_body_length(request.exchange) == 0
  if noBody and route.kind != rkStream:
    dispatch(route, request)
    return
  let exchange = Exchange(route: route, over: noBody)
  exchange.deliver = if route.kind == rkStream: deliverPart else: deliverBody
  route.loop.attach(exchange, background = true)
  discard SocketHTTP_set_callback(request.exchange, nil, exchange.ticket)
  if route.kind == rkStream:
    exchange.paused = true
    request.parts = exchange
    dispatch(route, request)
  else:
    exchange.request = request
    discard SocketHTTP_read_body(request.exchange)

proc route*(server: HttpServer; httpMethod, pattern: string; kind: RouteKind; handler: Handler) =
  ## Requests of that method and path go to `handler`. Patterns: "/a/b" exactly; "/a/:name" one
  ## segment; "/a/*" everything below.
  let core = server.native()
  if kind in {rkCoroutine, rkStream} and not HaveCoroutines:
    raiseError(SOCKET_ENOTSUP, "route to a coroutine: under --mm:refc that needs -d:nimCoroutines")
  if handler.isNil:
    raiseError(SOCKET_EINVAL, "route " & pattern & " of " & $server & " to a nil handler")
  let route = Route(deliver: deliverRequest, server: server, handler: handler, kind: kind)
  server.loop.attach(route, background = true)
  let code = SocketHTTPServer_route(core, cstring(httpMethod), cstring(pattern), nil, route.ticket)
  if code < 0:
    server.loop.detach(route, background = true)
    raiseError(code, "route " & httpMethod & " " & pattern)
  server.routes.add route

proc route*(server: HttpServer; httpMethod, pattern: string; handler: Handler) =
  ## The same with a handler that needs no body and never waits.
  route(server, httpMethod, pattern, rkPlain, handler)

proc serveStatic*(server: HttpServer; prefix, folder: string; listing = false) =
  ## Answers GET and HEAD below `prefix` with the files of `folder`.
  discard check(SocketHTTPServer_static(server.native(), cstring(prefix), cstring(folder),
                                        if listing: SOCKET_HTTP_LISTING else: 0),
                "serve " & folder & " at " & prefix)

proc logged(exchange: SocketHTTP_T; core: pointer) {.cdecl, gcsafe, raises: [].} =
  # The one place at which C calls Nim: nothing but this knows how a request ended.
  {.cast(gcsafe), cast(raises: []).}:
    try:
      let log = logs.getOrDefault(core)
      if log.isNil: return
      var peer {.noinit.}: array[128, char]
      let named = SocketHTTP_get_peer(exchange, cast[cstring](addr peer[0]), 128) >= 0
      log(LogEntry(peer: if named: $cast[cstring](addr peer[0]) else: "",
                   httpMethod: $SocketHTTP_get_method(exchange),
                   target: $SocketHTTP_get_target(exchange),
                   status: SocketHTTP_get_status(exchange),
                   bytes: SocketHTTP_get_bytes_sent(exchange),
                   microseconds: SocketHTTP_get_duration_us(exchange)))
    except CatchableError, Defect:
      try: stderr.writeLine "access log: ", getCurrentExceptionMsg()
      except IOError: discard

proc onLog*(server: HttpServer; log: proc (entry: LogEntry)) =
  ## Told of each request once it is over, files included; nil: nobody. It must not wait or answer.
  logs[pointer(server.native())] = log
  let handler: SocketHTTPHandler_T = if log.isNil: nil else: logged
  discard check(SocketHTTPServer_set_log(server.core, handler, pointer(server.core)),
                "log for " & $server)

proc useTls*(server: HttpServer; tls: TlsContext) =
  ## HTTPS: what is listened on from here on is secured. `reload` of `tls` reaches it; nil: it is not
  ## any more.
  let code = SocketHTTPServer_set_tls(server.native(),
                                      if tls.isNil: SocketTLS_T(nil) else: tls.native)
  if code < 0: raiseExplained(code, "use TLS on " & $server)

proc useTls*(server: HttpServer; chainFile, keyFile: string) =
  ## The same with the certificate and the private key in these files.
  server.useTls(newServerTls(chainFile, keyFile))

proc listen*(server: HttpServer; address: string; reusePort = false) =
  ## "127.0.0.1:8080", "[::]:80", "unix:/path"; port 0 picks a free one. Any number of times.
  ## `reusePort`: the servers of several threads share the port.
  let how = if reusePort: SOCKET_REUSEPORT_SHARE else: SOCKET_REUSEPORT_OFF
  discard check(SocketHTTPServer_set_reuseport(server.native(), how), "share the port " & address)
  discard check(SocketHTTPServer_listen(server.native(), cstring(address)), "listen on " & address)
  server.address = address
  server.loop.noteChange()

proc port*(server: HttpServer): int =
  ## The port of the latest `listen`.
  int(check(SocketHTTPServer_get_port(server.native()), "ask for the port of " & $server))

proc stop*(server: HttpServer; timeoutMs = 5000) =
  ## Stops gently: requests under way are answered, for up to `timeoutMs`. Then a `run` that has
  ## nothing else to wait for returns.
  discard check(SocketHTTPServer_stop(server.native(), int32(timeoutMs)), "stop " & $server)
  server.loop.noteChange()

proc run*(server: HttpServer) =
  ## Runs the server's loop.
  server.loop.run()

proc close*(server: HttpServer) =
  ## Cuts all connections and frees it. Nothing happens the second time, or for nil.
  if server.isNil or server.core.isNil: return
  logs.del pointer(server.core)
  finalizeServer(server)
  server.core = SocketHTTPServer_T(nil)
  if server.loop.closed: return
  for route in server.routes: server.loop.detach(route, background = true)
  server.routes.setLen 0
  if not server.self.stopped: server.loop.detach(server.self)
