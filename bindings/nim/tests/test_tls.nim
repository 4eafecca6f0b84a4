## TLS that goes well: both sides in every style, what was agreed on, and what is configured.
import std/[atomics, os, strutils]
import socketpoll/[asyncio, http, ssl, workers]
import testing, tls_testing

let loop = getEventLoop()

# ---- What goes well

test "coroutines: 50 clients at a time":
  let listener = listening(serverFor("127.0.0.1"))
  let tls = client()
  proc serve(socket: AsyncSocket) =
    while true:
      let data = socket.recv(loop, 1000, 20_000)
      if data.len == 0: break
      discard socket.send(loop, data)
    socket.close()
  proc start(socket: AsyncSocket) = ready newCoroutine(proc () = serve(socket))
  let accepting = newCoroutine(proc () =
    for _ in 0 ..< 50: start(listener.accept(loop)))
  ready accepting
  var all: seq[Coroutine]
  proc ask(i: int) =
    all.add newCoroutine(proc () =
      let socket = dial(listener, tls)
      let text = repeat("client " & $i & '\n', 1000)
      ready newCoroutine(proc () = discard socket.send(loop, text))
      check socket.recvExactly(loop, text.len, 20_000) == text
      socket.close())
    ready all[^1]
  for i in 0 ..< 50: ask(i)
  for one in all:
    while not one.finished: loop.runOnce(20_000)
    if not one.error.isNil: raise one.error
  listener.close()

test "callbacks, and the end that TLS announces":
  let listener = listening(serverFor("localhost"))
  listener.onAccept do (socket: AsyncSocket):
    check socket.tlsServerName == "localhost"
    socket.onData do (data: string): socket.write(data.toUpperAscii)
  var seen, ended = ""
  let socket = newAsyncSocket()
  socket.useTls(client(), "localhost")
  socket.connect("127.0.0.1:" & $listener.localPort.uint16, proc (error: ref Exception) =
    check error.isNil and socket.tlsVersion == "TLSv1.3"
    socket.onEnd do (error: ref Exception): ended = if error.isNil: "well" else: error.msg
    socket.onData do (data: string):
      seen.add data
      if seen == "SHOUT":
        socket.shutdown()
        listener.close()
    socket.write("shout"))
  loop.run()
  check seen == "SHOUT" and ended == "well"

test "futures":
  proc main() {.async.} =
    let listener = listening(serverFor("127.0.0.1"))
    let coming = listener.accept(20_000)
    let ours = newAsyncSocket()
    ours.useTls(client())
    await ours.connect("127.0.0.1", listener.localPort, 20_000)
    let theirs = await coming
    await ours.send("a line\n")
    check (await theirs.recvLine()) == "a line\n"
    let reading = ours.recv(10)
    theirs.close()
    check (await reading) == ""
    closeAll(ours, listener)
    let stranger = newAsyncSocket()
    let other = listening(serverFor("elsewhere"))
    stranger.useTls(client())
    try:
      await stranger.connect("127.0.0.1", other.localPort, 20_000)
      check false
    except CertificateHostError as error: check error.msg.contains("CN=elsewhere")
    closeAll(stranger, other)
  waitFor main()

test "what was agreed on":
  let tls = serverFor("localhost")
  tls.alpn = ["http/1.1"]
  let mine = client()
  mine.alpn = ["h2", "http/1.1"]
  let listener = listening(tls)
  let (ours, theirs) = pair(listener, mine, "localhost")
  for socket in [ours, theirs]:
    check socket.tlsVersion == "TLSv1.3" and socket.tlsSuite.startsWith("TLS_")
    check socket.tlsProtocol == "http/1.1" and not socket.tlsResumed and socket.tlsFailure == ""
  check theirs.tlsServerName == "localhost"
  check describeCertificate(ours.peerCertificate).contains("localhost")
  check fingerprint(ours.peerCertificate).len == 95
  check ours.peerCertificate(9) == "" and theirs.peerCertificate == ""
  closeAll(ours, theirs, listener)
  expected(StaleHandleError, "closed"): drop ours.tlsVersion
  let (one, other) = plainPair()
  check one.tlsVersion == "" and one.tlsProtocol == "" and one.peerCertificate == ""
  closeAll(one, other)
  tls.policy = "custom:ECDHE-ECDSA-AES128-GCM-SHA256"
  let older = listening(tls)
  let (a, b) = pair(older, client(), "localhost")
  check a.tlsVersion == "TLSv1.2" and b.tlsSuite == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
  check hears(a, b, "older")
  closeAll(a, b, older)

