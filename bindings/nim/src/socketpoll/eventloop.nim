## The event loop of a thread, and waiting on it.
##
## All that happens is pulled: a turn of the loop takes a batch of events out of the library and
## hands each to the object whose number stands in it. No Nim code is ever called from C.
##
## A proc here that waits does so in three places. In a coroutine, the coroutine waits and others
## run. Outside of one, on the loop's thread, the loop is run until the answer is there. Inside an
## event's handler nothing may wait: that raises `SocketPollError` with `SOCKET_EBUSY`.
##
## Times are in milliseconds; -1 means no limit.
import std/tables
import coroutines, errors, raw
export errors, coroutines

type
  EventLoop* = ref object
    ## A loop. It belongs to the thread that made it; `handle` is what other threads may have.
    core: SocketLoop_T
    receivers: seq[Slot]
    free: seq[int32]
    used, background: int
    descriptors: Table[cint, Descriptor]
    delivering, stopping: bool
    afterCall*, beforeClose*: proc (loop: EventLoop) {.nimcall, gcsafe.}
      ## for whoever drives it from outside

  Slot = object
    receiver: Receiver
    generation: uint32

  Receiver* = ref object of RootObj
    ## What events go to. For modules that build on the loop.
    loop*: EventLoop
    ticket*: pointer ## the `user` that its events carry; nil while it is attached to nothing
    deliver*: proc (receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.}

  LoopHandle* = distinct pointer
    ## Names a loop in any thread. It stays harmless when the loop is gone.

  Operation* = ref object of Receiver
    ## One of the library's futures under way, with the memory that was lent to it.
    future: SocketFuture_T # nil: somebody calls `complete`
    timer: SocketTimer_T
    timeoutMs: int
    what*: string
    status*: int32
    length*: int64
    data*: pointer
    buffer*: string
    finished*: bool
    resolves*: bool
    found*: seq[string] ## of a resolve: the addresses
    stream*: SocketStream_T ## what it is about: asked for the reason where TLS fails
    secures*: bool ## it has no future: the stream's own events end it
    details: string
    waiter: Coroutine
    done*: proc (operation: Operation) {.closure.}

  Waiter = ref object of Receiver
    events, ready: int32
    timer: SocketTimer_T
    timedOut, broken: bool
    coroutine: Coroutine

  Descriptor = ref object of Receiver
    watch: SocketWatch_T
    waiters: seq[Waiter]

  Signal* = ref object of Receiver
    ## A counter that any thread raises and a coroutine waits for.
    count: int
    waiter: Waiter
    closed: bool

  SignalHandle* = object
    ## What another thread needs to raise a signal: plain words, to be copied at will.
    loop: SocketLoop_T
    ticket: pointer

const Batch = 64 # events a turn takes at a time

proc finalizeLoop(loop: EventLoop) =
  if not loop.core.isNil: SocketLoop_free(addr loop.core)

proc newEventLoop*(backend = ""): EventLoop =
  ## A loop of its own. `backend` names one of the library's, "" takes the platform's best.
  new(result, finalizeLoop)
  result.core = if backend.len == 0: SocketLoop_new() else: SocketLoop_new_backend(cstring(backend))
  if result.core.isNil: raiseLast("make an event loop")

proc closed*(loop: EventLoop): bool = loop.core.isNil
proc `$`*(loop: EventLoop): string =
  if loop.isNil: "EventLoop(nil)"
  elif loop.closed: "EventLoop(closed)"
  else: "EventLoop(" & $SocketLoop_get_backend_name(loop.core) & ")"

proc native*(loop: EventLoop): SocketLoop_T =
  ## The library's handle, for calls of `socketpoll/raw`. Raises for a loop that is nil or closed.
  if loop.isNil or loop.core.isNil:
    raiseError(SOCKET_EBADHANDLE, "use " & $loop)
  loop.core

# Events carry where their receiver is, and which generation of that place: one that comes late,
# for a receiver that has gone, finds nobody.

