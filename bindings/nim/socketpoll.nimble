version       = "0.1.0"
author        = "socketpoll"
description   = "Event loop, coroutine sockets and HTTP server on libsocketpoll"
license       = "MIT"
srcDir        = "src"

requires "nim >= 1.6.10"
