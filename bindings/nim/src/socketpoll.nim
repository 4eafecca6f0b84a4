## Event loop, coroutine sockets and HTTP server on libsocketpoll: everything but the futures, which
## are in socketpoll/asyncio, and the C interface, which is in socketpoll/raw.
import socketpoll/[async_socket, errors, eventloop, http, secured]
export async_socket, errors, eventloop, http, secured
