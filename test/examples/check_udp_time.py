"""The time server answers each datagram with the seconds since 1900, and only who asked."""
import socket
import struct
import sys
import time

from example import Example, PATIENCE

SECONDS_1900_TO_1970 = 2208988800


def main(program):
    with Example(program, "127.0.0.1:0", handles_stop=False) as server:
        peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        for peer in peers:
            peer.settimeout(PATIENCE)
            peer.connect(("127.0.0.1", server.port))
        before = int(time.time())
        for question in (b"", b"?", b"x" * 1000):
            for peer in peers:
                peer.send(question)
        for peer in peers:
            for _ in range(3):
                answer = peer.recv(100)
                assert len(answer) == 4
                (seconds,) = struct.unpack("!I", answer)
                assert before - 1 <= (seconds - SECONDS_1900_TO_1970) % 2**32 <= time.time() + 1


main(sys.argv[1])
