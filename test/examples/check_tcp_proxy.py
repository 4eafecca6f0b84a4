"""The proxy passes both directions on, unchanged and at once, and each end on its own; a target that is
not there closes the connection."""
import os
import socket
import sys
import threading

from example import PATIENCE, Example

SIZE = 8 << 20


def receive_all(peer):
    parts = []
    while part := peer.recv(65536):
        parts.append(part)
    return b"".join(parts)


def exchange(peer, listener):
    """Both sides send at the same time; the client ends first, the server has more to say."""
    up, down, last = os.urandom(SIZE), os.urandom(SIZE), b"goodbye"
    got = {}

    def serve():
        served, _ = listener.accept()
        with served:
            served.settimeout(PATIENCE)
            sender = threading.Thread(target=served.sendall, args=(down,))
            sender.start()
            got["up"] = receive_all(served)
            sender.join()
            served.sendall(last)

    server = threading.Thread(target=serve)
    server.start()
    sender = threading.Thread(target=lambda: (peer.sendall(up), peer.shutdown(socket.SHUT_WR)))
    sender.start()
    assert receive_all(peer) == down + last
    sender.join()
    server.join()
    assert got["up"] == up


def main(program):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        with Example(program, "0", target, handles_stop=False) as proxy:
            for _ in range(3):
                with proxy.connect() as peer:
                    exchange(peer, listener)
            # The server goes away without a word.
            with proxy.connect() as peer:
                served, _ = listener.accept()
                served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                served.close()
                try:
                    assert peer.recv(1) == b""
                except ConnectionResetError:
                    pass
            with proxy.connect() as peer:
                exchange(peer, listener)
            listener.close()
            with proxy.connect() as peer:
                try:
                    assert peer.recv(1) == b""
                except ConnectionResetError:
                    pass


main(sys.argv[1])
