## TLS: what one side of connections has configured, and certificates.
##
##   let tls = newServerTls("chain.pem", "key.pem")
##   listener.useTls(tls)
##
## A change holds for connections that begin after it; those that are there go on. `socketpoll/secured`
## has what is asked of a connection.
import std/[strutils, times]
import errors, raw
export errors

type
  TlsContext* = ref object
    ## What the side that accepts, or the one that connects, has configured. Closing it twice is
    ## allowed; using it after that raises `StaleHandleError`. Connections need it no more once they
    ## have begun.
    core: SocketTLS_T
    server, lent: bool

  TlsHandle* = object
    ## Names a configuration in any thread: plain words, to be copied at will. It stays harmless when
    ## the configuration is gone.
    core: SocketTLS_T
    server: bool

  ClientCertificates* = enum
    ## Whether clients show a certificate.
    ccNone     ## they are not asked for one
    ccOptional ## none is fine, a bad one is not
    ccRequired ## nobody comes in without a good one

  CertificateKind* = enum
    ckServer, ckClient
    ckAuthority ## signs others

proc finalizeTls(tls: TlsContext) =
  if tls.lent: tls.core = SocketTLS_T(nil)
  else: SocketTLS_free(addr tls.core)

proc newTlsContext(server: bool): TlsContext =
  new(result, finalizeTls)
  result.server = server
  result.core = if server: SocketTLS_new_server() else: SocketTLS_new_client()
  if result.core.isNil:
    if Socket_last_error() == SOCKET_ENOTSUP: raiseNoTls("speak TLS")
    raiseLast("make a configuration of TLS")

proc `$`*(tls: TlsContext): string =
  if tls.isNil: "TlsContext(nil)"
  elif tls.core.isNil: "TlsContext(closed)"
  else: "TlsContext(" & (if tls.server: "server" else: "client") & ')'

proc native*(tls: TlsContext): SocketTLS_T =
  ## The library's handle, for calls of `socketpoll/raw`.
  if tls.isNil or tls.core.isNil: raiseError(SOCKET_EBADHANDLE, "use " & $tls)
  tls.core

proc isServer*(tls: TlsContext): bool = tls.server
  ## Whether it is for the side that accepts.

proc close*(tls: TlsContext) =
  ## Frees it now, and not with its object. Connections that have begun with it go on.
  if not tls.isNil: finalizeTls(tls)

proc handle*(tls: TlsContext): TlsHandle = TlsHandle(core: tls.native, server: tls.server)
  ## For other threads.

proc context*(handle: TlsHandle): TlsContext =
  ## The same configuration in another thread, as long as the first object lasts: what one of them
  ## changes, and what it reloads, holds for all.
  new(result, finalizeTls)
  result.core = handle.core
  result.server = handle.server
  result.lent = true

proc tlsEngine*(): string = $SocketTLS_get_engine()
  ## "mbedtls", "openssl", or "none": what the library was built with.

template checked(code: SomeInteger; operation: string): untyped =
  let given = code
  if given < 0: raiseExplained(given, operation)
  given

proc bytes(text: string): pointer = pointer(cstring(text))

proc orNil(text: string): cstring = (if text.len > 0: cstring(text) else: nil)

# ---- Certificates of one's own

proc addCertificateFiles*(tls: TlsContext; chainFile, keyFile: string;
                          names: openArray[string] = []): int {.discardable.} =
  ## A certificate, followed by those that lead to its authority, and its private key, from files of
  ## PEM or DER, which `reload` reads anew. A server uses it for those `names` that clients ask for;
  ## without any: those in the certificate. The first that is added is for who asks for nobody.
  ## Returns its number.
  let list = names.join(",")
  int(checked(SocketTLS_add_certificate_files(tls.native, orNil(list), cstring(chainFile),
                                              cstring(keyFile)),
              "add the certificate " & chainFile & " with the key " & keyFile))

proc addCertificate*(tls: TlsContext; chain, key: string;
                     names: openArray[string] = []): int {.discardable.} =
  ## The same with what is in such files.
  let list = names.join(",")
  int(checked(SocketTLS_add_certificate(tls.native, orNil(list), bytes(chain), chain.len, bytes(key),
                                        key.len),
              "add a certificate"))

