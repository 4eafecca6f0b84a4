## Serves the files of a folder (the first argument, or the present one) on 127.0.0.1, on the port
## that is the second argument (0, the default, picks one).
import std/os
import socketpoll/http

let server = newHttpServer()
server.serveStatic("/", if paramCount() > 0: paramStr(1) else: ".", listing = true)
server.listen("127.0.0.1:" & (if paramCount() > 1: paramStr(2) else: "0"))
echo "listening on port ", server.port
server.run()
