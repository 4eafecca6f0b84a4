import socketpoll/http, std/os
let server = newHttpServer()
server.route("GET", "/hello/:name") do (request: Request):
  request.respond(200, "Hello\n")
server.listen("127.0.0.1:" & (if paramCount() > 0: paramStr(1) else: "8080"))
echo "listening on port ", server.port
server.run()
