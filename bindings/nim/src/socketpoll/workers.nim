## A loop for each of several threads, for programs that one core is not enough for.
##
## Nothing of Nim crosses from thread to thread: each makes its own loop, sockets and servers in
## `setup`. Listeners of one port share it with `reusePort`.
import std/cpuinfo
import errors, eventloop, raw
export errors, eventloop

type
  Setup* = proc (index: int) {.nimcall, gcsafe.}

  Report = tuple[loop: LoopHandle, problem: string]

  Shared = object
    setup: Setup
    reports: Channel[Report]

  Start = tuple[shared: ptr Shared, index: int]

  Workers* = ref object
    ## Threads with a loop each.
    threads: seq[Thread[Start]]
    loops: seq[LoopHandle]

proc work(start: Start) {.thread.} =
  {.cast(gcsafe).}:
    var loop: EventLoop
    try:
      loop = getEventLoop()
      start.shared.setup(start.index)
      start.shared.reports.send((loop.handle, ""))
    except CatchableError, Defect:
      start.shared.reports.send((LoopHandle(nil), getCurrentExceptionMsg()))
      if not loop.isNil: loop.close()
      return
    try: loop.run(forever = true)
    except CatchableError as error:
      stderr.writeLine "worker ended with ", error.name, ": ", error.msg
    loop.close()

proc stop*(workers: Workers) =
  ## Ends the loops after their present turns, closes them with all that stands on them, and waits
  ## for the threads. Nothing happens the second time.
  for loop in workers.loops:
    if not pointer(loop).isNil: discard SocketLoop_stop(SocketLoop_T(loop))
  workers.loops.setLen 0
  for thread in workers.threads.mitems: joinThread(thread)
  workers.threads.setLen 0

proc wait*(workers: Workers) =
  ## Waits until their threads have ended, which `stop` of their own loops brings about.
  for thread in workers.threads.mitems: joinThread(thread)
  workers.threads.setLen 0

proc startWorkers*(count: int; setup: Setup): Workers =
  ## Starts threads, one for each processor if `count` is 0, has each call `setup` with its number,
  ## and returns when all have; each then runs its loop. Raises what one of the setups raised.
  let many = if count > 0: count else: max(countProcessors(), 1)
  let shared = cast[ptr Shared](allocShared0(sizeof(Shared)))
  shared.setup = setup
  open(shared.reports)
  result = Workers()
  result.threads.setLen many
  var problem = ""
  for i in 0 ..< many: createThread(result.threads[i], work, (shared, i))
  for _ in 0 ..< many:
    let report = shared.reports.recv()
    result.loops.add report.loop
    if report.problem.len > 0: problem = report.problem
  close(shared.reports)
  deallocShared(shared)
  if problem.len > 0:
    result.stop()
    raise newSocketPollError(SOCKET_ESTATE, "start " & $many & " workers", problem)
