## What the tests of TLS share: an authority, certificates of it, and both sides of a connection.
import std/[os, times]
import socketpoll/[async_socket, callbacks, secured]
import testing
export callbacks, secured, times

let loop = getEventLoop()
let authority* = makeCertificate(["test authority"], ckAuthority)

proc issue*(names: openArray[string]; kind = ckServer; fromDay = -1; toDay = 30): auto =
  makeCertificate(names, kind, authority.certificate, authority.key,
                  notBefore = getTime() + initDuration(days = fromDay),
                  notAfter = getTime() + initDuration(days = toDay))

proc serverFor*(names: varargs[string]): TlsContext =
  let (certificate, key) = issue(names)
  result = newServerTls()
  result.addCertificate(certificate, key)

proc client*(): TlsContext =
  ## Trusts the tests' authority and no other.
  result = newClientTls(systemAuthorities = false)
  result.addAuthorities(authority.certificate)

proc listening*(tls: TlsContext): AsyncSocket =
  result = newAsyncSocket()
  result.useTls(tls)
  result.bindAddr("127.0.0.1:0")
  result.listen()

proc dial*(listener: AsyncSocket; tls: TlsContext; serverName = ""; timeoutMs = 20_000): AsyncSocket =
  result = newAsyncSocket()
  result.useTls(tls, serverName)
  result.connect(loop, "127.0.0.1", listener.localPort, timeoutMs)

proc pair*(listener: AsyncSocket; tls: TlsContext; serverName = ""): (AsyncSocket, AsyncSocket) =
  let ours = dial(listener, tls, serverName)
  (ours, listener.accept(loop, 20_000))

proc plainPair*(): (AsyncSocket, AsyncSocket) =
  let listener = newAsyncSocket()
  listener.bindAddr("127.0.0.1:0")
  listener.listen()
  let ours = newAsyncSocket()
  ours.connect(loop, "127.0.0.1", listener.localPort, 20_000)
  result = (ours, listener.accept(loop, 20_000))
  listener.close()

proc hears*(one, other: AsyncSocket; text: string): bool =
  one.write(text)
  other.recvExactly(loop, text.len, 20_000) == text

proc closeAll*(sockets: varargs[AsyncSocket]) =
  for socket in sockets: socket.close()

template expected*(kind: typedesc; text: string; body: untyped) =
  check raises(kind, body).contains(text)

let folder* = getTempDir() / "socketpoll_nim_tls_" & $getCurrentProcessId() ## to be removed in the end
createDir(folder)
let
  chainFile* = folder / "chain.pem"
  keyFile* = folder / "key.pem"

proc renew*(name: string): string =
  let (certificate, key) = issue([name])
  writeFile(chainFile, certificate)
  writeFile(keyFile, key)
  fingerprint(certificate)
