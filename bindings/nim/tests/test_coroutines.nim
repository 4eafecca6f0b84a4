## Coroutines by themselves: switches, stacks, exceptions, destructors, and the collector.
import std/[strutils, tables]
import socketpoll/[coroutines, errors]
import testing

proc drain() =
  while readyCount() > 0: runReady()

test "a coroutine runs, suspends and ends":
  var seen: seq[string]
  let one = newCoroutine(proc () =
    seen.add "a"
    suspend()
    seen.add "b")
  check one.state == csCreated
  one.resume()
  check seen == @["a"] and one.state == csSuspended
  one.resume()
  check seen == @["a", "b"] and one.finished
  check raises(SocketPollError, one.resume()).contains("csFinished")

test "10,000 switches between 100 coroutines, each with its own state":
  var total = 0
  for i in 0 ..< 100:
    closureScope:
      let mine = i
      ready newCoroutine(proc () =
        var words = @[$mine]
        for turn in 0 ..< 100:
          words.add $mine & ":" & $turn
          coroYield()
          check words[^1] == $mine & ":" & $turn
        total += words.len)
  drain()
  check total == 100 * 101
  check liveCount() == 0

proc deep(level: int): string =
  let here = "level " & $level
  if level == 0: coroYield()
  else: result = deep(level - 1)
  check here == "level " & $level
  result.add char(ord('a') + level mod 26)

test "deep stacks wait at their deepest and come back up":
  var results: seq[string]
  for i in 0 ..< 20:
    ready newCoroutine((proc () = results.add deep(1000)), stackSize = 2 * 1024 * 1024)
  drain()
  check results.len == 20
  for one in results: check one == results[0] and one.len == 1001

test "an exception is caught inside a coroutine, across a suspension":
  var seen = ""
  for i in 0 ..< 50:
    closureScope:
      let mine = i
      ready newCoroutine(proc () =
        try:
          try:
            coroYield()
            raise newException(ValueError, "v" & $mine)
          except ValueError:
            coroYield() # others raise and handle theirs meanwhile
            check getCurrentExceptionMsg() == "v" & $mine
            raise newException(KeyError, "k" & $mine)
          finally:
            coroYield()
        except KeyError as error:
          check error.msg == "k" & $mine
          seen.add "x")
  drain()
  check seen.len == 50
  check getCurrentException().isNil

test "an exception crosses a resume":
  let bad = newCoroutine(proc () =
    suspend()
    raise newException(ValueError, "out of the coroutine"))
  bad.resume()
  check raises(ValueError, bad.resume()) == "out of the coroutine"
  check bad.finished and bad.error.msg == "out of the coroutine"
  check currentCoroutine().isNil

test "an exception crosses a resume between coroutines, and joins":
  var seen: seq[string]
  let inner = newCoroutine(proc () = raise newException(ValueError, "inner"))
  let outer = newCoroutine(proc () =
    try: inner.resume()
    except ValueError as error: seen.add error.msg
    coroYield()
    raise newException(IOError, "outer"))
  let joiner = newCoroutine(proc () =
    try: outer.join()
    except IOError as error: seen.add error.msg)
  ready joiner
  ready outer
  drain()
  check seen == @["inner", "outer"]

test "what nobody catches is reported and the others go on":
  var reported: seq[string]
  var others = 0
  onCoroutineFailure(proc (coroutine: Coroutine; error: ref Exception) = reported.add error.msg)
  for i in 0 ..< 10:
    closureScope:
      let mine = i
      ready newCoroutine(proc () =
        coroYield()
        if mine == 5: raise newException(ValueError, "number 5")
        inc others)
  drain()
  onCoroutineFailure(nil)
  check others == 9 and reported == @["number 5"]

when defined(gcArc) or defined(gcOrc):
  type Guard = object
    live: bool
  var destroyed = 0
  proc `=destroy`(guard: var Guard) =
    if guard.live: inc destroyed

  test "destructors run at a coroutine's end, and when it is canceled":
    for canceled in [false, true]:
      destroyed = 0
      let one = newCoroutine(proc () =
        let guard = Guard(live: true)
        suspend()
        check guard.live)
      one.resume()
      check destroyed == 0
      if canceled: cancel(one) else: ready(one)
      drain()
      check destroyed == 1 and one.finished

test "finally runs where a coroutine is canceled, and one that never began does not begin":
  var seen = ""
  let one = newCoroutine(proc () =
    try: suspend()
    finally: seen.add "f")
  one.resume()
  one.cancel()
  let two = newCoroutine(proc () = seen.add "never")
  two.cancel()
  drain()
  check seen == "f" and one.finished and two.finished

type Node = ref object
  name: string
  next: Node

proc put(into: var Node; name: string) {.noinline.} = into = Node(name: name, next: into)

test "the collector keeps what only suspended stacks refer to, and frees the rest":
  var sums = 0
  for i in 0 ..< 50:
    closureScope:
      let mine = i
      ready newCoroutine(proc () =
        var chain: Node
        var table = initTable[string, ref int]()
        for turn in 0 ..< 200:
          put(chain, $mine & "-" & $turn)
          let number = new int
          number[] = turn
          table[$turn] = number
          let text = repeat(char(ord('a') + mine mod 26), 2000) # garbage, to be collected
          if turn mod 20 == 0: chain = nil
          coroYield()
          check text.len == 2000 and text[1999] == char(ord('a') + mine mod 26)
          if not chain.isNil: check chain.name == $mine & "-" & $turn
        for turn in 0 ..< 200:
          check table[$turn][] == turn
          inc sums)
  var most = 0
  while readyCount() > 0:
    runReady()
    most = max(most, getOccupiedMem())
  check sums == 50 * 200
  check most < 24 * 1024 * 1024 # 20 MB of garbage passed through, beside what is kept

test "ends of the earth: nil, suspend outside, a coroutine of another thread":
  check raises(SocketPollError, ready(nil)).contains("nil coroutine")
  check raises(SocketPollError, ready(newCoroutine(nil))).contains("nil proc")
  check raises(SocketPollError, suspend()).contains("outside of a coroutine")

test "5,000 coroutines wait at a time":
  var ended = 0
  for i in 0 ..< 5000:
    ready newCoroutine(proc () =
      let name = "one of many " & $ended
      for _ in 0 ..< 3: coroYield()
      if name.len > 0: inc ended)
  runReady()
  check liveCount() == 5000
  drain()
  check ended == 5000
