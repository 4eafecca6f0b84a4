## Sockets and timers by callbacks: closures that the loop calls, one after the other, on its
## thread.
##
##   let listener = newAsyncSocket()
##   listener.bindAddr("127.0.0.1:8080")
##   listener.listen()
##   listener.onAccept do (client: AsyncSocket):
##     client.onData do (data: string):
##       client.write(data)
##   listener.loop.run()
##
## A callback may do anything but wait. One that raises costs its own connection: that is closed,
## and `onEnd` told why.
import async_socket, errors, eventloop, raw, secured
export async_socket, errors, eventloop, secured

type
  Connection = ref object of Receiver
    socket: AsyncSocket # keeps it, until it is closed
    data: proc (data: string)
    drain: proc ()
    ending: proc (error: ref Exception)

  Timer* = ref object of Receiver
    ## A callback that is due at a time.
    core: SocketTimer_T
    action: proc ()
    repeats: bool

proc say(what: string; error: ref Exception) =
  stderr.writeLine what, " ended with ", error.name, ": ", error.msg

proc finish(connection: Connection; error: ref Exception) =
  let ending = move connection.ending
  connection.data = nil # which may keep the connection
  connection.drain = nil
  connection.socket.close()
  if not ending.isNil:
    try: ending(error)
    except CatchableError as late: say("onEnd", late)
  elif not error.isNil and not (error of ConnectionError): say("callback", error)

template guarded(connection: Connection; callback, call: untyped) =
  var callback = connection.callback # a copy: it may be replaced while it runs
  try:
    if not callback.isNil: call
  except CatchableError as error: connection.finish(error)
  except Defect as error: connection.finish(error)

proc deliverStream(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let connection = Connection(receiver)
  case event.kind
  of SOCKET_DATA:
    var bytes = newString(int(event.length))
    copyMem(addr bytes[0], event.data, bytes.len)
    connection.guarded(data, data(bytes))
  of SOCKET_DRAINED: connection.guarded(drain, drain())
  of SOCKET_CONNECTED: connection.socket.secured(0)
  of SOCKET_EOF: discard SocketStream_close(SocketStream_T(event.subject))
  of SOCKET_CLOSED:
    let status = event.status
    let details = if isTlsCode(status): failureText(SocketStream_T(event.subject)) else: ""
    let socket = connection.socket
    socket.secured(if status < 0: status else: SOCKET_ECLOSED)
    if status == 0: connection.finish(nil)
    else: connection.finish(newSocketPollError(status, "use " & $socket, details = details))
  else: discard

proc connection(socket: AsyncSocket): Connection =
  Connection(socket.passEvents(Connection(deliver: deliverStream, socket: socket)))

proc begin(operation: Operation; socket: AsyncSocket; handler: proc (error: ref Exception);
           finish: proc (operation: Operation)) =
  operation.done = proc (operation: Operation) =
    var error: ref Exception
    try: finish(operation)
    except CatchableError as failure: error = failure
    try: handler(error)
    except CatchableError as late:
      socket.close()
      say("callback", late)
    except Defect as late:
      socket.close()
      say("callback", late)
  operation.start()

proc connect*(socket: AsyncSocket; address: string; handler: proc (error: ref Exception);
              timeoutMs = -1) =
  ## Connects to "host:port" or "unix:/path", over TLS after `useTls`, and calls `handler` with nil, or
  ## with the reason why not.
  socket.beginConnect(address, timeoutMs).begin(socket, handler, proc (operation: Operation) =
    endConnect(socket, operation, address))

proc startTls*(socket: AsyncSocket; tls: TlsContext; handler: proc (error: ref Exception);
               serverName = ""; timeoutMs = -1) =
  ## Begins TLS on a connection that has spoken in the clear, as `tls` says; `serverName` is required
  ## of a client, and "" of a server. `handler` is called with nil once it is secured, or with the
  ## reason why not: then the connection ends.
  discard socket.connection # which goes on to hear what comes
  socket.beginStartTls(tls, serverName, timeoutMs).begin(socket, handler,
    proc (operation: Operation) = endStartTls(socket, operation))

proc onAccept*(listener: AsyncSocket; handler: proc (client: AsyncSocket)) =
  ## Every connection of the listener goes to `handler`. The loop keeps the listener and runs until
  ## that is closed.
  listener.passAccepted(proc (client: AsyncSocket) =
    try: handler(client)
    except CatchableError as error:
      client.close()
      say("onAccept", error)
    except Defect as error:
      client.close()
      say("onAccept", error))

proc onData*(socket: AsyncSocket; handler: proc (data: string)) =
  ## What comes, as it comes, goes to `handler`. When the peer ends, what is still to be sent is,
  ## and the connection is closed.
  let connection = socket.connection
  connection.data = handler
  discard check(SocketStream_start(socket.native), "receive from " & $socket)
  socket.loop.noteChange()

proc onDrain*(socket: AsyncSocket; handler: proc ()) =
  ## Called when output of `write` that was above 256 KiB has fallen to that.
  socket.connection.drain = handler

proc onEnd*(socket: AsyncSocket; handler: proc (error: ref Exception)) =
  ## Called once when the connection ends by itself, with nil or the reason; not after `close`.
  socket.connection.ending = handler

proc pause*(socket: AsyncSocket) =
  ## No more data until `resume`; the peer is slowed down.
  discard check(SocketStream_pause(socket.native), "pause " & $socket)

proc resume*(socket: AsyncSocket) =
  ## Goes on after `pause`.
  discard check(SocketStream_start(socket.native), "receive from " & $socket)
  socket.loop.noteChange()

# ---- Timers

proc stop*(timer: Timer) =
  ## It is due no more. Nothing happens the second time.
  SocketTimer_free(addr timer.core)
  timer.action = nil
  if not timer.loop.isNil and not timer.loop.closed: timer.loop.detach(timer)

proc deliverTimer(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let timer = Timer(receiver)
  var action = timer.action # a copy: `stop` lets go of it
  if not timer.repeats: timer.stop()
  try: action()
  except CatchableError as error: say("timer", error)
  except Defect as error: say("timer", error)

proc newTimer(loop: EventLoop; ms, period: int; action: proc ()): Timer =
  let what = "start a timer of " & $ms & " ms"
  if action.isNil: raiseError(SOCKET_EINVAL, what & " with a nil proc")
  result = Timer(deliver: deliverTimer, action: action, repeats: period > 0)
  result.core = SocketTimer_new(loop.native())
  if result.core.isNil: raiseLast(what)
  loop.attach(result)
  discard SocketTimer_set_callback(result.core, nil, result.ticket)
  let code = SocketTimer_start(result.core, ms, period)
  if code < 0:
    result.stop()
    raiseError(code, what)
  loop.noteChange()

proc after*(loop: EventLoop; ms: int; action: proc ()): Timer {.discardable.} =
  ## Calls `action` once, in that many milliseconds, unless it is stopped before.
  loop.newTimer(ms, 0, action)

proc every*(loop: EventLoop; ms: int; action: proc ()): Timer {.discardable.} =
  ## Calls `action` every `ms` milliseconds until it is stopped. Turns that were missed
  ## are left out.
  if ms < 1: raiseError(SOCKET_EINVAL, "start a timer every " & $ms & " ms")
  loop.newTimer(ms, ms, action)
