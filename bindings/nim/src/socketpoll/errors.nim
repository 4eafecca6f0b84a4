## What can go wrong, as exceptions. Each is a `SocketPollError` with the library's code, its name,
## and the operation that failed; the subclasses are for what programs tell apart.
import std/strutils
import raw

type
  SocketPollError* = object of IOError
    ## Any failure of the library. `msg` says what was tried, on what, and why it failed.
    code*: int32       ## `SOCKET_E...`
    codeName*: string  ## "SOCKET_EADDRINUSE"
    operation*: string ## "listen on 127.0.0.1:8080"
  ConnectionError* = object of SocketPollError          ## The connection is, or was, not there.
  ConnectionRefusedError* = object of ConnectionError   ## Nobody listens at that address.
  ConnectionResetError* = object of ConnectionError     ## The peer cut it, or reads no more.
  ConnectionAbortedError* = object of ConnectionError   ## It ended on this side.
  TlsError* = object of ConnectionError                 ## TLS was not agreed on, or was broken.
  TlsRefusedError* = object of TlsError                 ## The peer refused, with an alert.
  TlsNothingInCommonError* = object of TlsError         ## No version, suite or protocol in common.
  TlsCutOffError* = object of TlsError                  ## It ended without the end that TLS announces.
  CertificateError* = object of TlsError                ## The peer's is not good; `msg` says whose it is.
  CertificateExpiredError* = object of CertificateError     ## Its time has passed.
  CertificateNotYetValidError* = object of CertificateError ## Its time is to come.
  CertificateNotTrustedError* = object of CertificateError  ## Not from a trusted authority.
  CertificateHostError* = object of CertificateError        ## It is another host's.
  CertificateRevokedError* = object of CertificateError     ## Its authority has taken it back.
  CertificateNotPinnedError* = object of CertificateError   ## Its key is none of the pinned ones.
  CertificateMissingError* = object of CertificateError     ## The peer showed none.
  CredentialError* = object of SocketPollError          ## A certificate or key of one's own is of no use.
  PasswordError* = object of CredentialError            ## It is encrypted, and not with this password.
  TimeoutError* = object of SocketPollError             ## The given time passed first.
  AddressInUseError* = object of SocketPollError        ## Somebody else listens there.
  CanceledError* = object of SocketPollError            ## The operation was taken back.
  StaleHandleError* = object of SocketPollError         ## The object was closed, or its loop was.
  WrongThreadError* = object of SocketPollError         ## The loop belongs to another thread.
  NotBuiltInError* = object of SocketPollError          ## The library has no such feature.

proc isTlsCode*(code: int32): bool = code <= SOCKET_ETLS and code >= SOCKET_EPASSWORD
  ## Whether TLS itself failed.

proc failureText*(stream: SocketStream_T; connecting = SocketFuture_T(nil)): string =
  ## Why TLS failed on a stream, or on one that was to be, with the certificate or the peer's alert; ""
  ## if it did not.
  result = newString(1024)
  let room = int32(result.len)
  let length = if stream.isNil: SocketFuture_get_failure(connecting, cstring(result), room)
               else: SocketStream_get_tls_failure(stream, cstring(result), room)
  result.setLen max(length, 0)

proc explained*(code: int32): string =
  ## What the library's message about the call that has failed with this code says beyond its text.
  let message = $Socket_last_error_message()
  let known = $Socket_error_text(code) & " (" & $Socket_error_name(code) & ")"
  if message.endsWith(known):
    result = message[0 ..< message.len - known.len]
    result.removeSuffix ": "

proc fill(error: ref SocketPollError; code: int32;
          operation, message: string): ref SocketPollError =
  error.code = code
  error.codeName = $Socket_error_name(code)
  error.operation = operation
  error.msg = message
  error

proc newTlsError(code: int32; operation, text: string): ref SocketPollError =
  template made(kind: typedesc): untyped = fill(newException(kind, ""), code, operation, text)
  case code
  of SOCKET_EALERT: made(TlsRefusedError)
  of SOCKET_ENOCOMMON: made(TlsNothingInCommonError)
  of SOCKET_ECUTOFF: made(TlsCutOffError)
  of SOCKET_ECERT_EXPIRED: made(CertificateExpiredError)
  of SOCKET_ECERT_NOT_YET: made(CertificateNotYetValidError)
  of SOCKET_ECERT_ISSUER: made(CertificateNotTrustedError)
  of SOCKET_ECERT_NAME: made(CertificateHostError)
  of SOCKET_ECERT_REVOKED: made(CertificateRevokedError)
  of SOCKET_ECERT_PIN: made(CertificateNotPinnedError)
  of SOCKET_ECERT_MISSING: made(CertificateMissingError)
  of SOCKET_ECERT: made(CertificateError)
  of SOCKET_ECREDENTIAL: made(CredentialError)
  of SOCKET_EPASSWORD: made(PasswordError)
  else: made(TlsError)

proc newSocketPollError*(code: int32; operation: string; message = "";
                         details = ""): ref SocketPollError =
  ## The exception for a code: the class that fits, with a message that names the operation.
  let text = if message.len > 0: message
             else: "cannot " & operation & ": " & $Socket_error_text(code) &
                   (if details.len > 0: ": " & details else: "") & " (" &
                   $Socket_error_name(code) & ")"
  if isTlsCode(code): return newTlsError(code, operation, text)
  case code
  of SOCKET_ECONNREFUSED: fill(newException(ConnectionRefusedError, ""), code, operation, text)
  of SOCKET_ECONNRESET, SOCKET_EPIPE:
    fill(newException(ConnectionResetError, ""), code, operation, text)
  of SOCKET_ECONNABORTED: fill(newException(ConnectionAbortedError, ""), code, operation, text)
  of SOCKET_ENOTCONN, SOCKET_ENETUNREACH, SOCKET_EHOSTUNREACH, SOCKET_ENETDOWN, SOCKET_ECLOSED:
    fill(newException(ConnectionError, ""), code, operation, text)
  of SOCKET_ETIMEDOUT: fill(newException(TimeoutError, ""), code, operation, text)
  of SOCKET_EADDRINUSE: fill(newException(AddressInUseError, ""), code, operation, text)
  of SOCKET_ECANCELED: fill(newException(CanceledError, ""), code, operation, text)
  of SOCKET_EBADHANDLE: fill(newException(StaleHandleError, ""), code, operation, text)
  of SOCKET_EWRONGTHREAD: fill(newException(WrongThreadError, ""), code, operation, text)
  else: fill(newException(SocketPollError, ""), code, operation, text)

proc raiseError*(code: SomeInteger; operation: string) {.noreturn, noinline.} =
  ## Raises what `newSocketPollError` makes.
  raise newSocketPollError(int32(code), operation)

proc raiseLast*(operation: string) {.noreturn, noinline.} =
  ## Raises for the failure that this thread's last call of the library left behind.
  raiseError(Socket_last_error(), operation)

proc raiseExplained*(code: SomeInteger; operation: string) {.noreturn, noinline.} =
  ## The same with what the library says about the call that has just failed.
  raise newSocketPollError(int32(code), operation, details = explained(int32(code)))

proc raiseNoTls*(operation: string) {.noreturn.} =
  ## For a library that was built without TLS.
  raise fill(newException(NotBuiltInError, ""), SOCKET_ENOTSUP, operation,
             "cannot " & operation & ": not built with tls (the library has: " &
             $Socket_features() & ")")

template check*(code: SomeInteger; operation: string): untyped =
  ## The code itself if it is 0 or a count; otherwise raises. `operation` is only evaluated then.
  let given = code
  if given < 0: raiseError(given, operation)
  given
