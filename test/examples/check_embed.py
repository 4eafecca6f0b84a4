"""A loop of ours inside another library's: it echoes, its timer fires, and idle it is never woken up."""
import pathlib
import signal
import sys
import time

from example import Example

def wakeups(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)


def echo(server, payload):
    with server.connect() as peer:
        peer.sendall(payload)
        got = b""
        while len(got) < len(payload):
            piece = peer.recv(65536)
            assert piece, "closed early"
            got += piece
        assert got == payload


def main(program):
    for stop in (signal.SIGTERM, signal.SIGINT):
        with Example(program, "0", stop=stop) as server:
            echo(server, b"hello")
            assert server.process.stdout.readline() == "quiet after 5 bytes\n"
            echo(server, b"x" * 100000)
            assert server.process.stdout.readline() == "quiet after 100005 bytes\n"
            with server.connect() as idle:
                idle.sendall(b"y")
                assert idle.recv(1) == b"y"
                assert server.process.stdout.readline() == "quiet after 100006 bytes\n"
                for _ in range(30):  # one second of silence: what wakes up on a period has none
                    before = wakeups(server)
                    time.sleep(1)
                    if wakeups(server) == before:
                        break
                else:
                    raise AssertionError("it keeps waking up")


main(sys.argv[1])
