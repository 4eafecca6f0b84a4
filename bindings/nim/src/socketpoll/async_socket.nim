## Sockets for coroutines: TCP, unix sockets and UDP.
##
## Every proc that takes the loop waits as eventloop.nim says: the calling coroutine, or, outside of
## one, the program. Each has a timeout in milliseconds (-1: none), after which `TimeoutError` is
## raised and the socket is as before. socketpoll/asyncio has the same without the loop, as futures.
import std/[deques, nativesockets, strutils]
import errors, eventloop, raw, tls
when not defined(windows): from std/posix import nil
export nativesockets.Port, nativesockets.`==`, nativesockets.`$`

type
  SocketKind* = enum
    skFresh    ## nothing yet
    skBound    ## has an address to listen on
    skListener ## listens
    skStream   ## is connected
    skDatagram ## UDP
    skClosed   ## was closed

  AsyncSocket* = ref object
    ## One socket. Closing it twice is allowed; using it after that raises `StaleHandleError`.
    kind*: SocketKind
    loop: EventLoop
    listener: SocketListener_T
    accepted: Accepted
    left: SignalHandle # of a listener: where to say that it has gone
    events: Receiver
    stream: SocketStream_T
    dgram: SocketDgram_T
    address: string
    tls: TlsContext # what it begins with
    serverName: string
    handshake: Operation # of `startTls`
    datagrams: bool

  Accepted = ref object of Receiver
    # Connections that came while nobody waited in `accept`.
    listener: SocketListener_T
    streams: Deque[SocketStream_T]
    waiting: Deque[Operation] # of `accept`, in their order; those that are over among them
    each: proc (client: AsyncSocket) # takes them all, in place of `accept` ...
    keeps: AsyncSocket               # ... and keeps the listener

  Datagram* = tuple[data: string, sender: string]

proc dropStreams(accepted: Accepted) =
  for stream in accepted.streams.mitems: SocketStream_free(addr stream)

proc finalizeSocket(socket: AsyncSocket) =
  # The handle is freed with its object. On another thread, or after its loop, this does nothing.
  # What the loop keeps for a listener goes in its next turn: other objects may be gone already.
  if not socket.listener.isNil: discard post(socket.left)
  SocketListener_free(addr socket.listener)
  SocketStream_free(addr socket.stream)
  if not socket.accepted.isNil: dropStreams(socket.accepted)
  SocketDgram_free(addr socket.dgram)

proc newSocketObject(loop: EventLoop; kind: SocketKind; address = ""): AsyncSocket =
  new(result, finalizeSocket)
  result.loop = loop
  result.kind = kind
  result.address = address

proc newAsyncSocket*(): AsyncSocket =
  ## A socket of the calling thread's loop, for `connect`, or for `bindAddr` and `listen`.
  newSocketObject(getEventLoop(), skFresh)

proc newAsyncSocket*(loop: EventLoop): AsyncSocket =
  ## The same of another loop.
  discard loop.native()
  newSocketObject(loop, skFresh)

proc `$`*(socket: AsyncSocket): string =
  if socket.isNil: return "AsyncSocket(nil)"
  result = "AsyncSocket(" & (case socket.kind
    of skFresh, skBound: "unused"
    of skListener: "listener"
    of skStream: "stream"
    of skDatagram: "datagrams"
    of skClosed: "closed")
  if socket.address.len > 0: result.add ' ' & socket.address
  result.add ')'

proc demand(socket: AsyncSocket; operation: string; kinds: set[SocketKind]) =
  # That it is there and of the right kind.
  if socket.isNil or socket.kind == skClosed:
    raiseError(SOCKET_EBADHANDLE, operation & " " & $socket)
  if socket.loop.closed:
    raiseError(SOCKET_EBADHANDLE, operation & " " & $socket & " of " & $socket.loop)
  if socket.kind notin kinds: raiseError(SOCKET_ESTATE, operation & " " & $socket)

