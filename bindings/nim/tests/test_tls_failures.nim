## What TLS refuses, and what ends in the midst of it.
import std/[os, strutils]
import socketpoll/raw
import testing, tls_testing

let loop = getEventLoop()

onCoroutineFailure(proc (coroutine: Coroutine; error: ref Exception) = discard) # they look themselves

# ---- What is refused

test "certificates that are no good":
  let tls = serverFor("127.0.0.1")
  let listener = listening(tls)
  let mine = client()
  mine.sessions = 0
  proc shows(names: openArray[string]; fromDay = -1; toDay = 30) =
    let (certificate, key) = issue(names, ckServer, fromDay, toDay)
    tls.replaceCertificate(1, certificate, key)
  proc year(day: int): string = $(now().utc + initDuration(days = day)).year
  shows(["127.0.0.1"], -20, -10)
  let text = raises(CertificateExpiredError, drop dial(listener, mine))
  check text.contains("CN=127.0.0.1") and text.contains(year(-10)) and
        text.contains("connect with TLS to 127.0.0.1")
  shows(["127.0.0.1"], 10, 20)
  expected(CertificateNotYetValidError, year(10)): drop dial(listener, mine)
  shows(["elsewhere.test"])
  expected(CertificateHostError, "CN=elsewhere.test"): drop dial(listener, mine)
  dial(listener, mine, "elsewhere.test").close()
  shows(["127.0.0.1"])
  expected(CertificateNotTrustedError, "CN=127.0.0.1"): drop dial(listener, newClientTls())
  mine.addPin("sha256//WoiWRyIOVNa9ihaBciRSC7XHjliYS9VwUGOIud4PB18=")
  expected(CertificateNotPinnedError, "CN=127.0.0.1"): drop dial(listener, mine)
  try: drop dial(listener, mine)
  except CertificateError as error:
    check error of TlsError and error of ConnectionError and error.codeName == "SOCKET_ECERT_PIN"
  listener.close()

test "authorities from a file and a folder":
  let mine = newClientTls(systemAuthorities = false)
  let authorities = folder / "authorities"
  createDir(authorities)
  writeFile(authorities / "ours", authority.certificate)
  let listener = listening(serverFor("127.0.0.1"))
  mine.addAuthoritiesFolder(authorities)
  dial(listener, mine).close()
  dial(listener, newClientTls(authorities / "ours", systemAuthorities = false)).close()
  expected(SocketPollError, "/absent"): mine.addAuthoritiesFolder("/absent")
  expected(SocketPollError, "/absent"): drop newClientTls("/absent")
  expected(CredentialError, "authorities"): mine.addAuthorities("-----BEGIN nothing")
  listener.close()

test "nothing in common, and peers that speak no TLS":
  let tls = serverFor("127.0.0.1")
  tls.alpn = ["h2"]
  let listener = listening(tls)
  let mine = client()
  mine.alpn = ["other/1"]
  expected(TlsRefusedError, "alert"): drop dial(listener, mine)
  let plain = newAsyncSocket()
  plain.connect(loop, "127.0.0.1", listener.localPort, 20_000)
  plain.write("GET / HTTP/1.0\r\n\r\n")
  # An alert, perhaps, and the end.
  try:
    while plain.recv(loop, 100, 20_000).len > 0: discard
  except ConnectionResetError: discard
  check loop.stat(SOCKET_STAT_TLS_FAILED) > 0
  closeAll(plain, listener)
  let (ours, theirs) = plainPair()
  theirs.write("220 no TLS here, whatever you send\r\n")
  expected(TlsError, "start TLS on"): ours.startTls(loop, client(), "x", 20_000)
  closeAll(ours, theirs)

test "a peer that is cut off":
  # Behind TLS the line is cut: no close_notify.
  proc relay(one, other: AsyncSocket) =
    one.onData do (data: string): other.write(data)
    one.onEnd do (error: ref Exception): discard
  proc cutPair(): (AsyncSocket, AsyncSocket, AsyncSocket) =
    let (ours, near) = plainPair()
    let (far, theirs) = plainPair()
    relay(near, far)
    relay(far, near)
    let serving = newCoroutine(proc () = theirs.startTls(loop, serverFor("x")))
    ready serving
    ours.startTls(loop, client(), "x", 20_000)
    while not serving.finished: loop.runOnce(20_000)
    check hears(theirs, ours, "before")
    result = (ours, near, theirs)
  block:
    let (ours, near, theirs) = cutPair()
    near.close()
    expected(TlsCutOffError, "cut off"): drop ours.recv(loop, 10, 20_000)
    closeAll(ours, theirs)
  block:
    let (ours, near, theirs) = cutPair()
    var told: ref Exception
    ours.onEnd do (error: ref Exception): told = error
    ours.onData do (data: string): discard
    near.close()
    while told.isNil: loop.runOnce(20_000)
    check told of TlsCutOffError
    theirs.close()