proc replaceCertificate*(tls: TlsContext; number: int; chain, key: string) =
  ## Puts another one in the place of certificate `number`.
  discard checked(SocketTLS_replace_certificate(tls.native, int32(number), bytes(chain), chain.len,
                                                bytes(key), key.len),
                  "replace certificate " & $number)

proc reload*(tls: TlsContext) =
  ## Reads every certificate and key that came from files anew, all or nothing: what to do when they
  ## have been renewed.
  discard checked(SocketTLS_reload(tls.native), "reload the certificates of " & $tls)

proc `password=`*(tls: TlsContext; password: string) =
  ## Opens the private keys that are added or reloaded from here on.
  discard checked(SocketTLS_set_password_text(tls.native, cstring(password)), "set the password")

proc setStaple*(tls: TlsContext; number: int; response: string) =
  ## Sends an OCSP response (DER) along with certificate `number`; "": none any more. Raises
  ## `SocketPollError` with `SOCKET_ENOTSUP` where the library stands on mbedTLS.
  discard checked(SocketTLS_set_staple(tls.native, int32(number), bytes(response), response.len),
                  "staple to certificate " & $number)

# ---- The peer's certificate

proc addAuthorities*(tls: TlsContext; certificates: string) =
  ## Trusts these as well: PEM, any number of them, or DER.
  discard checked(SocketTLS_add_authorities(tls.native, bytes(certificates), certificates.len),
                  "add authorities")

proc addAuthoritiesFile*(tls: TlsContext; path: string) =
  ## The same from a file.
  discard checked(SocketTLS_add_authorities_file(tls.native, cstring(path)),
                  "add the authorities in " & path)

proc addAuthoritiesFolder*(tls: TlsContext; path: string) =
  ## The same from all files of a folder, which is read now and not again.
  discard checked(SocketTLS_add_authorities_folder(tls.native, cstring(path)),
                  "add the authorities in " & path)

proc `systemAuthorities=`*(tls: TlsContext; trusted: bool) =
  ## Whether those of the system are trusted: a client's TLS does, a server's does not.
  discard checked(SocketTLS_set_system_authorities(tls.native, int32(trusted)),
                  "choose the system's authorities")

proc `clientCertificates=`*(tls: TlsContext; wanted: ClientCertificates) =
  ## Of a server: whether clients show a certificate, of an authority that was added.
  discard checked(SocketTLS_set_client_check(tls.native, int32(ord(wanted))),
                  "ask clients for certificates")

proc addPin*(tls: TlsContext; pin: string) =
  ## The peer's key must be one of those that are pinned, "sha256//...".
  discard checked(SocketTLS_add_pin(tls.native, cstring(pin)), "pin " & pin)

proc trustAnybodyWithoutVerification*(tls: TlsContext) =
  ## Of a client: from here on nobody's certificate is looked at, and whoever is in between reads and
  ## changes everything. There is no way back.
  discard checked(SocketTLS_trust_anybody_without_verification(tls.native), "trust anybody")

# ---- What is spoken

proc `policy=`*(tls: TlsContext; policy: string) =
  ## "intermediate", the default: TLS 1.2 and 1.3; "modern": 1.3 alone; "custom:" and cipher suites
  ## with colons between them.
  discard checked(SocketTLS_set_policy(tls.native, cstring(policy)), "set the policy " & policy)

proc `alpn=`*(tls: TlsContext; protocols: openArray[string]) =
  ## The protocols, the best first: ["h2", "http/1.1"].
  let list = protocols.join(",")
  discard checked(SocketTLS_set_alpn(tls.native, cstring(list)), "set the protocols " & list)

proc `tickets=`*(tls: TlsContext; on: bool) =
  ## Of a server: whether sessions are resumed.
  discard checked(SocketTLS_set_tickets(tls.native, int32(on)), "set tickets")

proc ticketKeys*(tls: TlsContext): string =
  ## The keys that a server seals its tickets with. Another thread, process or successor that is
  ## given them resumes its sessions.
  result = newString(SOCKET_TLS_TICKET_KEY_BYTES * SOCKET_TLS_MOST_TICKET_KEYS)
  result.setLen checked(SocketTLS_get_ticket_keys(tls.native, bytes(result), result.len),
                        "read the ticket keys of " & $tls)

