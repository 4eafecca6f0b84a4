"""Starts an example as a user would, waits for the line that says where it listens, and ends it.

    with Example(sys.argv[1], "0") as server:
        with server.connect() as peer: ...

Leaving the block sends SIGTERM (or what `stop` names) and checks that the program ends cleanly, or, with
`handles_stop=False`, that the signal and nothing else ended it.
"""
import re
import signal
import socket
import subprocess

PATIENCE = 60  # seconds; tells a hang from a slow machine


class Example:
    def __init__(self, program, *arguments, stop=signal.SIGTERM, handles_stop=True):
        self.command = [program, *arguments]
        self.stop = stop
        self.status = 0 if handles_stop else -stop

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"port (\d+)", line) or re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"{self.command[0]} printed {line!r}, not where it listens")
        self.port = int(found.group(1))
        return self

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def __exit__(self, kind, *_):
        self.process.send_signal(self.stop if kind is None else signal.SIGKILL)
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        if kind is None:
            assert self.process.returncode == self.status, f"ended with {self.process.returncode}"


def receive(peer, size):
    parts = []
    while size:
        part = peer.recv(min(size, 65536))
        assert part, f"closed with {size} bytes missing"
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
