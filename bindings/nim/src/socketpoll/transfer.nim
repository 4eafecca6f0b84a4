## Bytes that move by themselves: files to connections, connections to each other, at a given speed.
## The kernel moves them where it can (sendfile, splice), and otherwise the library.
##
## `run` waits as `recv` does: the calling coroutine, or, outside of one, the program.
import async_socket, errors, eventloop, raw
export async_socket, errors, eventloop

type
  Limiter* = ref object
    ## So many bytes a second, for all that share it.
    core: SocketLimiter_T

  Pipeline* = ref object
    ## Bytes from one source to one sink. It runs once.
    core: SocketPipeline_T
    loop: EventLoop
    what, lent: string
    keeps: seq[AsyncSocket]

proc finalizeLimiter(limiter: Limiter) = SocketLimiter_free(addr limiter.core)

proc newLimiter*(bytesPerSecond: int; burst = 65536; loop = getEventLoop()): Limiter =
  ## A bucket that holds `burst` bytes and is full at first.
  new(result, finalizeLimiter)
  result.core = SocketLimiter_new(loop.native(), bytesPerSecond, burst)
  if result.core.isNil: raiseLast("limit to " & $bytesPerSecond & " bytes a second")

proc take*(limiter: Limiter; bytes: int): int =
  ## How many of `bytes` may pass now; they are taken out of the bucket.
  int(check(SocketLimiter_take(limiter.core, bytes), "take " & $bytes & " bytes from a limiter"))

proc delay*(limiter: Limiter; bytes: int): int =
  ## Milliseconds until `bytes` may pass.
  int(check(SocketLimiter_delay(limiter.core, bytes), "ask a limiter for " & $bytes & " bytes"))

proc finalizePipeline(pipeline: Pipeline) = SocketPipeline_free(addr pipeline.core)

proc newPipeline*(loop: EventLoop = getEventLoop()): Pipeline =
  ## One without a source and a sink yet.
  new(result, finalizePipeline)
  result.loop = loop
  result.what = "move bytes"
  result.core = SocketPipeline_new(loop.native())
  if result.core.isNil: raiseLast("make a pipeline")

proc checked(pipeline: Pipeline; code: int32; what: string): Pipeline =
  pipeline.what.add ' ' & what
  discard check(code, pipeline.what)
  pipeline

proc fromFile*(pipeline: Pipeline; path: string; offset = 0;
               length = -1): Pipeline {.discardable.} =
  ## Source: a file, or `length` bytes of it.
  pipeline.checked(SocketPipeline_from_file(pipeline.core, cstring(path), offset, length),
                   "from " & path)

proc fromSocket*(pipeline: Pipeline; socket: AsyncSocket): Pipeline {.discardable.} =
  ## Source: what a connection receives, up to its end. It is not closed.
  pipeline.keeps.add socket
  pipeline.checked(SocketPipeline_from_stream(pipeline.core, socket.native), "from " & $socket)

proc fromText*(pipeline: Pipeline; text: string): Pipeline {.discardable.} =
  ## Source: a string.
  pipeline.lent = text
  pipeline.checked(SocketPipeline_from_memory(pipeline.core, cstring(pipeline.lent), text.len),
                   "from " & $text.len & " bytes")

proc toFile*(pipeline: Pipeline; path: string;
             existing = SOCKET_FILE_REPLACE): Pipeline {.discardable.} =
  ## Sink: a file. `existing` says what happens to one that is there: `SOCKET_FILE_...`.
  pipeline.checked(SocketPipeline_to_file(pipeline.core, cstring(path), existing), "to " & path)

proc toSocket*(pipeline: Pipeline; socket: AsyncSocket): Pipeline {.discardable.} =
  ## Sink: a connection, which is not closed.
  pipeline.keeps.add socket
  pipeline.checked(SocketPipeline_to_stream(pipeline.core, socket.native), "to " & $socket)

proc limit*(pipeline: Pipeline; bytes: int): Pipeline {.discardable.} =
  ## Ends it well after so many bytes.
  pipeline.checked(SocketPipeline_add_limit(pipeline.core, bytes, 0), "up to " & $bytes & " bytes")

proc speed*(pipeline: Pipeline; limiter: Limiter): Pipeline {.discardable.} =
  ## No faster than the limiter allows.
  pipeline.checked(SocketPipeline_add_limiter(pipeline.core, limiter.core), "at a limited speed")

proc run*(pipeline: Pipeline; timeoutMs = -1): int {.discardable.} =
  ## Moves it all and returns how many bytes that were.
  let operation = pipeline.loop.newOperation(pipeline.what)
  int(operation.prepare(SocketAsync_pipeline(pipeline.core, int32(timeoutMs))).wait())

proc sendFile*(socket: AsyncSocket; path: string; timeoutMs = -1): int {.discardable.} =
  ## Sends a file.
  newPipeline(socket.loop).fromFile(path).toSocket(socket).run(timeoutMs)

proc relay*(source, target: AsyncSocket; timeoutMs = -1): int {.discardable.} =
  ## Sends to `target` what `source` receives, up to its end.
  let operation = source.loop.newOperation("relay " & $source & " to " & $target)
  let future = SocketAsync_splice(source.native, target.native, -1, int32(timeoutMs))
  int(operation.prepare(future).wait())
