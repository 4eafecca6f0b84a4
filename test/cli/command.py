"""Runs the command as a user would. The program is the first argument of the test that imports this."""
import http.client
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
PATIENCE = 60  # seconds; tells a hang from a slow machine


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          check=False)


class Serving:
    """`socketpoll serve` of a folder of its own, with what it printed and said in the end."""

    def __init__(self, *arguments, host='127.0.0.1'):
        self.arguments, self.host = arguments, host

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.top = pathlib.Path(self.temporary.name)
        self.folder = self.top / 'public'
        self.folder.mkdir()
        (self.folder / 'a.txt').write_bytes(b'hello\n')
        arguments = [str(argument).replace('TOP', str(self.top)) for argument in self.arguments]
        self.process = subprocess.Popen(
            [PROGRAM, 'serve', str(self.folder), '--port', '0', *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.line = self.process.stdout.readline()
        port = re.search(r':(\d+) \(', self.line)
        self.port = int(port.group(1)) if port else None
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.temporary.cleanup()

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def get(self, target):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.putrequest('GET', target, skip_accept_encoding=True)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """The exit status, and what stood on the standard error."""
        self.send(number)
        return self.wait()

    def wait(self):
        said = self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode, said

    def wait_until_it_refuses(self):
        while True:
            try:
                self.connect().close()
            except ConnectionError:
                return


main = unittest.main
Case = unittest.TestCase
