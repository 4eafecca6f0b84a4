## The names of std/net's SSL, for programs that come from std/asyncnet: `newContext`, `wrapSocket`,
## `wrapConnectedSocket`. They stand on socketpoll/tls, whose objects know from the start which side
## they are for; here that is found out by the first use.
import std/os
import asyncio, raw, tls
export asyncio, tls

type
  SslCVerifyMode* = enum
    CVerifyNone           ## of a server: clients show no certificate. Not of a client
    CVerifyPeer           ## the authorities are `caFile`'s and `caDir`'s, or else the system's
    CVerifyPeerUseEnvVars ## likewise: SSL_CERT_FILE is looked at in any case

  SslHandshakeType* = enum
    handshakeAsClient, handshakeAsServer

  SslContext* = ref object
    ## What `newContext` was given, and what was made of it.
    verifyMode: SslCVerifyMode
    certFile, keyFile, caDir, caFile: string
    client, server: TlsContext

proc newContext*(verifyMode = CVerifyPeer; certFile = ""; keyFile = ""; caDir = "";
                 caFile = ""): SslContext =
  ## Raises `SocketPollError` for a file that is not there; what else is wrong is told by the first
  ## use.
  for path in [certFile, keyFile, caFile]:
    if path.len > 0 and not fileExists(path):
      raiseError(SOCKET_ENOENT, "make an SSL context with " & path)
  SslContext(verifyMode: verifyMode, certFile: certFile, keyFile: keyFile, caDir: caDir,
             caFile: caFile)

proc complete(context: SslContext; tls: TlsContext) =
  if context.certFile.len > 0:
    tls.addCertificateFiles(context.certFile,
                            if context.keyFile.len > 0: context.keyFile else: context.certFile)
  if context.caFile.len > 0: tls.addAuthoritiesFile(context.caFile)
  if context.caDir.len > 0: tls.addAuthoritiesFolder(context.caDir)

proc forClient*(context: SslContext): TlsContext =
  ## What it is for the side that connects.
  if context.client.isNil:
    if context.verifyMode == CVerifyNone:
      raiseError(SOCKET_EINVAL, "connect with CVerifyNone: a TlsContext of newClientTls() has " &
                 "trustAnybodyWithoutVerification()")
    let own = context.caFile.len > 0 or context.caDir.len > 0
    let tls = newClientTls(systemAuthorities = not own)
    context.complete(tls)
    context.client = tls
  context.client

proc forServer*(context: SslContext): TlsContext =
  ## What it is for the side that accepts.
  if context.server.isNil:
    let tls = newServerTls()
    context.complete(tls)
    context.server = tls
  context.server

proc destroyContext*(context: SslContext) =
  ## Frees it now. Connections that have begun with it go on.
  context.client.close()
  context.server.close()

proc wrapSocket*(context: SslContext; socket: AsyncSocket) =
  ## Before `connect`: the connection is secured. After `bindAddr`, or of a listener: whom it accepts is,
  ## which std/asyncnet leaves to `wrapConnectedSocket`.
  socket.useTls(if socket.kind == skFresh: context.forClient else: context.forServer)

proc wrapConnectedSocket*(context: SslContext; socket: AsyncSocket; handshake: SslHandshakeType;
                          hostname = ""): Future[void] =
  ## Begins TLS on a connection. To be awaited, unlike std/asyncnet's, which waits in the first `recv`
  ## or `send`. A client needs the hostname.
  case handshake
  of handshakeAsClient: socket.startTls(context.forClient, hostname)
  of handshakeAsServer: socket.startTls(context.forServer)