test "sessions are resumed, by a successor with the same keys as well":
  let (certificate, key) = issue(["127.0.0.1"])
  let first = newServerTls()
  first.addCertificate(certificate, key)
  let successor = newServerTls()
  successor.addCertificate(certificate, key)
  successor.ticketKeys = first.ticketKeys
  let mine = client()
  let listener = listening(first)
  proc resumed(): bool =
    let (ours, theirs) = pair(listener, mine)
    check hears(theirs, ours, "and a ticket before it")
    result = ours.tlsResumed and theirs.tlsResumed
    closeAll(ours, theirs)
  check not resumed()
  check resumed()
  listener.useTls(successor)
  check resumed()
  mine.sessions = 4
  check not resumed()
  successor.tickets = false
  check not resumed()
  check not resumed()
  expected(SocketPollError, "ticket keys"): first.ticketKeys = "short"
  listener.useTls(nil)
  let plain = newAsyncSocket()
  plain.connect(loop, "127.0.0.1", listener.localPort, 20_000)
  check hears(listener.accept(loop, 20_000), plain, "in the clear")
  closeAll(plain, listener)

test "several certificates, and one in another's place":
  let tls = serverFor("one.test")
  let (certificate, key) = issue(["two.test", "*.three.test"])
  check tls.addCertificate(certificate, key) == 2
  check tls.addCertificate(certificate, key, ["four.test"]) == 3
  let listener = listening(tls)
  proc shown(name: string): string =
    let anybody = newClientTls()
    anybody.trustAnybodyWithoutVerification()
    let (ours, theirs) = pair(listener, anybody, name)
    result = fingerprint(ours.peerCertificate)
    closeAll(ours, theirs)
  check shown("one.test") == shown("unknown.test")
  check shown("two.test") == fingerprint(certificate)
  check shown("a.three.test") == fingerprint(certificate) and
        shown("four.test") == fingerprint(certificate)
  let other = issue(["two.test"])
  tls.replaceCertificate(2, other.certificate, other.key)
  check shown("two.test") == fingerprint(other.certificate)
  expected(SocketPollError, "certificate 9"): tls.replaceCertificate(9, certificate, key)
  listener.close()

test "certificates are renewed under connections":
  let first = renew("127.0.0.1")
  let tls = newServerTls(chainFile, keyFile)
  let mine = client()
  mine.sessions = 0
  let listener = listening(tls)
  let (ours, theirs) = pair(listener, mine)
  let second = renew("127.0.0.1")
  tls.reload()
  let (newOurs, newTheirs) = pair(listener, mine)
  check fingerprint(ours.peerCertificate) == first
  check fingerprint(newOurs.peerCertificate) == second
  check hears(ours, theirs, "old") and hears(newTheirs, newOurs, "new")
  writeFile(keyFile, "nothing of use")
  expected(CredentialError, "private key"): tls.reload()
  let (lateOurs, lateTheirs) = pair(listener, mine)
  check fingerprint(lateOurs.peerCertificate) == second
  closeAll(ours, theirs, newOurs, newTheirs, lateOurs, lateTheirs, listener)

proc fromHeader(name: string): string =
  ## A string of the C tests' own.
  var inside = false
  const header = currentSourcePath().parentDir.parentDir.parentDir.parentDir /
                 "test/support/encrypted_key.h"
  for line in lines(header):
    if line.contains("char " & name & "[]"): inside = true
    elif inside:
      result.add line[line.find('"') + 1 ..< line.rfind('"')].replace("\\n", "\n")
      if line.endsWith(';'): return

test "an encrypted key":
  let (certificate, key) = (fromHeader("encrypted_key_certificate"), fromHeader("encrypted_key"))
  let tls = newServerTls()
  expected(PasswordError, "add a certificate"): tls.addCertificate(certificate, key)
  tls.password = "seesame"
  expected(PasswordError, "password"): tls.addCertificate(certificate, key)
  tls.password = "sesame"
  check tls.addCertificate(certificate, key) == 1
  writeFile(chainFile, certificate)
  writeFile(keyFile, key)
  expected(PasswordError, keyFile): drop newServerTls(chainFile, keyFile)
  discard newServerTls(chainFile, keyFile, password = "sesame")

