## The same on Nim's own asynchttpserver. Its one argument is the port.
import std/[asyncdispatch, asynchttpserver, os, strutils]

proc answer(request: Request) {.async.} =
  await request.respond(Http200, "Hello\n", newHttpHeaders({"Content-Type": "text/plain"}))

proc main() {.async.} =
  var server = newAsyncHttpServer()
  server.listen(Port(parseInt(paramStr(1))), "127.0.0.1")
  while true:
    if server.shouldAcceptRequest():
      await server.acceptRequest(answer)
    else:
      await sleepAsync(100)

waitFor main()
