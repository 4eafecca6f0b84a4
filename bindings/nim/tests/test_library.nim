## What a program says whose library is missing, too old or another one.
import std/[os, osproc, strtabs, strutils]
import socketpoll/raw
import testing

let folder = getTempDir() / "socketpoll_nim_library_" & $getCurrentProcessId()
let program = getAppFilename()

if paramCount() > 0: # the program that cannot have its library
  echo "started"
  quit 0

proc start(): (string, int) =
  let environment = newStringTable()
  for key, value in envPairs(): environment[key] = value
  environment["LD_LIBRARY_PATH"] = folder
  let (output, code) = execCmdEx(quoteShell(program) & " child", env = environment)
  (output, code)

proc fake(source: string) =
  removeFile(folder / socketpollLibrary)
  if source.len == 0:
    writeFile(folder / socketpollLibrary, "no library") # hides one that is installed
    return
  writeFile(folder / "fake.c", source)
  check execCmd("cc -shared -fPIC -o " & quoteShell(folder / socketpollLibrary) & " " &
                quoteShell(folder / "fake.c")) == 0

createDir(folder)

test "missing":
  fake("")
  let (output, code) = start()
  check code == 1 and "started" notin output
  check output.contains("cannot load " & socketpollLibrary)
  check output.contains("Please install libsocketpoll")

test "too old":
  fake("const char *Socket_version(void) { return \"0.0.9\"; }")
  let (output, code) = start()
  check code == 1 and "started" notin output
  check output.contains("is version 0.0.9, which is too old") and output.contains("Please install")

test "another one":
  fake("int something;")
  let (output, code) = start()
  check code == 1 and output.contains("has no Socket_version")
  fake("const char *Socket_version(void) { return \"new\"; }")
  let (other, otherCode) = start()
  check otherCode == 1 and other.contains("which is none")

removeDir(folder)

test "the right one":
  check ($Socket_version()).split('.').len == 3
  check ($Socket_features()).contains("http")
