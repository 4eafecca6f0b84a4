## Coroutines: procs with stacks of their own, which can wait in the middle of any call.
##
## Why not `std/coro`. It brings its own scheduler, which asks every coroutine in turn and sleeps
## in between; nobody can make one particular coroutine ready. Its two blocks of memory a
## coroutine are freed by two calls of `dealloc`, of which one gets a pointer into the middle of a
## block. And under refc, the collector of Nim 1.6.10 reads every stack from the *running* stack's
## end on (`sp = addr(registers)` in `forEachStackSlot`), so that what lies between two stacks is
## read, mapped or not, or a suspended stack is not read at all. Tried: a collection inside a
## coroutine crashes.
##
## What is used of it is its ground: ucontext (`stackswitch.c`), `getFrameState`, and under refc,
## which needs `-d:nimCoroutines`, `nimGC_setStackBottom`. Under arc and orc nothing ever reads a
## stack, and a switch needs no more than the exceptions and frames that belong to it. How refc is
## kept from missing a reference is in `refcstacks.nim`.
##
## A coroutine belongs to the thread that made it. One that never ends is kept, with what it holds,
## until its thread ends; `cancel` ends it properly.
import std/deques
import errors, raw, stacks
export HaveCoroutines

type
  CoroutineState* = enum
    csCreated   ## has not run yet
    csRunning   ## runs, or has resumed the one that runs
    csSuspended ## waits to be resumed
    csFinished  ## has returned or raised

  Coroutine* = ref object
    ## One coroutine.
    body: proc ()
    stack: Stack
    resumer: Coroutine
    state: CoroutineState
    queued, canceled: bool
    stackSize, index, thread: int
    error: ref Exception
    joiners: seq[Coroutine]

  CoroutineCanceled* = object of CatchableError
    ## Raised where a coroutine waits that was canceled. What holds resources lets go of them as it
    ## passes; catching it and going on is allowed.

const DefaultStackSize* = 256 * 1024
  ## Bytes of address space; memory is taken as it is touched. Below lies a page that nobody may
  ## touch, so that a stack which is too small ends the program and harms nothing.

var
  running {.threadvar.}: Coroutine # nil: the thread's own stack
  live {.threadvar.}: seq[Coroutine]
  queue {.threadvar.}: Deque[Coroutine]
  onFailure {.threadvar.}: proc (coroutine: Coroutine; error: ref Exception)

proc currentCoroutine*(): Coroutine = running
  ## The one that calls; nil on the thread's own stack.

proc state*(coroutine: Coroutine): CoroutineState = coroutine.state
proc finished*(coroutine: Coroutine): bool = coroutine.state == csFinished
proc error*(coroutine: Coroutine): ref Exception = coroutine.error
  ## What it raised, if it did.

when HaveCoroutines:
  proc newCoroutine*(body: proc (); stackSize = DefaultStackSize): Coroutine =
    ## A coroutine that will run `body`. It starts when it is `ready` and a loop runs, or with
    ## `resume`. `stackSize` is rounded up to pages, at least 16 KiB.
    if body.isNil:
      raiseError(SOCKET_EINVAL, "make a coroutine of a nil proc")
    Coroutine(body: body, stackSize: stackSize, index: -1, thread: cast[int](rootStack()))
else:
  proc newCoroutine*(body: proc (); stackSize = DefaultStackSize): Coroutine {.error:
    "under --mm:refc, coroutines need -d:nimCoroutines (or use --mm:orc or --mm:arc)".}

{.push stackTrace: off, checks: off.}

proc runBody(coroutine: Coroutine) {.noinline.} =
  try:
    coroutine.body()
  except:
    coroutine.error = getCurrentException()
  coroutine.body = nil

proc onStack() {.cdecl.} =
  # The end of a body parks its stack inside this loop, where the next body begins.
  while true:
    runBody(running)
    running.state = csFinished
    parkStack(running.stack, if running.resumer.isNil: rootStack() else: running.resumer.stack)

{.pop.}

proc suspend*() =
  ## Gives control back to who resumed the calling coroutine, until somebody resumes it.
  let self = running
  if self.isNil:
    raiseError(SOCKET_ESTATE, "suspend outside of a coroutine")
  self.state = csSuspended
  leaveStack(self.stack, if self.resumer.isNil: rootStack() else: self.resumer.stack)
  if self.canceled:
    self.canceled = false
    raise newException(CoroutineCanceled, "the coroutine was canceled")

