## What the tests share: the counts line at the end and a few helpers.
import std/[exitprocs, os, strutils]
export strutils.contains

var passed, failed, skipped: int

template check*(condition: untyped) =
  if not (condition):
    const line = $instantiationInfo().line
    raise newException(AssertionDefect, "line " & line & ": " & astToStr(condition))

proc caught(kind: string; line: int; body: proc ()): string =
  try:
    body()
  except CatchableError as error:
    if $error.name == kind: return error.msg
    raise newException(AssertionDefect, "line " & $line & ": " & $error.name & " is no " & kind &
                       ": " & error.msg)
  raise newException(AssertionDefect, "line " & $line & ": no " & kind)

template raises*(kind: typedesc; body: untyped): string =
  ## The message of the exception of that class, exactly, that `body` raises.
  caught($kind, instantiationInfo().line, proc () = body)

template drop*(value: untyped) =
  ## `discard`, where an expression has to stand.
  discard value

proc run(name: string; body: proc ()) =
  try:
    body()
    inc passed
    if existsEnv("VERBOSE"): stderr.writeLine "passed ", name
  except CatchableError, Defect:
    inc failed
    let error = getCurrentException()
    echo "FAILED ", name, ": ", error.name, ": ", error.msg, "\n", error.getStackTrace()

template test*(title: string; body: untyped) =
  run(title, proc () = body)

proc skip*(name, reason: string) =
  inc skipped
  echo "skipped ", name, ": ", reason

addExitProc proc () =
  echo passed, " passed, ", failed, " failed, ", skipped, " skipped"
  if failed > 0: setProgramResult 1
