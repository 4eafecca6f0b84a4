"""The echo server gives back 1 MiB unchanged, over TCP and a unix socket, to several peers and to a
slow one, and takes the place of a unix socket that its predecessor left behind."""
import os
import select
import socket
import sys
import tempfile
import threading

from example import Example, PATIENCE, receive

SIZE = 1 << 20


def echo(peer):
    payload = os.urandom(SIZE)
    with peer:
        sender = threading.Thread(target=peer.sendall, args=(payload,))
        sender.start()
        assert receive(peer, SIZE) == payload
        sender.join()
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""


def echo_slowly(peer):
    """Reads nothing until no more can be sent."""
    sent = bytearray()
    block = os.urandom(65536)
    with peer:
        while select.select([], [peer], [], 0.2)[1]:
            assert len(sent) < 256 * SIZE, "the server takes more than its marks allow"
            sent += block[: peer.send(block, socket.MSG_DONTWAIT)]
        peer.shutdown(socket.SHUT_WR)
        assert receive(peer, len(sent)) == sent
        assert peer.recv(1) == b""


def check(connect):
    peers = [connect() for _ in range(4)]
    for peer in peers:
        echo(peer)
    echo_slowly(connect())


def main(program):
    with Example(program, "127.0.0.1:0", handles_stop=False) as server:
        check(server.connect)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/echo"

        def connect():
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(PATIENCE)
            peer.connect(path)
            return peer

        for _ in range(2):
            with Example(program, f"unix:{path}", handles_stop=False):
                check(connect)
        assert os.path.exists(path)


if __name__ == "__main__":
    main(sys.argv[1])
