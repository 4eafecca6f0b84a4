## The same sockets for std/asyncdispatch: every operation as a `Future`, to be used with `await`.
##
## The first use of a thread's loop here registers its descriptor with the dispatcher, which from
## then on looks after it: `runForever`, `waitFor` and `poll` run both. What is done for coroutines
## with the loop as an argument is done here without it. Events are pulled inside the dispatcher's
## turn; no Nim code is called from C.
##
## `recv (socket, 1024, timeoutMs)` and the others raise what eventloop.nim's exceptions say, in the
## future.
import std/[asyncdispatch, monotimes]
import async_socket, errors, eventloop, http, raw, secured
export asyncdispatch except Port
export async_socket, errors, eventloop, secured

type Bridge = ref object
  loop: EventLoop
  due: int64 # when the dispatcher will look at the loop by itself; high: not planned
  asking: bool

var bridge {.threadvar.}: Bridge # one loop a thread, as there is one dispatcher a thread

const Never = high(int64)

proc turn(bridge: Bridge) {.gcsafe.}

proc plan(bridge: Bridge) {.gcsafe.} =
  # Has the dispatcher come back when the loop's next timer is due, unless it will by then.
  if bridge.loop.closed: return
  let timeout = SocketLoop_get_timeout(bridge.loop.native())
  if timeout < 0: return
  let now = getMonoTime().ticks div 1_000_000
  if bridge.due <= now + timeout: return
  bridge.due = now + timeout
  let self = bridge
  proc again() {.gcsafe.} =
    self.due = Never
    turn(self)
  if timeout == 0: callSoon(again)
  else: sleepAsync(int timeout).addCallback(again)

proc turn(bridge: Bridge) {.gcsafe.} =
  {.cast(gcsafe).}:
    while not bridge.loop.closed and bridge.loop.drain(0) > 0: discard
    if readyCount() > 0: runReady()
  plan(bridge)

proc changed(loop: EventLoop) {.nimcall, gcsafe.} =
  {.cast(gcsafe).}:
    if not bridge.isNil and bridge.loop == loop: plan(bridge)

proc onDescriptor(fd: AsyncFD): bool {.gcsafe.} =
  {.cast(gcsafe).}:
    let self = bridge
    turn(self)
    self.loop.closed # true ends it

proc abandon(loop: EventLoop) {.nimcall, gcsafe.} =
  # While its descriptor still is one.
  {.cast(gcsafe).}:
    if not bridge.isNil and bridge.loop == loop:
      unregister(AsyncFD(SocketLoop_get_fd(loop.native())))
      bridge = nil

proc embed*(loop: EventLoop) =
  ## Has the thread's dispatcher drive this loop. The first operation does so, and the first route;
  ## before that it is needed only for a server of files alone. Raises `SocketPollError` with
  ## `SOCKET_ENOTSUP` for a loop whose backend has no descriptor ("poll", and Windows' "iocp").
  if not bridge.isNil and bridge.loop == loop: return
  if not bridge.isNil:
    raiseError(SOCKET_EBUSY, "embed " & $loop & ": the dispatcher drives another one")
  let fd = AsyncFD(check(SocketLoop_get_fd(loop.native()), "embed " & $loop))
  bridge = Bridge(loop: loop, due: Never)
  register(fd)
  addRead(fd, onDescriptor)
  loop.afterCall = changed
  loop.beforeClose = abandon
  plan(bridge)

template promise(T, name: untyped; begun: Operation; value: untyped): untyped =
  # A future of T that ends with `value`, in which `operation` is what has finished.
  let future = newFuture[T](name)
  try:
    let started = begun
    started.done = proc (operation {.inject.}: Operation) =
      if future.finished: return
      try:
        when T is void:
          value
          future.complete()
        else:
          future.complete(value)
      except CatchableError as error:
        future.fail(error)
    embed(started.loop)
    started.start()
  except CatchableError as error:
    future.fail(error)
  future

proc sleepFor*(ms: int; loop = getEventLoop()): Future[void] =
  ## Ends after that time, by the loop's own clock.
  promise(void, "sleepFor", loop.newOperation("sleep for " & $ms & " ms").prepare(
                           SocketAsync_sleep(loop.native(), ms))):
    discard operation.outcome()

