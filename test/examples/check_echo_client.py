"""The echo client brings its standard input to the server and back, over pipes and a terminal, and
leaves the descriptions that it shares with other programs blocking."""
import fcntl
import os
import pathlib
import pty
import subprocess
import sys
import tempfile

from example import Example, PATIENCE


def is_blocking(fd):
    return not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK


def through_pipes(command):
    for payload in (b"", b"hello\n", os.urandom(3_000_000)):
        done = subprocess.run(command, input=payload, capture_output=True, timeout=PATIENCE, check=True)
        assert done.stdout == payload and done.stderr == b""


def through_a_terminal(command):
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=slave, close_fds=True) as process:
        os.write(master, b"hello\n")
        shown = b""
        while shown.count(b"hello\r\n") < 2:  # what was typed, and what came back
            shown += os.read(master, 100)
        assert is_blocking(slave)
        os.write(master, b"\4")  # the end of the input, as Ctrl-D
        assert process.wait(timeout=PATIENCE) == 0
    os.close(slave)
    os.close(master)


def refusals(program, gone):
    done = subprocess.run([program, gone], input=b"x", capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and b"connection refused" in done.stderr, done.stderr
    with tempfile.TemporaryFile() as file:
        done = subprocess.run([program, gone], stdin=file, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and b"SOCKET_EPERM" in done.stderr, done.stderr


def main(program):
    server_program = pathlib.Path(program).with_name("echo_server")
    with Example(server_program, "127.0.0.1:0", handles_stop=False) as server:
        address = f"127.0.0.1:{server.port}"
        through_pipes([program, address])
        through_pipes([program, f"localhost:{server.port}"])
        through_a_terminal([program, address])
    refusals(program, address)
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/echo"
        with Example(server_program, address, handles_stop=False):
            through_pipes([program, address])
        refusals(program, address)


main(sys.argv[1])