# ---- What ends in its midst

test "given up in the midst of a handshake":
  let silent = newAsyncSocket()
  silent.bindAddr("127.0.0.1:0")
  silent.listen()
  let before = loop.stat(SOCKET_STAT_OBJECTS)
  expected(TimeoutError, "connect with TLS"): drop dial(silent, client(), timeoutMs = 30)
  let coroutine = newCoroutine(proc () = drop dial(silent, client()))
  ready coroutine
  loop.runOnce(0)
  cancel(coroutine)
  while not coroutine.finished: loop.runOnce(20_000)
  check coroutine.error of CoroutineCanceled
  while true:
    let taken = silent.takeAccepted()
    if taken.isNil: break
    taken.close()
  loop.runOnce(0)
  check loop.stat(SOCKET_STAT_OBJECTS) <= before + 1 # the other one is accepted, perhaps
  block: # its own side closes it
    let (ours, theirs) = plainPair()
    let waiting = newCoroutine(proc () = ours.startTls(loop, client(), "x"))
    ready waiting
    loop.runOnce(0)
    ours.close()
    while not waiting.finished: loop.runOnce(20_000)
    check waiting.error of CanceledError
    theirs.close()
  block: # the other one does; and the configuration has gone meanwhile
    let (ours, theirs) = plainPair()
    let tls = client()
    var told: ref Exception
    ours.startTls(tls, proc (error: ref Exception) = told = error, "x")
    tls.close()
    theirs.close()
    while told.isNil: loop.runOnce(20_000)
    check told of ConnectionError
    check ours.kind == skClosed
  block: # time is up
    let (ours, theirs) = plainPair()
    expected(TimeoutError, "start TLS"): theirs.startTls(loop, serverFor("x"), timeoutMs = 30)
    closeAll(ours, theirs)
  block: # the listener goes
    let listener = listening(serverFor("127.0.0.1"))
    let waiting = newCoroutine(proc () = drop dial(listener, client()))
    ready waiting
    loop.runOnce(0)
    listener.close()
    while not waiting.finished: loop.runOnce(20_000)
    check waiting.error of ConnectionError
  block: # the loop goes
    let other = newEventLoop()
    let socket = newAsyncSocket(other)
    socket.useTls(client())
    let waiting = newCoroutine(proc () = socket.connect(other, "127.0.0.1", silent.localPort))
    ready waiting
    loop.runOnce(0)
    other.close()
    while not waiting.finished: loop.runOnce(20_000)
    check waiting.error of StaleHandleError
  silent.close()

test "configurations that are refused, closed and nil":
  let (tls, mine) = (serverFor("x"), client())
  expected(SocketPollError, "policy old"): mine.policy = "old"
  expected(SocketPollError, "trust anybody"): tls.trustAnybodyWithoutVerification()
  expected(SocketPollError, "SOCKET_ESTATE"): mine.clientCertificates = ccRequired
  expected(SocketPollError, "pin nothing"): mine.addPin("nothing")
  expected(SocketPollError, "/absent.pem"): drop newServerTls("/absent.pem", "/absent.key")
  expected(CredentialError, "not that of the certificate"):
    tls.addCertificate(issue(["a"]).certificate, issue(["b"]).key)
  expected(CredentialError, "fingerprint"): drop fingerprint("-----BEGIN nothing")
  expected(SocketPollError, "certificate for x"):
    drop makeCertificate(["x"], notAfter = fromUnix(0))
  if tlsEngine() == "mbedtls":
    expected(SocketPollError, "SOCKET_ENOTSUP"): tls.setStaple(1, "x")
  expected(SocketPollError, "SOCKET_EINVAL"): drop listening(mine)
  expected(SocketPollError, "SOCKET_EINVAL"): drop listening(newServerTls())
  let listener = listening(tls)
  expected(SocketPollError, "SOCKET_EINVAL"): drop dial(listener, tls)
  expected(SocketPollError, "use TLS on"): listener.useTls(mine)
  mine.close()
  mine.close()
  expected(StaleHandleError, "TlsContext(closed)"): mine.policy = "modern"
  expected(StaleHandleError, "TlsContext(closed)"): drop dial(listener, mine)
  expected(StaleHandleError, "TlsContext(nil)"): TlsContext(nil).reload()
  listener.close()
  let port = listener
  expected(StaleHandleError, "closed"): port.useTls(tls)

test "configurations go with their objects":
  var words: seq[SocketTLS_T]
  proc make() =
    for _ in 0 ..< 50: words.add newClientTls(systemAuthorities = false).native
  make()
  GC_fullCollect()
  var live = 0
  for word in words:
    if SocketTLS_set_sessions(word, 1) == 0: inc live
  check live < 5

removeDir(folder)
