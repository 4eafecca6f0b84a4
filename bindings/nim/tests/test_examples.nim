## The examples, as programs of their own that are talked to. run-tests has compiled them.
import std/[os, osproc, posix, streams, strutils]
import socketpoll/[async_socket, eventloop, tls]
import testing

let
  build = getEnv("NIM_BUILD")
  memory = getEnv("NIM_MEMORY")
  loop = getEventLoop()

const Many = 5000 # connections to an echo server at a time

var limit: RLimit
discard getrlimit(RLIMIT_NOFILE, limit)
limit.rlim_cur = limit.rlim_max
discard setrlimit(RLIMIT_NOFILE, limit)

template withExample(name: string; arguments: openArray[string]; port, body: untyped) =
  ## Runs `body` while the example runs, which must still do so after it.
  let process = startProcess(build / name & "_" & memory, args = arguments)
  try:
    let line = process.outputStream.readLine()
    check line.startsWith("listening on port ")
    let port {.inject, used.} = parseInt(line.split(' ')[^1])
    body
    check process.running
  finally:
    process.kill()
    discard process.waitForExit()
    process.close()

proc go(body: proc ()) =
  let one = newCoroutine(body)
  ready one
  while not one.finished: loop.runOnce(20_000)
  if not one.error.isNil: raise one.error

proc dial(port: int): AsyncSocket =
  result = newAsyncSocket()
  result.connect(loop, "127.0.0.1:" & $port, 20_000)

proc each(count: int; body: proc (i: int)) =
  ## `count` coroutines at a time; raises what one of them raised.
  var all: seq[Coroutine]
  proc start(i: int) =
    all.add newCoroutine((proc () = body(i)), stackSize = 64 * 1024)
    ready all[^1]
  for i in 0 ..< count: start(i)
  for one in all: one.join()

proc echoes(port, clients, turns: int) =
  ## All are connected before the first speaks.
  go(proc () =
    var sockets = newSeq[AsyncSocket](clients)
    each(clients, proc (i: int) = sockets[i] = dial(port))
    each(clients, proc (i: int) =
      for turn in 0 ..< turns:
        let text = "client " & $i & " turn " & $turn & "\n"
        discard sockets[i].send(loop, text, 20_000)
        check sockets[i].recvExactly(loop, text.len, 20_000) == text)
    for socket in sockets: socket.close())

for name in ["echo_pull", "echo_callbacks", "echo_coroutines", "echo_futures"]:
  test name & ": 50 clients, and large messages":
    withExample(name, ["0"], port):
      echoes(port, 50, 20)
      go(proc () =
        let client = dial(port)
        let text = repeat("0123456789", 30_000)
        let writer = newCoroutine(proc () = discard client.send(loop, text, 20_000))
        ready writer
        check client.recvExactly(loop, text.len, 20_000) == text
        client.close())

  if limit.rlim_max < Many + 500:
    skip(name & ": 5,000 connections", "only " & $limit.rlim_max & " descriptors are allowed")
  else:
    test name & ": 5,000 connections at a time":
      withExample(name, ["0"], port): echoes(port, Many, 1)

test "chat: 1,000 clients hear what one says":
  withExample("chat", ["0"], port):
    go(proc () =
      var clients = newSeq[AsyncSocket](1000)
      each(1000, proc (i: int) =
        clients[i] = dial(port)
        check clients[i].recvLine(loop, timeoutMs = 20_000) == "welcome\n")
      for author in [0, 500, 999]:
        discard clients[author].send(loop, "I am " & $author & "\n")
        each(1000, proc (i: int) =
          if i == author: return
          check clients[i].recvLine(loop, timeoutMs = 20_000) == "I am " & $author & "\n")
      for i in 0 ..< 999: clients[i].close() # without a word
      discard clients[999].send(loop, "anybody there?\n")
      let late = dial(port)
      check late.recvLine(loop, timeoutMs = 20_000) == "welcome\n"
      discard late.send(loop, "me\n")
      check clients[999].recvLine(loop, timeoutMs = 20_000) == "me\n")