proc forget(coroutine: Coroutine) =
  let last = live.pop()
  if last != coroutine:
    live[coroutine.index] = last
    last.index = coroutine.index
  coroutine.index = -1
  giveStack(coroutine.stack)
  coroutine.stack = nil

proc step(coroutine: Coroutine) =
  # Runs it up to its next suspension or its end.
  if coroutine.thread != cast[int](rootStack()):
    raiseError(SOCKET_EWRONGTHREAD, "resume a coroutine of another thread")
  if coroutine.state notin {csCreated, csSuspended}:
    raiseError(SOCKET_ESTATE, "resume a coroutine that is " & $coroutine.state)
  if coroutine.state == csCreated:
    if coroutine.canceled: # nothing of it has happened yet, and nothing will
      coroutine.state = csFinished
      coroutine.body = nil
      return
    coroutine.stack = takeStack(coroutine.stackSize, onStack)
    coroutine.index = live.len
    live.add coroutine
  let before = running
  coroutine.resumer = before
  coroutine.state = csRunning
  running = coroutine
  enterStack(if before.isNil: rootStack() else: before.stack, coroutine.stack)
  running = before
  coroutine.resumer = nil
  if coroutine.state == csFinished:
    forget(coroutine)

proc ready*(coroutine: Coroutine) =
  ## Has the thread's loop run the coroutine in its next turn, after those that are ready already.
  ## Nothing happens if it is ready or has finished.
  if coroutine.isNil:
    raiseError(SOCKET_EINVAL, "make a nil coroutine ready")
  if coroutine.thread != cast[int](rootStack()):
    raiseError(SOCKET_EWRONGTHREAD, "make a coroutine of another thread ready")
  if not coroutine.queued and coroutine.state != csFinished:
    coroutine.queued = true
    queue.addLast coroutine

proc settle(coroutine: Coroutine) =
  for joiner in coroutine.joiners: ready(joiner)
  coroutine.joiners.setLen 0

proc resume*(coroutine: Coroutine) =
  ## Runs the coroutine at once, until it suspends or ends. What it raises and does not catch is
  ## raised here.
  if coroutine.isNil:
    raiseError(SOCKET_EINVAL, "resume a nil coroutine")
  step(coroutine)
  if coroutine.state == csFinished:
    settle(coroutine)
    if not coroutine.error.isNil: raise coroutine.error

proc coroYield*() =
  ## Lets everything else that is ready run first.
  ready(running)
  suspend()

proc cancel*(coroutine: Coroutine) =
  ## Raises `CoroutineCanceled` where the coroutine waits, as soon as the loop runs. One that has
  ## not begun never will.
  if coroutine.state != csFinished:
    coroutine.canceled = true
    ready(coroutine)

proc join*(coroutine: Coroutine) =
  ## Waits, in a coroutine, until another one has ended, and raises what that raised.
  while coroutine.state != csFinished:
    if running.isNil or running == coroutine:
      raiseError(SOCKET_ESTATE, "join outside of another coroutine")
    coroutine.joiners.add running
    suspend()
  if not coroutine.error.isNil and not (coroutine.error of CoroutineCanceled):
    raise coroutine.error

proc onCoroutineFailure*(handler: proc (coroutine: Coroutine; error: ref Exception)) =
  ## What happens on this thread with an exception that a coroutine does not catch and nobody joins
  ## for. nil, the default: one line on stderr. The others go on in any case.
  onFailure = handler

proc report(coroutine: Coroutine) =
  let error = coroutine.error
  if error.isNil or error of CoroutineCanceled or coroutine.joiners.len > 0: return
  if onFailure.isNil:
    stderr.writeLine "coroutine ended with " & $error.name & ": " & error.msg
  else:
    onFailure(coroutine, error)

proc readyCount*(): int = queue.len
  ## How many coroutines are ready.

proc liveCount*(): int = live.len
  ## How many have begun and not ended.

proc slices(): seq[Stack] =
  for coroutine in live: result.add coroutine.stack

proc runReady*() =
  ## Runs each coroutine once that is ready now. A loop's turn does so.
  for _ in 1 .. queue.len:
    let coroutine = queue.popFirst()
    coroutine.queued = false
    if coroutine.state notin {csCreated, csSuspended}: continue # resumed meanwhile by somebody else
    step(coroutine)
    if coroutine.state == csFinished:
      report(coroutine)
      settle(coroutine)
  if running.isNil: collectIfDue(live.len, slices)
