## An echo server over TLS, and its client: the arguments of the server are the port on 127.0.0.1 (0
## picks one) and the files of a certificate and its key; those of the client are "ask", the port, the
## file of the authority to trust, and what to say. Without files the server makes a certificate for
## the time being, and writes it to `echo_tls.pem` for the client to trust.
import std/os
import socketpoll

let loop = getEventLoop()

proc serve(client: AsyncSocket) =
  defer: client.close()
  while true:
    let data = client.recv(loop, 16384, timeoutMs = 60_000)
    if data.len == 0: break
    discard client.send(loop, data)

proc start(client: AsyncSocket) =
  ready newCoroutine((proc () = serve(client)), stackSize = 64 * 1024)

proc serverTls(): TlsContext =
  if paramCount() > 2: return newServerTls(paramStr(2), paramStr(3))
  let (certificate, key) = makeCertificate(["localhost", "127.0.0.1"])
  writeFile("echo_tls.pem", certificate)
  result = newServerTls()
  result.addCertificate(certificate, key)

proc main() =
  let listener = newAsyncSocket()
  listener.useTls(serverTls())
  listener.bindAddr("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "0"))
  listener.listen()
  echo "listening on port ", listener.localPort
  while true: start(listener.accept(loop))

proc ask(port, authority, text: string) =
  let socket = newAsyncSocket()
  socket.useTls(newClientTls(authority, systemAuthorities = false))
  socket.connect(loop, "127.0.0.1:" & port, timeoutMs = 10_000)
  discard socket.send(loop, text)
  echo socket.recvExactly(loop, text.len, timeoutMs = 10_000), " (", socket.tlsVersion, ')'
  socket.close()

if paramCount() == 4 and paramStr(1) == "ask":
  ask(paramStr(2), paramStr(3), paramStr(4))
else:
  ready newCoroutine(main)
  loop.run()
