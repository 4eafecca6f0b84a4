## The event loop and its sockets: what they do, and what misuse of them gives.
import std/[os, posix, strutils]
import socketpoll/[async_socket, eventloop, raw]
import testing

proc go(body: proc ()) =
  ## Runs one coroutine to its end, with the loop, and raises what it raised.
  let one = newCoroutine(body)
  ready one
  let loop = getEventLoop()
  while not one.finished: loop.runOnce(5000)
  if not one.error.isNil: raise one.error

proc listening(): AsyncSocket =
  result = newAsyncSocket()
  result.bindAddr(Port(0), "127.0.0.1")
  result.listen()

proc echoOnce(server: AsyncSocket; times = 1): Coroutine {.discardable.} =
  result = newCoroutine(proc () =
    let loop = getEventLoop()
    for _ in 1 .. times:
      let client = server.accept(loop)
      while true:
        let data = client.recv(loop, 1000)
        if data.len == 0: break
        check client.send(loop, data) == data.len
      client.close())
  ready result

test "echo, from coroutine to coroutine":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    echoOnce(server)
    let client = newAsyncSocket()
    client.connect(loop, "127.0.0.1", server.localPort, timeoutMs = 5000)
    check client.send(loop, "hello") == 5
    check client.recvExactly(loop, 5) == "hello"
    let big = repeat("0123456789", 100_000)
    let writer = newCoroutine(proc () = check client.send(loop, big) == big.len)
    ready writer
    check client.recvExactly(loop, big.len) == big
    writer.join()
    check client.send(loop, "") == 0
    check client.peer == "127.0.0.1:" & $server.localPort.uint16
    client.shutdown()
    check client.recv(loop, 10) == ""
    check client.recv(loop, 10) == ""
    client.close()
    server.close())

test "lines, and a delimiter that does not come":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    echoOnce(server)
    let client = newAsyncSocket(loop)
    client.connect(loop, "127.0.0.1:" & $server.localPort.uint16)
    discard client.send(loop, "one\ntwo\nrest")
    check client.recvLine(loop) == "one\n"
    check client.recvLine(loop) == "two\n"
    client.shutdown()
    check client.recvLine(loop) == "rest"
    client.close()
    server.close())

test "outside of a coroutine the program waits":
  let loop = getEventLoop()
  let server = listening()
  echoOnce(server)
  let client = newAsyncSocket()
  client.connect(loop, "localhost", server.localPort)
  discard client.send(loop, "main")
  check client.recv(loop, 100) == "main"
  client.close()
  server.close()
  loop.run() # returns: nothing is left

test "each wait has a timeout, after which the socket is as before":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    check raises(TimeoutError, drop server.accept(loop, timeoutMs = 5)
      ).contains("accept on 127.0.0.1:0")
    echoOnce(server)
    let client = newAsyncSocket()
    client.connect(loop, "127.0.0.1", server.localPort)
    check raises(TimeoutError, drop client.recv(loop, 10, timeoutMs = 5)
      ).contains("SOCKET_ETIMEDOUT")
    check raises(TimeoutError, client.waitForRead(loop, timeoutMs = 5)).contains("descriptor")
    client.waitForWrite(loop, timeoutMs = 1000)
    discard client.send(loop, "still there")
    client.waitForRead(loop, timeoutMs = 5000)
    check client.recv(loop, 100) == "still there"
    let udp = newUdpSocket("127.0.0.1:0")
    check raises(TimeoutError, drop udp.recvFrom(loop, timeoutMs = 5)).contains("datagram")
    for one in [client, server, udp]: one.close())

test "what fails has a class, a code and a message that names it":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    let port = server.localPort
    let twin = newAsyncSocket()
    twin.bindAddr(port, "127.0.0.1")
    check raises(AddressInUseError, twin.listen()).contains("listen on 127.0.0.1:" & $port.uint16)
    server.close()
    let client = newAsyncSocket()
    try:
      client.connect(loop, "127.0.0.1", port)
      check false
    except ConnectionRefusedError as error:
      check error.code == SOCKET_ECONNREFUSED and error.codeName == "SOCKET_ECONNREFUSED"
      check error.operation == "connect to 127.0.0.1:" & $port.uint16
      check error of ConnectionError and error of SocketPollError
    check raises(SocketPollError, client.connect(loop, "not an address")
      ).contains("SOCKET_EADDRESS"))