test "clients show certificates":
  let tls = serverFor("127.0.0.1")
  tls.addAuthorities(authority.certificate)
  let (certificate, key) = issue(["somebody"], ckClient)
  let somebody = client()
  somebody.addCertificate(certificate, key)
  let stranger = client()
  let strange = makeCertificate(["stranger"], ckClient)
  stranger.addCertificate(strange.certificate, strange.key)
  let nobody = client()
  for policy in ["modern", "custom:ECDHE-ECDSA-AES128-GCM-SHA256"]:
    tls.policy = policy
    tls.clientCertificates = ccOptional
    let listener = listening(tls)
    proc enters(mine: TlsContext): string =
      # In TLS 1.3 the client is done before the server has looked.
      try:
        let ours = dial(listener, mine)
        result = ours.recv(loop, 100, 20_000)
        ours.close()
      except TlsError as error: result = error.codeName
    let greeter = newCoroutine(proc () =
      while true:
        let theirs = listener.accept(loop)
        let shown = theirs.peerCertificate
        let who = if shown.len > 0: describeCertificate(shown) else: "nobody"
        theirs.write(if who.contains("somebody"): "somebody" else: who)
        theirs.close())
    ready greeter
    check enters(somebody) == "somebody" and enters(nobody) == "nobody"
    check enters(stranger) == "SOCKET_EALERT"
    tls.clientCertificates = ccRequired
    listener.useTls(tls)
    check enters(somebody) == "somebody" and enters(nobody) == "SOCKET_EALERT"
    cancel(greeter)
    loop.runOnce(0)
    listener.close()

# ---- STARTTLS

test "TLS on a connection that has spoken in the clear":
  let tls = serverFor("mail.test")
  let (ours, theirs) = plainPair()
  check hears(ours, theirs, "STARTTLS\n") and hears(theirs, ours, "go ahead\n")
  let serving = newCoroutine(proc () = theirs.startTls(loop, tls, timeoutMs = 20_000))
  ready serving
  ours.startTls(loop, client(), "mail.test", 20_000)
  while not serving.finished: loop.runOnce(20_000)
  check serving.error.isNil and theirs.tlsServerName == "mail.test"
  check hears(ours, theirs, "secret") and hears(theirs, ours, "also")
  expected(SocketPollError, "SOCKET_ESTATE"): ours.startTls(loop, client(), "mail.test")
  ours.close()
  check theirs.recv(loop, 10, 20_000) == ""
  theirs.close()

test "TLS in callbacks and futures, on a connection that has spoken in the clear":
  let (ours, theirs) = plainPair()
  let tls = serverFor("mail.test")
  var seen = ""
  theirs.onData do (data: string):
    if data == "STARTTLS\n":
      theirs.write("go ahead\n")
      theirs.startTls(tls, proc (error: ref Exception) = check error.isNil)
    else:
      seen = data & theirs.tlsVersion
      theirs.close()
  proc main() {.async.} =
    await ours.send("STARTTLS\n")
    check (await ours.recvLine()) == "go ahead\n"
    await ours.startTls(client(), "mail.test", 20_000)
    await ours.send("secret")
    check (await ours.recv(10, 20_000)) == ""
  waitFor main()
  check seen == "secretTLSv1.3"
  ours.close()

test "what has come in the clear is not taken for secured":
  let (ours, theirs) = plainPair()
  ours.write("STARTTLS\ninjected\n")
  check theirs.recvLine(loop, timeoutMs = 20_000) == "STARTTLS\n"
  expected(SocketPollError, "SOCKET_ESTATE"): theirs.startTls(loop, serverFor("mail.test"))
  closeAll(ours, theirs)

# ---- HTTP, and std/net's names