proc demand(socket: AsyncSocket; loop: EventLoop; operation: string; kinds: set[SocketKind]) =
  demand(socket, operation, kinds)
  if loop != socket.loop:
    raiseError(SOCKET_EINVAL, operation & " " & $socket & " with a loop that is not its own")

proc loop*(socket: AsyncSocket): EventLoop = socket.loop

proc native*(socket: AsyncSocket): SocketStream_T =
  ## The library's handle of a connection, for calls of `socketpoll/raw`.
  demand(socket, "use", {skStream})
  socket.stream

proc orNil(text: string): cstring = (if text.len > 0: cstring(text) else: nil)

proc hostPort*(host: string; port: Port): string =
  ## "127.0.0.1:80", "[::1]:80".
  if ':' in host and not host.startsWith('['): "[" & host & "]:" & $port.uint16
  else: host & ":" & $port.uint16

proc useTls*(socket: AsyncSocket; tls: TlsContext; serverName = "") =
  ## Before `connect`: the connection is secured, and the server's certificate must be for
  ## `serverName`, or else the host that is connected to. Of a listener: connections that come from
  ## here on are secured, and accepted after that; nil: they are not any more.
  demand(socket, "use TLS on", {skFresh, skBound, skListener})
  if socket.kind == skListener:
    let code = SocketListener_set_tls(socket.listener, if tls.isNil: SocketTLS_T(nil) else: tls.native)
    if code < 0: raiseExplained(code, "use TLS on " & $socket)
  socket.tls = tls
  socket.serverName = serverName

# ---- Listening

proc bindAddr*(socket: AsyncSocket; address: string) =
  ## Says where `listen` will listen: "127.0.0.1:8080", "[::]:8080", "unix:/path".
  demand(socket, "bind", {skFresh, skBound})
  socket.address = address
  socket.kind = skBound

proc bindAddr*(socket: AsyncSocket; port: Port; address = "0.0.0.0") =
  ## The same with a port (0 picks a free one); "0.0.0.0" is every IPv4 address of this machine.
  bindAddr(socket, hostPort(address, port))

const MostAccepted = 128 # connections that wait for `accept`; more wait in the kernel

