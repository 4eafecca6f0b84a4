"""Runs the command as a user would. The program is the first argument of the test that imports this.

A program for Windows is run by the wrapper that meson names, and a server there on a console of its own,
whose keys are pressed for SIGINT and SIGTERM alike (see support/windows/console.c)."""
import functools
import http.client
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
WRAPPER = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))
CONSOLE = os.environ.get('SOCKETPOLL_TEST_CONSOLE')
WINDOWS = PROGRAM.endswith('.exe')
BACKENDS = 'iocp' if WINDOWS else 'epoll|poll'
PATIENCE = 60  # seconds; tells a hang from a slow machine


def skip_on_windows(reason):
    """For a test that needs what Windows, or the Wine it is tried under, has not."""
    def decorate(test):
        @functools.wraps(test)
        def skipped(self):
            print(f'skip_on_windows: {test.__name__}: {reason}', flush=True)
            self.skipTest(reason)
        return skipped if WINDOWS else test
    return decorate


def run(*arguments):
    return subprocess.run([*WRAPPER, PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          check=False)


class Serving:
    """`socketpoll serve` of a folder of its own, with what it printed and said in the end."""

    def __init__(self, *arguments, host='127.0.0.1', silent=False):
        self.arguments, self.host, self.silent = arguments, host, silent

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.top = pathlib.Path(self.temporary.name)
        self.folder = self.top / 'public'
        self.folder.mkdir()
        (self.folder / 'a.txt').write_bytes(b'hello\n')
        arguments = [str(argument).replace('TOP', str(self.top)) for argument in self.arguments]
        keyboard = [CONSOLE] if CONSOLE else []
        self.process = subprocess.Popen(
            [*WRAPPER, *keyboard, PROGRAM, 'serve', str(self.folder), '--port', '0', *arguments], text=True,
            stdin=subprocess.PIPE if CONSOLE else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.line = '' if self.silent else self.process.stdout.readline()
        port = re.search(r':(\d+) \(', self.line)
        self.port = int(port.group(1)) if port else None
        return self

    def __exit__(self, *_):
        if self.process.poll() is None and CONSOLE:
            self.send(signal.SIGINT)  # what it runs would outlive it otherwise
            self.send(signal.SIGINT)
        elif self.process.poll() is None:
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
        if not CONSOLE:
            self.process.send_signal(number)
            return
        assert number in (signal.SIGINT, signal.SIGTERM), number
        try:
            self.process.stdin.write('c\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended

    def end(self, number=signal.SIGTERM):
        """The exit status, and what stood on the standard error."""
        self.send(number)
        return self.wait()

    def wait(self):
        self.printed, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def wait_until_it_refuses(self):
        while True:
            try:
                self.connect().close()
            except ConnectionError:
                return


main = unittest.main
Case = unittest.TestCase