test "HTTPS, renewed while it runs":
  let first = renew("127.0.0.1")
  let tls = newServerTls(chainFile, keyFile)
  let server = newHttpServer(loop)
  var kept: Request
  let mine = client()
  server.useTls(tls)
  server.route("GET", "/") do (request: Request):
    kept = request
    let shown = request.peerCertificate
    let who = if shown.len == 0: "nobody" else: $describeCertificate(shown).contains("somebody")
    request.respond(200, [request.tlsVersion, request.tlsServerName, who].join("|"))
  server.listen("127.0.0.1:0")
  proc ask(port: int; serverName = ""): (string, string) =
    let socket = newAsyncSocket()
    socket.useTls(mine, serverName)
    socket.connect(loop, "127.0.0.1:" & $port, 20_000)
    discard socket.send(loop, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    while true:
      let part = socket.recv(loop, 1000, 20_000)
      if part.len == 0: break
      result[0].add part
    result[1] = fingerprint(socket.peerCertificate)
    socket.close()
  let before = ask(server.port)
  check before[0].endsWith("\r\n\r\nTLSv1.3||nobody") and before[1] == first
  mine.sessions = 0
  let second = renew("localhost")
  tls.addAuthorities(authority.certificate)
  tls.clientCertificates = ccRequired
  let (certificate, key) = issue(["somebody"], ckClient)
  mine.addCertificate(certificate, key)
  tls.reload()
  let after = ask(server.port, "localhost")
  check after[0].endsWith("\r\n\r\nTLSv1.3|localhost|true") and after[1] == second
  expected(StaleHandleError, "certificate"): drop kept.peerCertificate
  expected(StaleHandleError, "TLS"): drop kept.tlsVersion
  let plain = newAsyncSocket()
  server.useTls(nil)
  server.listen("127.0.0.1:0")
  plain.connect(loop, "127.0.0.1:" & $server.port)
  discard plain.send(loop, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  check plain.recvUntil(loop, "||nobody", timeoutMs = 20_000).endsWith("\r\n\r\n||nobody")
  plain.close()
  expected(SocketPollError, "use TLS on"): server.useTls(client())
  expected(SocketPollError, "/absent"): server.useTls("/absent", "/absent")
  server.close()
  let other = newHttpServer(loop)
  other.useTls(chainFile, keyFile)
  other.listen("127.0.0.1:0")
  check ask(other.port, "localhost")[0].startsWith("HTTP/1.1 404 ")
  other.close()

var
  lent: TlsHandle
  port: Atomic[int]

test "threads share a configuration, its tickets and its reload":
  discard renew("127.0.0.1")
  let tls = newServerTls(chainFile, keyFile)
  lent = tls.handle
  let first = newHttpServer(loop)
  first.useTls(tls)
  first.listen("127.0.0.1:0", reusePort = true)
  port.store first.port
  let workers = startWorkers(2, proc (index: int) =
    let server = newHttpServer()
    server.useTls(lent.context)
    server.route("GET", "/", proc (request: Request) = request.respond(200, "a worker"))
    server.listen("127.0.0.1:" & $port.load, reusePort = true))
  first.close()
  let mine = client()
  proc ask(): AsyncSocket =
    result = newAsyncSocket()
    result.useTls(mine)
    result.connect(loop, "127.0.0.1:" & $port.load, 20_000)
    discard result.send(loop, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    check result.recvUntil(loop, "a worker", timeoutMs = 20_000).endsWith("a worker")
  ask().close()
  for _ in 0 ..< 10:
    let socket = ask()
    check socket.tlsResumed
    socket.close()
  let second = renew("127.0.0.1")
  tls.reload()
  mine.sessions = 0
  for _ in 0 ..< 10:
    let socket = ask()
    check fingerprint(socket.peerCertificate) == second
    socket.close()
  workers.stop()
  tls.close()
  let late = lent.context
  expected(StaleHandleError, "reload"): late.reload()
  late.close()
  expected(StaleHandleError, "TlsContext(closed)"): late.reload()

test "std/net's names":
  discard renew("127.0.0.1")
  let (caDir, caFile) = (folder / "authorities", folder / "authorities" / "ours.pem")
  createDir(caDir)
  writeFile(caFile, authority.certificate)
  let context = newContext(certFile = chainFile, keyFile = keyFile, caFile = caFile)
  proc main() {.async.} =
    let listener = newAsyncSocket()
    listener.bindAddr(async_socket.Port(0), "127.0.0.1")
    listener.listen()
    let ours = newAsyncSocket()
    newContext(caFile = caFile).wrapSocket(ours)
    let connecting = ours.connect("127.0.0.1", listener.localPort, 20_000)
    let theirs = await listener.accept()
    await context.wrapConnectedSocket(theirs, handshakeAsServer)
    await connecting
    await ours.send("hello\n")
    check (await theirs.recvLine()) == "hello\n"
    closeAll(ours, theirs, listener)
    let secured = newAsyncSocket()
    secured.bindAddr(async_socket.Port(0), "127.0.0.1")
    context.wrapSocket(secured)
    secured.listen()
    let plain = newAsyncSocket()
    await plain.connect("127.0.0.1", secured.localPort)
    await newContext(caDir = caDir).wrapConnectedSocket(
      plain, handshakeAsClient, "127.0.0.1")
    check plain.tlsVersion == "TLSv1.3"
    closeAll(plain, secured)
  waitFor main()
  context.destroyContext()
  expected(SocketPollError, "/absent"): drop newContext(caFile = "/absent")
  expected(SocketPollError, "trustAnybodyWithoutVerification"):
    drop newContext(CVerifyNone).forClient

removeDir(folder)