proc attach*(loop: EventLoop; receiver: Receiver; background = false) =
  ## Gives the receiver a ticket for `user`. One that is not in the background keeps `run` going.
  let index = if loop.free.len > 0: loop.free.pop() else: int32(loop.receivers.len)
  if index == loop.receivers.len: loop.receivers.add Slot()
  loop.receivers[index].receiver = receiver
  inc loop.used
  if background: inc loop.background
  receiver.loop = loop
  let generation = uint64(loop.receivers[index].generation)
  receiver.ticket = cast[pointer]((generation shl 32) or uint64(index + 1))

proc detach*(loop: EventLoop; receiver: Receiver; background = false) =
  ## Takes the ticket back.
  if receiver.ticket.isNil: return
  let index = int(cast[uint64](receiver.ticket) and 0xffff_ffff'u64) - 1
  loop.receivers[index].receiver = nil
  inc loop.receivers[index].generation
  loop.free.add int32(index)
  dec loop.used
  if background: dec loop.background
  receiver.ticket = nil

proc attached*(loop: EventLoop): int = loop.used
  ## How many receivers there are.

proc keepsRunning*(loop: EventLoop; receiver: Receiver) =
  ## Has one that was attached in the background keep `run` going from here on.
  dec loop.background

proc handle*(receiver: Receiver): SignalHandle =
  ## For other threads.
  SignalHandle(loop: receiver.loop.native(), ticket: receiver.ticket)

proc post*(signal: SignalHandle): int32 = SocketLoop_post(signal.loop, nil, signal.ticket)
  ## Has the receiver get a `SOCKET_POSTED`. Any thread, and a finalizer.

proc receiverOf(loop: EventLoop; ticket: pointer): Receiver {.inline.} =
  let word = cast[uint64](ticket)
  let index = int(word and 0xffff_ffff'u64) - 1
  if index < 0 or index >= loop.receivers.len: return nil
  if loop.receivers[index].generation != uint32(word shr 32): return nil
  loop.receivers[index].receiver

var threadLoop {.threadvar.}: EventLoop

proc getEventLoop*(): EventLoop =
  ## The calling thread's loop, made when it is first asked for.
  if threadLoop.isNil or threadLoop.closed: threadLoop = newEventLoop()
  threadLoop

proc backend*(loop: EventLoop): string = $SocketLoop_get_backend_name(loop.native())
  ## "epoll" and the like.

proc now*(loop: EventLoop): int64 = SocketLoop_now(loop.native())
  ## The loop's time in milliseconds, of a clock that never goes back.

proc stat*(loop: EventLoop; which: int32): int64 =
  ## One of the loop's counters, `SOCKET_STAT_...`.
  check(SocketLoop_get_stat(loop.native(), which), "ask " & $loop & " for a statistic")

# ---- Turns

proc drain*(loop: EventLoop; timeoutMs: int32): int =
  ## Takes one batch of events and delivers it. -1: the loop was stopped.
  var events {.noinit.}: array[Batch, SocketCompletion_T]
  if loop.delivering:
    raiseError(SOCKET_EBUSY, "wait inside of an event's handler (a coroutine may wait)")
  let count = SocketLoop_wait(loop.native(), addr events[0], Batch, timeoutMs)
  if count == SOCKET_ESTOPPED: return -1
  if count < 0: raiseError(count, "run " & $loop)
  loop.delivering = true
  try:
    for i in 0 ..< count:
      let receiver = loop.receiverOf(events[i].user)
      if not receiver.isNil: receiver.deliver(receiver, addr events[i])
      if loop.closed: break
  finally:
    loop.delivering = false
  count

proc runOnce*(loop: EventLoop; timeoutMs = -1): bool {.discardable.} =
  ## One turn: waits up to `timeoutMs` for events, delivers a batch, and runs the coroutines that
  ## are ready. False if nothing happened in that time.
  if timeoutMs < -1: raiseError(SOCKET_EINVAL, "run " & $loop & " for " & $timeoutMs & " ms")
  discard loop.native()
  let before = readyCount()
  if currentCoroutine().isNil: runReady()
  if loop.closed: return true
  # What ran just now may have been what the caller waits for.
  let timeout = if before > 0 or readyCount() > 0: 0'i32 else: int32(timeoutMs)
  let count = loop.drain(timeout)
  if count < 0:
    loop.stopping = true
    return true
  if not loop.closed and currentCoroutine().isNil: runReady()
  result = count > 0 or before > 0

proc idle(loop: EventLoop): bool = loop.used == loop.background and readyCount() == 0

proc run*(loop: EventLoop; forever = false) =
  ## Runs until `stop`, or until there is nothing left that could happen: no operation under way, no
  ## server, no coroutine ready. `forever` goes on in that case, for what other threads may bring.
  discard loop.native()
  if not currentCoroutine().isNil:
    raiseError(SOCKET_EBUSY, "run " & $loop & " inside of a coroutine")
  loop.stopping = false
  runReady()
  while not loop.closed and not loop.stopping and (forever or not loop.idle):
    loop.runOnce(if readyCount() > 0: 0 else: -1)
  loop.stopping = false

proc stop*(loop: EventLoop) =
  ## Ends `run` after the present turn. Owner thread; others use the loop's `handle`.
  loop.stopping = true
  discard check(SocketLoop_stop(loop.native()), "stop " & $loop)

proc handle*(loop: EventLoop): LoopHandle = LoopHandle(loop.native())
  ## What other threads use to stop the loop.

proc stop*(loop: LoopHandle) =
  ## Any thread.
  discard check(SocketLoop_stop(SocketLoop_T(loop)), "stop a loop of another thread")

proc claim*(loop: EventLoop) =
  ## Makes the calling thread the owner of a loop that nobody runs.
  discard check(SocketLoop_claim(loop.native()), "claim " & $loop)

proc noteChange*(loop: EventLoop) {.inline.} =
  ## Something was asked of the loop: whoever drives it from outside has to look at its time anew.
  if not loop.afterCall.isNil: loop.afterCall(loop)

# ---- Operations

proc readAddresses(operation: Operation) =
  var text {.noinit.}: array[64, char]
  for i in 0 ..< int(operation.length):
    if SocketResolver_get_address(operation.future, int32(i), cast[cstring](addr text[0]), 64) >= 0:
      operation.found.add $cast[cstring](addr text[0])

proc complete*(operation: Operation; status: int32; length: int64 = 0; data: pointer = nil) =
  ## Ends an operation that is the binding's own.
  operation.status = status
  operation.length = length
  operation.data = data
  operation.finished = true
  operation.loop.detach(operation)
  if isTlsCode(status): operation.details = failureText(operation.stream, operation.future)
  if operation.resolves and status == 0: readAddresses(operation)
  SocketFuture_free(addr operation.future)
  SocketTimer_free(addr operation.timer)
  if not operation.waiter.isNil: ready(operation.waiter)
  if not operation.done.isNil:
    let done = move operation.done # which would otherwise keep what it refers to in a circle
    done(operation)

proc deliverOperation(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let operation = Operation(receiver)
  if event.kind == SOCKET_COMPLETED: operation.complete(event.status, event.length, event.data)
  elif event.kind == SOCKET_TIMER: operation.complete(SOCKET_ETIMEDOUT)
  elif event.kind == SOCKET_CONNECTED:
    discard SocketStream_set_callback(operation.stream, nil, nil)
    operation.complete(0)
  elif event.kind == SOCKET_CLOSED:
    operation.complete(if event.status < 0: event.status else: SOCKET_ECLOSED)

proc cancel*(operation: Operation) =
  ## Ends it without an outcome; what was lent is free when this returns.
  SocketFuture_free(addr operation.future)
  SocketTimer_free(addr operation.timer)
  if operation.secures: discard SocketStream_close(operation.stream) # a half of a handshake
  operation.loop.detach(operation)

proc underWay*(operation: Operation): bool = not operation.ticket.isNil
  ## Whether it was begun and has not ended.

proc newOperation*(loop: EventLoop; what: string; room = 0): Operation =
  ## An operation about to begin, with a buffer of `room` bytes to lend.
  Operation(loop: loop, what: what, deliver: deliverOperation, buffer: newString(room))

proc prepare*(operation: Operation; future: SocketFuture_T): Operation =
  ## Takes the future of a call that has begun; raises if that gave none.
  if future.isNil: raiseLast(operation.what)
  operation.future = future
  operation

proc prepare*(operation: Operation; timeoutMs: int): Operation =
  ## For one that is the binding's own.
  if timeoutMs < -1: raiseError(SOCKET_EINVAL, operation.what & " for " & $timeoutMs & " ms")
  operation.timeoutMs = timeoutMs
  operation

proc start*(operation: Operation) =
  ## From here on its end is told.
  let loop = operation.loop
  loop.attach(operation)
  if not operation.future.isNil:
    discard SocketFuture_then(operation.future, nil, operation.ticket)
  elif operation.secures:
    discard SocketStream_set_callback(operation.stream, nil, operation.ticket)
  elif operation.timeoutMs >= 0:
    operation.timer = SocketTimer_new(loop.native())
    if operation.timer.isNil:
      loop.detach(operation)
      raiseLast(operation.what)
    discard SocketTimer_set_callback(operation.timer, nil, operation.ticket)
    discard SocketTimer_start(operation.timer, operation.timeoutMs, 0)
  loop.noteChange()

proc outcome*(operation: Operation): int64 =
  ## The result of one that has finished, or its exception.
  if operation.status < 0:
    raise newSocketPollError(operation.status, operation.what, details = operation.details)
  operation.length

proc wait*(operation: Operation): int64 {.discardable.} =
  ## Starts it and waits; see the top of this page for where.
  let loop = operation.loop
  let self = currentCoroutine()
  if self.isNil and loop.delivering:
    operation.cancel()
    raiseError(SOCKET_EBUSY,
               operation.what & " inside of an event's handler (a coroutine may wait)")
  operation.waiter = self
  operation.start()
  try:
    while not operation.finished:
      if self.isNil: loop.runOnce(-1) else: suspend()
  finally:
    if not operation.finished: operation.cancel()
  operation.outcome()

proc sleep*(loop: EventLoop; ms: int) =
  ## Waits that long.
  let operation = loop.newOperation("sleep for " & $ms & " ms")
  operation.prepare(SocketAsync_sleep(loop.native(), ms)).wait()

# ---- Descriptors and signals

proc wake(waiter: Waiter) =
  if not waiter.coroutine.isNil: ready(waiter.coroutine)

proc deliverTimeout(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let waiter = Waiter(receiver)
  waiter.timedOut = true
  wake(waiter)

proc await(waiter: Waiter; loop: EventLoop; timeoutMs: int; what: string) =
  # Until it is ready, broken or out of time.
  let self = currentCoroutine()
  if self.isNil and loop.delivering:
    raiseError(SOCKET_EBUSY, what & " inside of an event's handler (a coroutine may wait)")
  if timeoutMs < -1: raiseError(SOCKET_EINVAL, what & " for " & $timeoutMs & " ms")
  waiter.coroutine = self
  loop.attach(waiter)
  try:
    if timeoutMs >= 0:
      waiter.timer = SocketTimer_new(loop.native())
      if waiter.timer.isNil: raiseLast(what)
      discard SocketTimer_set_callback(waiter.timer, nil, waiter.ticket)
      discard check(SocketTimer_start(waiter.timer, timeoutMs, 0), what)
    while waiter.ready == 0 and not waiter.timedOut and not waiter.broken:
      if self.isNil: loop.runOnce(-1) else: suspend()
  finally:
    SocketTimer_free(addr waiter.timer)
    loop.detach(waiter)
  if waiter.broken: raiseError(SOCKET_EBADHANDLE, what & " on " & $loop)
  if waiter.ready == 0: raiseError(SOCKET_ETIMEDOUT, what)

proc interest(descriptor: Descriptor): int32 =
  for waiter in descriptor.waiters:
    if waiter.ready == 0: result = result or waiter.events

proc deliverReady(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let descriptor = Descriptor(receiver)
  let bits = int32(event.length)
  for waiter in descriptor.waiters:
    let hit = bits and (waiter.events or POLL_ERROR or POLL_HANGUP)
    if hit != 0:
      waiter.ready = waiter.ready or hit
      wake(waiter)
  discard SocketWatch_set_events(descriptor.watch, descriptor.interest)

proc waitForDescriptor(loop: EventLoop; fd: cint; events: int32; timeoutMs: int): int32 =
  let what = "wait for descriptor " & $fd
  let native = loop.native()
  var descriptor = loop.descriptors.getOrDefault(fd)
  if descriptor.isNil:
    descriptor = Descriptor(deliver: deliverReady)
    descriptor.watch = SocketWatch_new(native, fd, 0)
    if descriptor.watch.isNil: raiseLast(what)
    loop.attach(descriptor, background = true)
    discard SocketWatch_set_callback(descriptor.watch, nil, descriptor.ticket)
    loop.descriptors[fd] = descriptor
  let waiter = Waiter(deliver: deliverTimeout, events: events)
  descriptor.waiters.add waiter
  try:
    discard check(SocketWatch_set_events(descriptor.watch, descriptor.interest), what)
    waiter.await(loop, timeoutMs, what)
  finally:
    descriptor.waiters.delete descriptor.waiters.find(waiter)
    if descriptor.waiters.len == 0:
      # The descriptor's number may be another's as soon as nobody waits.
      SocketWatch_free(addr descriptor.watch)
      loop.detach(descriptor, background = true)
      loop.descriptors.del fd
    else:
      discard SocketWatch_set_events(descriptor.watch, descriptor.interest)
  waiter.ready

proc waitForRead*(loop: EventLoop; fd: int; timeoutMs = -1) {.discardable.} =
  ## Waits until a foreign descriptor can be read, or has an error or hangup to tell. Any number of
  ## coroutines may wait for the same one. Raises `TimeoutError`.
  discard loop.waitForDescriptor(cint(fd), POLL_READ, timeoutMs)

proc waitForWrite*(loop: EventLoop; fd: int; timeoutMs = -1) {.discardable.} =
  ## The same for writing.
  discard loop.waitForDescriptor(cint(fd), POLL_WRITE, timeoutMs)

proc deliverSignal(receiver: Receiver; event: ptr SocketCompletion_T) {.nimcall.} =
  let signal = Signal(receiver)
  inc signal.count
  if not signal.waiter.isNil:
    signal.waiter.ready = 1
    wake(signal.waiter)

proc newSignal*(loop: EventLoop): Signal =
  ## A signal of this loop.
  result = Signal(deliver: deliverSignal)
  discard loop.native()
  loop.attach(result, background = true)

proc raiseSignal*(signal: SignalHandle) =
  ## Counts the signal up by one and wakes the loop. Any thread. Nothing happens if the signal was
  ## closed; raises `StaleHandleError` if its loop was.
  discard check(post(signal), "wake a loop up")

proc wait*(signal: Signal; timeoutMs = -1) =
  ## Waits until the signal is above 0, and counts it down by one. One at a time.
  if signal.ticket.isNil: raiseError(SOCKET_EBADHANDLE, "wait for a signal that was closed")
  if not signal.waiter.isNil: raiseError(SOCKET_EBUSY, "wait for a signal that somebody waits for")
  if signal.count == 0:
    signal.waiter = Waiter(deliver: deliverTimeout)
    try: signal.waiter.await(signal.loop, timeoutMs, "wait for a signal")
    finally: signal.waiter = nil
  dec signal.count

proc close*(signal: Signal) =
  ## Ends it; what is raised later is dropped.
  if not signal.loop.isNil: signal.loop.detach(signal, background = true)

# ---- The end

proc close*(loop: EventLoop) =
  ## Frees the loop and all that stands on it. Coroutines that wait for something of it get a
  ## `StaleHandleError`, and run once more to let go of what they hold. Nothing happens the second
  ## time, or for nil.
  if loop.isNil or loop.closed: return
  let probe = SocketLoop_claim(loop.core)
  if probe < 0 and probe != SOCKET_EBADHANDLE: raiseError(probe, "close " & $loop)
  if not loop.beforeClose.isNil: loop.beforeClose(loop)
  SocketLoop_free(addr loop.core)
  loop.core = SocketLoop_T(nil)
  let orphans = loop.receivers
  for slot in orphans:
    let receiver = slot.receiver
    if receiver.isNil: continue
    if receiver of Operation:
      Operation(receiver).complete(SOCKET_EBADHANDLE)
    elif receiver of Waiter:
      Waiter(receiver).broken = true
      wake(Waiter(receiver))
  if currentCoroutine().isNil and not loop.delivering: runReady()