test "a connection that the peer resets":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    let client = newAsyncSocket()
    client.connect(loop, "127.0.0.1", server.localPort)
    let accepted = server.accept(loop)
    var linger = TLinger(l_onoff: 1, l_linger: 0)
    discard setsockopt(SocketHandle(accepted.descriptor), SOL_SOCKET, SO_LINGER, addr linger,
                       SockLen(sizeof linger))
    accepted.close()
    check raises(ConnectionResetError, drop client.recv(loop, 10)).contains("ECONNRESET")
    client.close()
    server.close())

test "closing a socket ends what waits on it":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    var seen = ""
    let waiting = newCoroutine(proc () =
      try: discard server.accept(loop)
      except CanceledError as error: seen = error.msg)
    ready waiting
    coroYield()
    server.close()
    waiting.join()
    check seen.contains("accept on 127.0.0.1:0"))

test "a canceled coroutine takes its buffer back and lets go of what it holds":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    var closed = false
    let waiting = newCoroutine(proc () =
      let client = newAsyncSocket()
      try:
        client.connect(loop, "127.0.0.1", server.localPort)
        discard client.send(loop, "here")
        discard client.recv(loop, 100)
      finally:
        client.close()
        closed = true)
    ready waiting
    let peer = server.accept(loop)
    check peer.recvExactly(loop, 4) == "here"
    waiting.cancel()
    waiting.join()
    check closed
    check peer.recv(loop, 10) == ""
    peer.close()
    server.close())

test "connections that come while nobody accepts wait in order, and are not lost":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    var clients: seq[AsyncSocket]
    for i in 0 ..< 200:
      clients.add newAsyncSocket()
      clients[^1].connect(loop, "127.0.0.1", server.localPort)
      discard clients[^1].send(loop, $i)
    for i in 0 ..< 200:
      let one = server.accept(loop, 5000)
      check one.recv(loop, 10) == $i
      one.close()
    for one in clients: one.close()
    server.close())

test "several coroutines wait for one descriptor":
  go(proc () =
    let loop = getEventLoop()
    var ends: array[2, cint]
    discard posix.pipe(ends)
    var woken = 0
    var all: seq[Coroutine]
    for i in 0 ..< 5:
      all.add newCoroutine(proc () =
        loop.waitForRead(ends[0], 5000)
        inc woken)
      ready all[^1]
    let impatient = newCoroutine(proc () =
      check raises(TimeoutError, loop.waitForRead(ends[0], 1)).len > 0)
    ready impatient
    impatient.join()
    loop.waitForWrite(ends[1], 5000)
    discard posix.write(ends[1], cstring("x"), 1)
    for one in all: one.join()
    check woken == 5
    discard posix.close(ends[0])
    discard posix.close(ends[1]))

test "UDP, both ways, empty datagrams and long ones":
  go(proc () =
    let loop = getEventLoop()
    let a = newUdpSocket("127.0.0.1:0")
    let b = newUdpSocket("127.0.0.1:0")
    a.sendTo(loop, "127.0.0.1:" & $b.localPort.uint16, "ping")
    let (data, sender) = b.recvFrom(loop, timeoutMs = 5000)
    check data == "ping" and sender == "127.0.0.1:" & $a.localPort.uint16
    b.sendTo(loop, sender, "")
    check a.recvFrom(loop, timeoutMs = 5000).data == ""
    b.sendTo(loop, sender, "too long for it")
    check raises(SocketPollError, drop a.recvFrom(loop, 3, 5000)).contains("SOCKET_ETRUNCATED")
    a.close()
    b.close())

test "names are resolved":
  go(proc () =
    check "127.0.0.1" in getEventLoop().resolve("localhost", 5000)
    check raises(SocketPollError, drop getEventLoop().resolve("")).contains("resolve"))

var signalThread: Thread[SignalHandle]

test "another thread wakes the loop":
  let loop = getEventLoop()
  let signal = loop.newSignal()
  createThread(signalThread, (proc (handle: SignalHandle) {.thread.} =
    for _ in 0 ..< 1000: raiseSignal(handle)), signal.handle)
  go(proc () =
    for _ in 0 ..< 1000: signal.wait(5000)
    check raises(TimeoutError, signal.wait(1)).contains("signal"))
  joinThread(signalThread)
  let late = signal.handle
  signal.close()
  raiseSignal(late) # finds nobody
  discard loop.runOnce(0)
  check raises(StaleHandleError, signal.wait()).contains("closed")

var stopThread: Thread[LoopHandle]

test "another thread stops a loop that runs for ever":
  let loop = getEventLoop()
  createThread(stopThread, (proc (handle: LoopHandle) {.thread.} = handle.stop()), loop.handle)
  loop.run(forever = true)
  joinThread(stopThread)

var
  misuse: Thread[pointer]
  misuseSeen: array[200, char]