proc accept*(socket: AsyncSocket; timeoutMs = -1): Future[AsyncSocket] =
  ## The next connection of a listener.
  if not socket.isNil and socket.kind == skListener:
    let waiting = socket.takeAccepted()
    if not waiting.isNil:
      result = newFuture[AsyncSocket]("accept")
      result.complete(waiting)
      return
  promise(AsyncSocket, "accept", socket.beginAccept(timeoutMs)): endStream(operation)

proc connect*(socket: AsyncSocket; address: string; timeoutMs = -1): Future[void] =
  ## Connects to "host:port" or "unix:/path".
  promise(void, "connect", socket.beginConnect(address, timeoutMs)):
    endConnect(socket, operation, address)

proc connect*(socket: AsyncSocket; host: string; port: async_socket.Port;
              timeoutMs = -1): Future[void] =
  ## The same with a host and a port.
  connect(socket, hostPort(host, port), timeoutMs)

proc startTls*(socket: AsyncSocket; tls: TlsContext; serverName = ""; timeoutMs = -1): Future[void] =
  ## Begins TLS on a connection that has spoken in the clear, as `tls` says; `serverName` is required
  ## of a client, and "" of a server. All that has come must have been received.
  promise(void, "startTls", socket.beginStartTls(tls, serverName, timeoutMs)):
    endStartTls(socket, operation)

proc recv*(socket: AsyncSocket; size: int; timeoutMs = -1): Future[string] =
  ## What comes next, at most `size` bytes; "" at the end of the stream.
  promise(string, "recv", socket.beginRecv(size, timeoutMs, exactly = false)): endRecv(operation)

proc recvExactly*(socket: AsyncSocket; size: int; timeoutMs = -1): Future[string] =
  ## Exactly `size` bytes; fewer if the stream ends before.
  promise(string, "recvExactly", socket.beginRecv(size, timeoutMs, exactly = true)):
    endRecv(operation)

proc recvLine*(socket: AsyncSocket; maxLength = 65536; timeoutMs = -1): Future[string] =
  ## One line with its "\n"; "" at the end of the stream.
  promise(string, "recvLine", socket.beginRecvUntil("\n", maxLength, timeoutMs)): endRecv(operation)

proc send*(socket: AsyncSocket; data: string; timeoutMs = -1): Future[void] =
  ## Sends all of it; ends when the kernel has taken the last byte.
  if data.len == 0 and not socket.isNil and socket.kind == skStream:
    result = newFuture[void]("send")
    result.complete()
    return
  promise(void, "send", socket.beginSend(data, timeoutMs)): discard operation.outcome()

proc recvFrom*(socket: AsyncSocket; size = 65536; timeoutMs = -1): Future[Datagram] =
  ## One datagram and who sent it.
  promise(Datagram, "recvFrom", socket.beginRecvFrom(size, timeoutMs)):
    endRecvFrom(socket, operation)

proc sendTo*(socket: AsyncSocket; address, data: string; timeoutMs = -1): Future[void] =
  ## Sends one datagram, as soon as there is room for it.
  promise(void, "sendTo", socket.beginSendTo(address, data, timeoutMs)): discard operation.outcome()

proc resolve*(name: string; timeoutMs = -1; loop = getEventLoop()): Future[seq[string]] =
  ## The addresses of a host, the best first.
  promise(seq[string], "resolve", loop.beginResolve(name, timeoutMs)):
    discard operation.outcome()
    operation.found

proc route*(server: HttpServer; httpMethod, pattern: string;
            handler: proc (request: Request): Future[void]) =
  ## Requests of that method and path, with their whole body, go to an async proc. If its future
  ## fails, the client gets 500, as with any handler.
  embed(server.loop)
  server.route(httpMethod, pattern, rkBody, proc (request: Request) =
    let future = handler(request)
    future.addCallback(proc () {.gcsafe.} =
      {.cast(gcsafe).}:
        if future.failed: server.fail(request, future.readError())))
