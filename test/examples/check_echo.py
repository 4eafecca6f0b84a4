"""An echo server gives back 1 MiB unchanged, to several peers at once and to one that is slow to
read, and ends cleanly on either signal."""
import os
import select
import signal
import socket
import sys
import threading

from example import Example, receive

SIZE = 1 << 20


def echo(server):
    payload = os.urandom(SIZE)
    with server.connect() as peer:
        sender = threading.Thread(target=peer.sendall, args=(payload,))
        sender.start()
        assert receive(peer, SIZE) == payload
        sender.join()


def echo_to_a_slow_reader(server):
    """Reads nothing until no more can be sent: the server must keep what it cannot send."""
    sent = bytearray()
    block = os.urandom(65536)
    with server.connect() as peer:
        while len(sent) < 64 * SIZE and select.select([], [peer], [], 0.2)[1]:
            sent += block[: peer.send(block, socket.MSG_DONTWAIT)]
        assert receive(peer, len(sent)) == sent


def main(program):
    with Example(program, "0", stop=signal.SIGTERM) as server:
        echo(server)
        echo_to_a_slow_reader(server)
        peers = [server.connect() for _ in range(8)]
        for number, peer in enumerate(peers):
            peer.sendall(b"%d" % number)
        for number, peer in enumerate(peers):
            assert receive(peer, 1) == b"%d" % number
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(1) == b""
            peer.close()
        left_open = server.connect()
    left_open.close()
    with Example(program, "0", stop=signal.SIGINT) as server:
        echo(server)


main(sys.argv[1])