proc get(port: int; path: string): string =
  let client = dial(port)
  discard client.send(loop, "GET " & path & " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  while true:
    let part = client.recv(loop, 65536, 20_000)
    if part.len == 0: break
    result.add part
  client.close()

test "http_hello":
  withExample("http_hello", ["0"], port):
    check get(port, "/hello/you").endsWith("\r\n\r\nHello\n")
  var lines = 0
  for line in lines(currentSourcePath().parentDir.parentDir / "examples" / "http_hello.nim"):
    if line.strip.len > 0: inc lines
  check lines < 10

test "static_files":
  let folder = getTempDir() / "socketpoll_nim_files_" & $getCurrentProcessId()
  createDir(folder)
  writeFile(folder / "one.txt", "one file")
  withExample("static_files", [folder, "0"], port):
    check get(port, "/one.txt").endsWith("\r\n\r\none file")
    check get(port, "/").contains("one.txt")
    check get(port, "/../etc/passwd").startsWith("HTTP/1.1 4")
  removeDir(folder)

test "echo_tls: a server, and its client as a program of its own":
  let folder = getTempDir() / "socketpoll_nim_echo_tls_" & $getCurrentProcessId()
  createDir(folder)
  let (certificate, key) = makeCertificate(["127.0.0.1"])
  writeFile(folder / "chain.pem", certificate)
  writeFile(folder / "key.pem", key)
  withExample("echo_tls", ["0", folder / "chain.pem", folder / "key.pem"], port):
    let program = build / "echo_tls_" & memory
    for text in ["one", repeat("two ", 30_000)]:
      let said = execProcess(program, args = ["ask", $port, folder / "chain.pem", text], options = {})
      check said == text & " (TLSv1.3)\n"
    writeFile(folder / "other.pem", makeCertificate(["127.0.0.1"]).certificate)
    let refused = execProcess(program, args = ["ask", $port, folder / "other.pem", "x"],
                              options = {poStdErrToStdOut})
    check refused.contains("CN=127.0.0.1") and refused.contains("CertificateNotTrustedError")
  removeDir(folder)
  setCurrentDir(build) # where it leaves its own certificate
  withExample("echo_tls", ["0"], port):
    check execProcess(build / "echo_tls_" & memory, args = ["ask", $port, "echo_tls.pem", "hello"],
                      options = {}) == "hello (TLSv1.3)\n"
  removeFile("echo_tls.pem")

test "udp_time":
  withExample("udp_time", ["0"], port):
    go(proc () =
      let client = newUdpSocket("127.0.0.1:0")
      for i in 0 ..< 20:
        client.sendTo(loop, "127.0.0.1:" & $port, "question " & $i)
        check client.recvFrom(loop, timeoutMs = 20_000).data.endsWith(" question " & $i)
      client.close())

# seed_echo says port 8080 and prints nothing, so it runs in here, beside its clients: they have
# their first turn before it, and let it listen.
var seedTurns = 0

let seedClients = newCoroutine(proc () =
  defer: loop.stop()
  coroYield()
  for i in 0 ..< 300:
    let client = dial(8080)
    discard client.send(loop, "message " & $i)
    check client.recvUntil(loop, $i, timeoutMs = 20_000) == "Echo: message " & $i
    check client.recv(loop, 10, 20_000) == ""
    client.close()
    inc seedTurns)

proc taken(): bool =
  let probe = newAsyncSocket()
  probe.bindAddr(Port(8080))
  try: probe.listen()
  except AddressInUseError: result = true
  probe.close()

let seedRuns = not taken()
if seedRuns: ready seedClients

include "../examples/seed_echo.nim"

if seedRuns:
  test "seed_echo, as it is printed":
    check seedClients.error.isNil
    check seedTurns == 300 and serverCoro.state == csSuspended
else: skip("seed_echo", "port 8080 is taken, and the example says 8080")