proc deliverAccepted(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let accepted = Accepted(receiver)
  if event.kind == SOCKET_POSTED: # its listener was dropped
    dropStreams(accepted)
    accepted.loop.detach(accepted, background = true)
  elif event.kind == SOCKET_ACCEPTED:
    if not accepted.each.isNil:
      let client = newSocketObject(accepted.loop, skStream)
      client.stream = SocketStream_T(event.subject)
      accepted.each(client)
      return
    while accepted.waiting.len > 0:
      let operation = accepted.waiting.popFirst()
      if operation.underWay:
        operation.complete(0, 0, event.subject)
        return
    accepted.streams.addLast SocketStream_T(event.subject)
    if accepted.streams.len == MostAccepted: discard SocketListener_pause(accepted.listener)

proc listen*(socket: AsyncSocket; backlog = int(SOCKET_LISTENER_BACKLOG)) =
  ## Listens on the address of `bindAddr`, or on a free port. Raises `AddressInUseError`.
  demand(socket, "listen on", {skFresh, skBound})
  if socket.kind == skFresh: bindAddr(socket, Port(0))
  let what = "listen on " & socket.address
  var listener = SocketListener_new(socket.loop.native())
  if listener.isNil: raiseLast(what)
  var code = SocketListener_set_backlog(listener, int32(backlog))
  if code >= 0 and not socket.tls.isNil: code = SocketListener_set_tls(listener, socket.tls.native)
  if code >= 0: code = SocketListener_listen(listener, cstring(socket.address))
  if code < 0:
    SocketListener_free(addr listener)
    raiseError(code, what)
  socket.listener = listener
  socket.accepted = Accepted(listener: listener, deliver: deliverAccepted)
  socket.loop.attach(socket.accepted, background = true)
  socket.left = socket.accepted.handle
  discard SocketListener_set_callback(listener, nil, socket.accepted.ticket)
  socket.kind = skListener

proc localPort*(socket: AsyncSocket): Port =
  ## The port that a listener or a bound UDP socket has.
  demand(socket, "ask for the port of", {skListener, skDatagram})
  if socket.kind == skListener:
    return Port(check(SocketListener_get_port(socket.listener), "ask for the port of " & $socket))
  var text {.noinit.}: array[128, char]
  discard check(SocketDgram_get_local(socket.dgram, cast[cstring](addr text[0]), 128),
                "ask for the port of " & $socket)
  let all = $cast[cstring](addr text[0])
  Port(parseInt(all[all.rfind(':') + 1 .. ^1]))

# What an operation and its outcome are, once for coroutines and futures.

proc beginAccept*(socket: AsyncSocket; timeoutMs: int): Operation =
  ## For socketpoll/asyncio, as are the other `begin` and `end` procs.
  demand(socket, "accept on", {skListener})
  while socket.accepted.waiting.len > 0 and not socket.accepted.waiting.peekFirst().underWay:
    discard socket.accepted.waiting.popFirst() # timed out, or canceled
  result = socket.loop.newOperation("accept on " & socket.address).prepare(timeoutMs)
  socket.accepted.waiting.addLast result

proc takeAccepted*(socket: AsyncSocket): AsyncSocket =
  ## A connection that waits already; nil if there is none.
  if socket.accepted.streams.len == 0: return nil
  result = newSocketObject(socket.loop, skStream)
  result.stream = socket.accepted.streams.popFirst()
  if socket.accepted.streams.len == MostAccepted - 1: discard SocketListener_resume(socket.listener)

proc endStream*(operation: Operation; address = ""): AsyncSocket =
  discard operation.outcome()
  result = newSocketObject(operation.loop, skStream, address)
  result.stream = SocketStream_T(operation.data)

proc beginConnect*(socket: AsyncSocket; address: string; timeoutMs: int): Operation =
  demand(socket, "connect", {skFresh})
  let loop = socket.loop.native()
  if socket.tls.isNil:
    socket.loop.newOperation("connect to " & address).prepare(
      SocketAsync_connect(loop, cstring(address), int32(timeoutMs)))
  else:
    socket.loop.newOperation("connect with TLS to " & address).prepare(
      SocketAsync_connect_tls(loop, cstring(address), socket.tls.native, orNil(socket.serverName),
                              int32(timeoutMs)))

proc endConnect*(socket: AsyncSocket; operation: Operation; address: string) =
  discard operation.outcome()
  socket.stream = SocketStream_T(operation.data)
  socket.kind = skStream
  socket.address = address

proc beginRecv*(socket: AsyncSocket; size, timeoutMs: int; exactly: bool): Operation =
  demand(socket, "receive from", {skStream})
  if size < 1: raiseError(SOCKET_EINVAL, "receive " & $size & " bytes from " & $socket)
  let operation = socket.loop.newOperation("receive from a stream", size)
  operation.stream = socket.stream
  let room = addr operation.buffer[0]
  operation.prepare(
    if exactly: SocketAsync_read_exactly(socket.stream, room, size, int32(timeoutMs))
    else: SocketAsync_read(socket.stream, room, size, int32(timeoutMs)))

proc endRecv*(operation: Operation): string =
  operation.buffer.setLen int(operation.outcome())
  result = move operation.buffer

proc beginRecvUntil*(socket: AsyncSocket; delimiter: string; maxLength, timeoutMs: int): Operation =
  demand(socket, "receive from", {skStream})
  let operation = socket.loop.newOperation("receive up to a delimiter", max(maxLength, 1))
  operation.stream = socket.stream
  operation.prepare(SocketAsync_read_until(socket.stream, addr operation.buffer[0], maxLength,
                                     cstring(delimiter), int32(delimiter.len), int32(timeoutMs)))

proc beginSend*(socket: AsyncSocket; data: string; timeoutMs: int): Operation =
  demand(socket, "send to", {skStream})
  let operation = socket.loop.newOperation("send to a stream")
  operation.stream = socket.stream
  operation.buffer = data
  operation.prepare(SocketAsync_write(socket.stream, cstring(operation.buffer), data.len,
                                      int32(timeoutMs)))

proc beginStartTls*(socket: AsyncSocket; tls: TlsContext; serverName: string;
                    timeoutMs: int): Operation =
  demand(socket, "start TLS on", {skStream})
  result = socket.loop.newOperation("start TLS on " & $socket).prepare(-1) # the stream has the time
  discard check(SocketStream_start_tls(socket.stream, tls.native, orNil(serverName),
                                       int32(timeoutMs)), result.what)
  result.stream = socket.stream
  # Where somebody hears the stream's events already, that is who ends it.
  result.secures = socket.events.isNil
  socket.handshake = result

proc endStartTls*(socket: AsyncSocket; operation: Operation) =
  socket.handshake = nil
  discard operation.outcome()

proc secured*(socket: AsyncSocket; status: int32) =
  ## For socketpoll/callbacks: the handshake of a connection whose events it hears is over.
  let handshake = move socket.handshake
  if not handshake.isNil and handshake.underWay: handshake.complete(status)

proc beginRecvFrom*(socket: AsyncSocket; size, timeoutMs: int): Operation =
  demand(socket, "receive from", {skDatagram})
  let operation = socket.loop.newOperation("receive a datagram", max(size, 1))
  operation.prepare(SocketAsync_receive_from(socket.dgram, addr operation.buffer[0], size,
                                             int32(timeoutMs)))

proc endRecvFrom*(socket: AsyncSocket; operation: Operation): Datagram =
  result.data = endRecv(operation)
  var text {.noinit.}: array[128, char]
  let source = SocketDgram_get_last_source(socket.dgram)
  if SocketDgram_get_sender(socket.dgram, source, cast[cstring](addr text[0]), 128) >= 0:
    result.sender = $cast[cstring](addr text[0])

proc beginSendTo*(socket: AsyncSocket; address, data: string; timeoutMs: int): Operation =
  demand(socket, "send to", {skDatagram})
  let operation = socket.loop.newOperation("send a datagram to " & address)
  operation.buffer = data
  let target = if address.len > 0: cstring(address) else: nil # nil: the peer that it is connected to
  operation.prepare(SocketAsync_send_to(socket.dgram, target, cstring(operation.buffer), data.len,
                                        int32(timeoutMs)))

proc beginResolve*(loop: EventLoop; name: string; timeoutMs: int): Operation =
  let operation = loop.newOperation("resolve " & name)
  operation.resolves = true
  operation.prepare(SocketAsync_resolve(loop.native(), cstring(name), SOCKET_FAMILY_ANY,
                                        int32(timeoutMs)))

# ---- For socketpoll/callbacks

proc passAccepted*(socket: AsyncSocket; each: proc (client: AsyncSocket)) =
  ## Hands every connection of a listener to `each`, and keeps the listener until it is closed.
  demand(socket, "accept on", {skListener})
  let accepted = socket.accepted
  if accepted.keeps.isNil:
    accepted.keeps = socket
    socket.loop.keepsRunning(accepted)
  accepted.each = each
  while socket.kind == skListener:
    let client = socket.takeAccepted()
    if client.isNil: break
    each(client)

proc passEvents*(socket: AsyncSocket; events: Receiver): Receiver =
  ## Has the events of a connection go to `events` from here on, unless they go somewhere already:
  ## the answer says where.
  demand(socket, "take the events of", {skStream})
  if socket.events.isNil:
    socket.loop.attach(events)
    socket.events = events
    discard SocketStream_set_callback(socket.stream, nil, events.ticket)
  socket.events

# ---- For coroutines

proc finish(operation: Operation): Operation =
  operation.wait()
  operation

proc accept*(socket: AsyncSocket; loop: EventLoop; timeoutMs = -1): AsyncSocket =
  ## Waits for the next connection. Several may wait on one listener, each gets another connection.
  demand(socket, loop, "accept on", {skListener})
  result = socket.takeAccepted()
  if result.isNil: result = endStream(finish(socket.beginAccept(timeoutMs)))

proc connect*(socket: AsyncSocket; loop: EventLoop; address: string; timeoutMs = -1) =
  ## Connects to "host:port", "unix:/path"; names are looked up without blocking. Raises
  ## `ConnectionRefusedError` and the like.
  demand(socket, loop, "connect", {skFresh})
  endConnect(socket, finish(socket.beginConnect(address, timeoutMs)), address)

proc connect*(socket: AsyncSocket; loop: EventLoop; host: string; port: Port; timeoutMs = -1) =
  ## The same with a host and a port.
  connect(socket, loop, hostPort(host, port), timeoutMs)

proc startTls*(socket: AsyncSocket; loop: EventLoop; tls: TlsContext; serverName = "";
               timeoutMs = -1) =
  ## Begins TLS on a connection that has spoken in the clear (STARTTLS), as the side that `tls` is for.
  ## The peer's certificate must be for `serverName`: required of a client, "" of a server. All that
  ## has come must have been received. If it fails, and also if it is canceled, the connection is
  ## lost.
  demand(socket, loop, "start TLS on", {skStream})
  socket.endStartTls(finish(socket.beginStartTls(tls, serverName, timeoutMs)))

proc recv*(socket: AsyncSocket; loop: EventLoop; size: int; timeoutMs = -1): string =
  ## What comes next, at least 1 and at most `size` bytes. "" at the end of the stream.
  demand(socket, loop, "receive from", {skStream})
  endRecv(finish(socket.beginRecv(size, timeoutMs, exactly = false)))

proc recvExactly*(socket: AsyncSocket; loop: EventLoop; size: int; timeoutMs = -1): string =
  ## Exactly `size` bytes; fewer if the stream ends before.
  demand(socket, loop, "receive from", {skStream})
  endRecv(finish(socket.beginRecv(size, timeoutMs, exactly = true)))

proc recvUntil*(socket: AsyncSocket; loop: EventLoop; delimiter: string; maxLength = 65536;
                timeoutMs = -1): string =
  ## Up to and including the delimiter (1 to 16 bytes), at most `maxLength` bytes. Without it: the
  ## stream ended before.
  demand(socket, loop, "receive from", {skStream})
  endRecv(finish(socket.beginRecvUntil(delimiter, maxLength, timeoutMs)))

proc recvLine*(socket: AsyncSocket; loop: EventLoop; maxLength = 65536; timeoutMs = -1): string =
  ## One line with its "\n"; "" at the end of the stream.
  recvUntil(socket, loop, "\n", maxLength, timeoutMs)

proc send*(socket: AsyncSocket; loop: EventLoop; data: string; timeoutMs = -1): int =
  ## Sends all of it, and returns how much that is, when the kernel has taken the last byte.
  demand(socket, loop, "send to", {skStream})
  if data.len == 0: return 0
  int(finish(socket.beginSend(data, timeoutMs)).length)

proc write*(socket: AsyncSocket; data: string): int {.discardable.} =
  ## Sends without waiting: what the kernel does not take at once is queued. Returns the bytes that
  ## are queued now. Raises `SocketPollError` with `SOCKET_EAGAIN` above the high mark (1 MiB).
  demand(socket, "send to", {skStream})
  let queued = SocketStream_write(socket.stream, cstring(data), data.len)
  result = int(check(queued, "send to " & $socket))
  socket.loop.noteChange()

proc descriptor*(socket: AsyncSocket): int =
  ## Its descriptor, which stays its own.
  demand(socket, "ask for the descriptor of", {skStream, skListener})
  let fd = if socket.kind == skStream: SocketStream_get_fd(socket.stream)
           else: SocketListener_get_fd(socket.listener)
  int(check(fd, "ask for the descriptor of " & $socket))

when defined(windows):
  template waitOn(socket, wait: untyped) =
    # A socket there belongs to one completion port for ever.
    raiseError(SOCKET_ENOTSUP, "wait on " & $socket & " without receiving")
else:
  template waitOn(socket, wait: untyped) =
    # The loop watches the descriptor for itself; the program's interest has a number of its own.
    let fd = posix.dup(cint(socket.descriptor))
    if fd < 0: raiseError(SOCKET_EMFILE, "wait on " & $socket)
    try: wait(socket.loop, int(fd), timeoutMs)
    finally: discard posix.close(fd)

proc waitForRead*(socket: AsyncSocket; loop: EventLoop; timeoutMs = -1) =
  ## Waits until there is something to receive or to accept, and takes nothing.
  demand(socket, loop, "wait on", {skStream, skListener})
  waitOn(socket, waitForRead)

proc waitForWrite*(socket: AsyncSocket; loop: EventLoop; timeoutMs = -1) =
  ## Waits until the kernel has room for output.
  demand(socket, loop, "wait on", {skStream})
  waitOn(socket, waitForWrite)

proc shutdown*(socket: AsyncSocket) =
  ## Ends the sending side once what is queued has gone; receiving goes on.
  demand(socket, "shut down", {skStream})
  discard check(SocketStream_shutdown(socket.stream), "shut down " & $socket)

proc peer*(socket: AsyncSocket): string =
  ## The other side's address.
  demand(socket, "ask for the peer of", {skStream})
  var text {.noinit.}: array[128, char]
  discard check(SocketStream_get_peer(socket.stream, cast[cstring](addr text[0]), 128),
                "ask for the peer of " & $socket)
  $cast[cstring](addr text[0])

proc close*(socket: AsyncSocket) =
  ## Closes it. Operations of others that are under way on it end with `CanceledError`. Nothing
  ## happens for nil or the second time.
  if socket.isNil or socket.kind == skClosed: return
  if not socket.accepted.isNil:
    socket.loop.detach(socket.accepted, background = socket.accepted.keeps.isNil)
    socket.accepted.keeps = nil
    socket.accepted.each = nil
  if not socket.events.isNil: socket.loop.detach(socket.events)
  socket.events = nil
  # TLS announces its end.
  if not SocketStream_get_tls_version(socket.stream).isNil:
    discard SocketStream_shutdown(socket.stream)
  finalizeSocket(socket)
  socket.secured(SOCKET_ECANCELED)
  if not socket.accepted.isNil:
    let waiting = move socket.accepted.waiting
    socket.accepted = nil
    for operation in waiting:
      if operation.underWay: operation.complete(SOCKET_ECANCELED)
  socket.kind = skClosed
  if not socket.loop.closed: socket.loop.noteChange()

# ---- UDP

proc newUdpSocket*(address = ""; loop: EventLoop = getEventLoop()): AsyncSocket =
  ## A UDP socket, bound to `address` ("127.0.0.1:0", "[::]:53") if there is one.
  result = newSocketObject(loop, skDatagram, address)
  result.dgram = SocketDgram_new(loop.native())
  if result.dgram.isNil: raiseLast("make a UDP socket")
  if address.len > 0:
    discard check(SocketDgram_bind(result.dgram, cstring(address)), "bind to " & address)

proc recvFrom*(socket: AsyncSocket; loop: EventLoop; size = 65536; timeoutMs = -1): Datagram =
  ## One datagram and who sent it. Longer than `size`: `SocketPollError` with `SOCKET_ETRUNCATED`.
  demand(socket, loop, "receive from", {skDatagram})
  endRecvFrom(socket, finish(socket.beginRecvFrom(size, timeoutMs)))

proc sendTo*(socket: AsyncSocket; loop: EventLoop; address, data: string; timeoutMs = -1) =
  ## Sends one datagram to "127.0.0.1:53", as soon as there is room for it.
  demand(socket, loop, "send to", {skDatagram})
  discard finish(socket.beginSendTo(address, data, timeoutMs))

proc resolve*(loop: EventLoop; name: string; timeoutMs = -1): seq[string] =
  ## The addresses of a host, the best first, without blocking.
  finish(loop.beginResolve(name, timeoutMs)).found
