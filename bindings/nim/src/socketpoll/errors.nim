## What can go wrong, as exceptions. Each is a `SocketPollError` with the library's code, its name,
## and the operation that failed; the subclasses are for what programs tell apart.
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
  TimeoutError* = object of SocketPollError             ## The given time passed first.
  AddressInUseError* = object of SocketPollError        ## Somebody else listens there.
  CanceledError* = object of SocketPollError            ## The operation was taken back.
  StaleHandleError* = object of SocketPollError         ## The object was closed, or its loop was.
  WrongThreadError* = object of SocketPollError         ## The loop belongs to another thread.
  NotBuiltInError* = object of SocketPollError          ## The library has no such feature.

proc fill(error: ref SocketPollError; code: int32;
          operation, message: string): ref SocketPollError =
  error.code = code
  error.codeName = $Socket_error_name(code)
  error.operation = operation
  error.msg = message
  error

proc newSocketPollError*(code: int32; operation: string; message = ""): ref SocketPollError =
  ## The exception for a code: the class that fits, with a message that names the operation.
  let text = if message.len > 0: message
             else: "cannot " & operation & ": " & $Socket_error_text(code) & " (" &
                   $Socket_error_name(code) & ")"
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

proc requireTls*(operation: string) {.noreturn.} =
  ## TLS has its place in the interface, and no implementation in this library yet.
  raise fill(newException(NotBuiltInError, ""), SOCKET_ENOTSUP, operation,
             "cannot " & operation & ": not built with tls (the library has: " &
             $Socket_features() & ")")

template check*(code: SomeInteger; operation: string): untyped =
  ## The code itself if it is 0 or a count; otherwise raises. `operation` is only evaluated then.
  let given = code
  if given < 0: raiseError(given, operation)
  given