proc `ticketKeys=`*(tls: TlsContext; keys: string) =
  ## 80 bytes each: the first seals, all open. "": the library's own.
  discard checked(SocketTLS_set_ticket_keys(tls.native, bytes(keys), keys.len), "set ticket keys")

proc `sessions=`*(tls: TlsContext; most: int) =
  ## Of a client: of how many servers it keeps the session. Forgets those that are kept.
  discard checked(SocketTLS_set_sessions(tls.native, int32(most)), "keep " & $most & " sessions")

proc `keyLog=`*(tls: TlsContext; path: string) =
  ## Appends the secrets of connections to a file that Wireshark reads. "": no more.
  discard checked(SocketTLS_set_key_log(tls.native, orNil(path)), "log keys to " & path)

proc `handshakeTimeoutMs=`*(tls: TlsContext; timeoutMs: int) =
  ## Of a server: how long a handshake may take.
  discard checked(SocketTLS_set_handshake_timeout(tls.native, int32(timeoutMs)),
                  "allow handshakes " & $timeoutMs & " ms")

proc `maxHandshakes=`*(tls: TlsContext; most: int) =
  ## Of a server: how many may be under way at once at one listener.
  discard checked(SocketTLS_set_max_handshakes(tls.native, int32(most)),
                  "allow " & $most & " handshakes")

# ---- Making them

proc newServerTls*(chainFile = "", keyFile = "", password = ""): TlsContext =
  ## For the side that accepts, with the certificate and the key in these files, or one that is added
  ## by `addCertificate`.
  result = newTlsContext(server = true)
  if password.len > 0: result.password = password
  if chainFile.len > 0 or keyFile.len > 0: result.addCertificateFiles(chainFile, keyFile)

proc newClientTls*(authoritiesFile = ""; systemAuthorities = true): TlsContext =
  ## For the side that connects. It trusts the system's authorities, and those in the file.
  result = newTlsContext(server = false)
  if not systemAuthorities: result.systemAuthorities = false
  if authoritiesFile.len > 0: result.addAuthoritiesFile(authoritiesFile)

# ---- Certificates

proc fingerprint*(certificate: string): string =
  ## The SHA-256 of a certificate (DER, or the first one of PEM) as people compare it, "AB:CD:...".
  result = newString(96)
  result.setLen checked(SocketTLS_fingerprint(bytes(certificate), certificate.len, cstring(result),
                                              int32(result.len)),
                        "take the fingerprint of a certificate")

proc describeCertificate*(der: string): string =
  ## A certificate (DER) in some lines for people: subject, issuer, dates, names, key.
  var room = 4096
  while true:
    result = newString(room)
    let length = SocketTLS_describe_certificate(bytes(der), der.len, cstring(result), int32(room))
    if length != SOCKET_ENOBUFS:
      result.setLen checked(length, "describe a certificate")
      return
    room *= 4

proc readCertificate*(what: string; read: proc (into: pointer; room: int64): int64): string =
  ## For socketpoll/secured and socketpoll/http.
  var room = 4096
  while true:
    result = newString(room)
    let length = read(bytes(result), room)
    if length != SOCKET_ENOBUFS:
      if length < 0 and length notin [int64(SOCKET_ENOENT), SOCKET_ENOTSUP, SOCKET_ENOTCONN]:
        raiseError(length, what)
      result.setLen max(length, 0)
      return
    room *= 4

proc makeCertificate*(names: openArray[string]; kind = ckServer; issuer = ""; issuerKey = "";
                      rsa = false; notBefore = getTime() - initDuration(days = 1);
                      notAfter = getTime() + initDuration(days = 90)):
                      tuple[certificate, key: string] =
  ## For development and tests: a certificate and its private key, as PEM. `names` are host names,
  ## wildcards and numeric addresses. Without an issuer's PEM it signs itself.
  let list = names.join(",")
  const room = int32(SOCKET_TLS_PEM_BYTES)
  result = (newString(room), newString(room))
  let what = int32(ord(kind)) + (if rsa: SOCKET_TLS_RSA else: 0)
  discard checked(SocketTLS_make_certificate(cstring(list), what, notBefore.toUnix, notAfter.toUnix,
                                             orNil(issuer), orNil(issuerKey),
                                             cstring(result.certificate), room,
                                             cstring(result.key), room),
                  "make a certificate for " & list)
  result.certificate.setLen result.certificate.find('\0')
  result.key.setLen result.key.find('\0')
