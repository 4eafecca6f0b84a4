## The hello of bench/hello.c in Nim. Its one argument is the port.
import std/os
import socketpoll/http

let server = newHttpServer()
server.route("GET", "/hello") do (request: Request):
  request.respond(200, "Hello\n")
server.listen("127.0.0.1:" & paramStr(1))
server.run()