proc misused(loop: pointer) {.thread.} =
  try:
    if SocketListener_new(SocketLoop_T(loop)).isNil: raiseLast("listen on a loop of another thread")
  except WrongThreadError as error:
    copyMem(addr misuseSeen[0], unsafeAddr error.msg[0], min(error.msg.len, 199))
  except CatchableError: discard

test "a loop of another thread":
  # The object itself cannot go there: its count of references belongs to one thread.
  let loop = getEventLoop()
  createThread(misuse, misused, cast[pointer](loop.native))
  joinThread(misuse)
  check ($cast[cstring](addr misuseSeen[0])).contains("listen on a loop of another thread")
  check ($cast[cstring](addr misuseSeen[0])).contains("SOCKET_EWRONGTHREAD")
  check loop.runOnce(0) == false

test "closed objects say who they are":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    server.close()
    server.close()
    check raises(StaleHandleError, drop server.accept(loop)
      ).contains("AsyncSocket(closed 127.0.0.1:0)")
    check raises(StaleHandleError, drop server.localPort).contains("closed")
    check raises(StaleHandleError, drop server.recv(loop, 1)).contains("closed")
    var none: AsyncSocket
    check raises(StaleHandleError, drop none.recv(loop, 1)).contains("AsyncSocket(nil)")
    none.close()
    check raises(SocketPollError, drop newAsyncSocket().recv(loop, 1)
      ).contains("AsyncSocket(unused)")
    let client = newAsyncSocket()
    check raises(SocketPollError, drop listening().accept(nil)).contains("loop that is not its own")
    check raises(SocketPollError, drop client.send(loop, "x")).contains("unused"))

test "a dead loop":
  let loop = newEventLoop()
  let socket = newAsyncSocket(loop)
  var seen: seq[string]
  let listener = newAsyncSocket(loop)
  listener.bindAddr("127.0.0.1:0")
  listener.listen()
  for wait in [(proc () = loop.sleep(100_000)), (proc () = discard listener.accept(loop)),
               (proc () = loop.newSignal().wait(100_000))]:
    closureScope:
      let mine = wait
      ready newCoroutine(proc () =
        try: mine()
        except StaleHandleError as error: seen.add error.msg)
  loop.runOnce(0)
  loop.close()
  loop.close()
  check seen.len == 3
  check loop.closed and $loop == "EventLoop(closed)"
  check raises(StaleHandleError, loop.run()).contains("EventLoop(closed)")
  check raises(StaleHandleError, loop.sleep(1)).contains("EventLoop(closed)")
  check raises(StaleHandleError, socket.connect(loop, "127.0.0.1:1")).contains("EventLoop(closed)")
  check raises(StaleHandleError, drop newAsyncSocket(loop)).contains("closed")
  listener.close()

proc dropListeners(): seq[Port] {.noinline.} =
  for _ in 0 ..< 10: result.add listening().localPort

proc scribble(): int {.noinline.} =
  var words: array[4000, int] # over what earlier calls left on the stack
  for i in 0 ..< words.len: words[i] = i
  words[1234]

test "an object that nobody has any more frees its handle once":
  let loop = getEventLoop()
  let before = loop.stat(SOCKET_STAT_OBJECTS)
  let ports = dropListeners()
  discard scribble()
  GC_fullCollect()
  loop.runOnce(0)
  let left = loop.stat(SOCKET_STAT_OBJECTS) - before
  when defined(gcArc) or defined(gcOrc): check left == 0
  else: check left <= 1 # refc reads stacks, and may find one in a word that means nothing
  var refused = 0
  for port in ports:
    try: newAsyncSocket().connect(loop, "127.0.0.1", port)
    except ConnectionRefusedError: inc refused
  check refused >= 9
  let again = listening()
  again.close() # its end, later, frees nothing a second time
  check loop.stat(SOCKET_STAT_OBJECTS) <= before + 1

test "50 clients, 200 messages each, one coroutine a connection":
  go(proc () =
    let loop = getEventLoop()
    let server = listening()
    for _ in 0 ..< 50: echoOnce(server)
    var all: seq[Coroutine]
    for i in 0 ..< 50:
      closureScope:
        let mine = i
        all.add newCoroutine(proc () =
          let client = newAsyncSocket()
          client.connect(loop, "127.0.0.1", server.localPort)
          for turn in 0 ..< 200:
            let text = repeat($mine & ":" & $turn & " ", 20)
            discard client.send(loop, text)
            check client.recvExactly(loop, text.len, 10_000) == text
          client.close())
        ready all[^1]
    for one in all: one.join()
    server.close())
