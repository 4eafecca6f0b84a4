"""socketpoll serve with many workers, with sockets that somebody else opened, and handing its own to a
successor."""
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
import unittest.mock

import command
from command import Serving

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """A successor whose predecessor has ended becomes a child of this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid):
    return [int(child) for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def threads_of(pid):
    return sorted((task / 'comm').read_text().strip() for task in pathlib.Path(f'/proc/{pid}/task').iterdir())


class Hammer:
    """Clients that ask all the time: some connect anew for each request, some keep their connection as
    long as the server does. `failures` says what went wrong."""

    def __init__(self, port, connecting=3, keeping=3):
        self.port, self.failures, self.answers, self.stopping = port, [], 0, False
        self.threads = [threading.Thread(target=self.run, args=(kept,))
                        for kept in [False] * connecting + [True] * keeping]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def run(self, kept):
        try:
            while not self.stopping:
                with socket.create_connection(('127.0.0.1', self.port), timeout=command.PATIENCE) as peer:
                    while self.ask(peer, kept) and not self.stopping:
                        pass
        except (OSError, AssertionError) as problem:
            self.failures.append(f'{"kept" if kept else "new"}: {problem!r}')

    def ask(self, peer, kept):
        """Whether the connection can be used again."""
        line = b'' if kept else b'Connection: close\r\n'
        peer.sendall(b'GET /a.txt HTTP/1.1\r\nHost: t\r\n' + line + b'\r\n')
        answer = b''
        while not answer.endswith(b'hello\n'):
            piece = peer.recv(65536)
            assert piece, f'cut off after {answer!r}'
            answer += piece
        assert answer.startswith(b'HTTP/1.1 200 '), answer
        self.answers += 1
        return b'connection: close' not in answer.lower()

    def wait_for_more(self, count=100):
        wanted = self.answers + count
        while self.answers < wanted and not self.failures:
            threading.Event().wait(0.01)


class Workers(command.Case):
    def test_many(self):
        with Serving('--workers', '3', '--access-log', 'TOP/log') as serving:
            self.assertRegex(serving.line, rf'\(({command.BACKENDS}), 3 workers; Ctrl-C stops\)\n')
            if not command.WINDOWS:
                self.assertEqual([name for name in threads_of(serving.process.pid) if '-' in name],
                                 ['socketpoll-0', 'socketpoll-1', 'socketpoll-2'])
            with Hammer(serving.port) as hammer:
                hammer.wait_for_more(300)
            self.assertEqual(hammer.failures, [])
            self.assertEqual(serving.end(), (0, ''))
            lines = (serving.top / 'log').read_text().splitlines()
            self.assertEqual(len(lines), hammer.answers)
            for line in lines:
                self.assertRegex(line, r'^127\.0\.0\.1 - - \[.*\] "GET /a\.txt HTTP/1\.1" 200 6$')

    def test_one_for_each_core(self):
        for value in ('0', 'auto'):
            with Serving('--workers=' + value) as serving:
                count = len(os.sched_getaffinity(0))
                self.assertIn(f'{count} worker' + 's' * (count != 1), serving.line)

    def test_a_port_in_use(self):
        """By one that shares it, even."""
        with Serving('--workers', '2') as serving:
            for workers in ('1', '2'):
                result = command.run('serve', f'--port={serving.port}', '--workers', workers, str(serving.folder))
                self.assertEqual((result.returncode, result.stdout), (1, ''))
                self.assertEqual(result.stderr, f'socketpoll: cannot listen on 127.0.0.1:{serving.port}: '
                                                'address in use (SOCKET_EADDRINUSE)\n')

    def test_misuse(self):
        for value in ('-1', 'x', '', '1025', '2x'):
            result = command.run('serve', '--workers', value)
            self.assertEqual((result.returncode, result.stdout), (2, ''))
            self.assertIn('--workers', result.stderr)
        result = command.run('serve', '/nowhere', '--workers', '2')
        self.assertEqual(result.returncode, 1)
        self.assertIn('cannot serve /nowhere: no such file', result.stderr)

    @command.skip_on_windows('no signal asks for it')
    def test_rotation(self):
        with Serving('--workers', '2', '--access-log', 'TOP/log') as serving, Hammer(serving.port) as hammer:
            hammer.wait_for_more()
            (serving.top / 'log').rename(serving.top / 'log.1')
            serving.send(signal.SIGHUP)
            while not (serving.top / 'log').exists():
                hammer.wait_for_more(1)
            hammer.wait_for_more()
            hammer.stopping = True
            for thread in hammer.threads:
                thread.join()
            self.assertEqual(serving.end(), (0, ''))
            lines = [len((serving.top / name).read_text().splitlines()) for name in ('log.1', 'log')]
            self.assertEqual(sum(lines), hammer.answers)
            self.assertTrue(all(lines))


class Activation(command.Case):
    def start(self, listeners, *arguments):
        """With the listeners as descriptors 3, 4, ... as sd_listen_fds(3) has it."""
        copies = [os.dup(listener.fileno()) for listener in listeners]

        def place():
            high = [os.dup(copy) for copy in copies]
            high = [os.dup2(copy, 50 + i) for i, copy in enumerate(high)]
            for i, copy in enumerate(high):
                os.dup2(copy, 3 + i)
                os.set_inheritable(3 + i, True)
        process = subprocess.Popen(
            ['sh', '-c', 'LISTEN_PID=$$ exec "$0" "$@"', command.PROGRAM, 'serve', self.folder.name, *arguments],
            env={**os.environ, 'LISTEN_FDS': str(len(listeners))}, preexec_fn=place, text=True,
            pass_fds=range(3, 3 + len(listeners)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for copy in copies:
            os.close(copy)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        (pathlib.Path(self.folder.name) / 'a.txt').write_bytes(b'hello\n')

    @command.skip_on_windows('sockets are not handed to another program')
    def test_sockets_that_were_given(self):
        """As many workers as sockets, fewer and more; --port and --bind have no say."""
        for sockets, workers in ((1, 1), (2, 2), (3, 2), (2, 1), (1, 3)):
            listeners = [socket.create_server(('127.0.0.1', 0)) for _ in range(sockets)]
            process = self.start(listeners, '--workers', str(workers), '--port', '1', '--bind', '192.0.2.1')
            line = process.stdout.readline()
            self.assertIn(f'on http://127.0.0.1:{listeners[0].getsockname()[1]} (', line)
            for listener in listeners:
                with Hammer(listener.getsockname()[1], 2, 2) as hammer:
                    hammer.wait_for_more(20)
                self.assertEqual(hammer.failures, [])
                listener.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.communicate(timeout=command.PATIENCE)[1], '')
            self.assertEqual(process.returncode, 0)

    @command.skip_on_windows('sockets are not handed to another program')
    def test_what_is_no_listener(self):
        with socket.socket() as idle:
            process = self.start([idle])
            said = process.communicate(timeout=command.PATIENCE)[1]
            self.assertEqual(process.returncode, 1)
            self.assertEqual(said, "socketpoll: cannot listen on descriptor 3: not possible in the handle's present "
                                   'state (SOCKET_ESTATE)\n')


class Handover(command.Case):
    def hand_over(self, serving, hammer):
        """Sends the signal; the successor's process id, once the predecessor has ended."""
        before = set(children(os.getpid()))
        serving.send(signal.SIGUSR2)
        line = serving.process.stdout.readline()
        hammer.wait_for_more()
        self.assertEqual(serving.process.wait(timeout=command.PATIENCE), 0)
        successor, = set(children(os.getpid())) - before
        self.assertIn(f':{serving.port} (', line)
        return successor

    @command.skip_on_windows('sockets are not handed to a successor')
    def test_nobody_notices(self):
        adopt_orphans()
        for workers in (1, 3):
            with Serving('--workers', str(workers), '--access-log', 'TOP/log') as serving:
                with Hammer(serving.port) as hammer:
                    hammer.wait_for_more()
                    successor = self.hand_over(serving, hammer)
                    hammer.wait_for_more()
                    # And once more, from the successor to the next.
                    os.kill(successor, signal.SIGUSR2)
                    serving.process.stdout.readline()
                    self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(successor, 0)[1]), 0)
                    hammer.wait_for_more()
                    last, = children(os.getpid())
                self.assertEqual(hammer.failures, [])
                os.kill(last, signal.SIGTERM)
                self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(last, 0)[1]), 0)
                self.assertEqual(serving.process.stderr.read(), '')
                lines = (serving.top / 'log').read_text().splitlines()
                self.assertEqual(len(lines), hammer.answers)

    @command.skip_on_windows('sockets are not handed to a successor')
    def test_a_connection_without_a_request_yet(self):
        """It was accepted, and is asked on just when its server goes."""
        adopt_orphans()
        with Serving() as serving, serving.connect() as fresh, Hammer(serving.port, 1, 0) as hammer:
            hammer.wait_for_more(1)
            serving.send(signal.SIGUSR2)
            serving.process.stdout.readline()
            hammer.ask(fresh, True)
            self.assertEqual(fresh.recv(1), b'')
            self.assertEqual(serving.process.wait(timeout=command.PATIENCE), 0)
            hammer.stopping = True
            os.kill(children(os.getpid())[0], signal.SIGTERM)
            os.waitpid(-1, 0)

    @command.skip_on_windows('sockets are not handed to a successor')
    def test_a_successor_that_fails(self):
        with tempfile.TemporaryDirectory() as top:
            program = pathlib.Path(top) / 'socketpoll'
            program.symlink_to(pathlib.Path(command.PROGRAM).resolve())
            serving = Serving()
            with unittest.mock.patch.object(command, 'PROGRAM', str(program)), serving:
                with Hammer(serving.port) as hammer:
                    for script, said in (
                            ('#!/bin/sh\nexit 7\n', 'the successor ended with status 7 before it was ready; going on'),
                            (None, f'cannot start {program}: no such file or registration (SOCKET_ENOENT); going on'),
                            ('#!/bin/sh\nkill -9 $$\n', 'the successor ended by signal 9 before it was ready; going on')):
                        program.unlink(missing_ok=True)
                        if script:
                            program.write_text(script)
                            program.chmod(0o755)
                        serving.send(signal.SIGUSR2)
                        self.assertEqual(serving.process.stderr.readline(), f'socketpoll: {said}\n')
                        hammer.wait_for_more(20)
                self.assertEqual(hammer.failures, [])
                self.assertEqual(children(serving.process.pid), [])
                self.assertEqual(serving.end(), (0, ''))

    @command.skip_on_windows('sockets are not handed to a successor')
    def test_a_successor_that_is_never_ready(self):
        """A second one is refused, and stopping ends both."""
        with tempfile.TemporaryDirectory() as top:
            program = pathlib.Path(top) / 'socketpoll'
            program.symlink_to(pathlib.Path(command.PROGRAM).resolve())
            serving = Serving()
            with unittest.mock.patch.object(command, 'PROGRAM', str(program)), serving:
                program.unlink()
                program.write_text('#!/bin/sh\necho waiting\nexec sleep 1000\n')
                program.chmod(0o755)
                serving.send(signal.SIGUSR2)
                self.assertEqual(serving.process.stdout.readline(), 'waiting\n')
                serving.send(signal.SIGUSR2)
                self.assertEqual(serving.process.stderr.readline(),
                                 'socketpoll: a successor is starting already\n')
                self.assertEqual(serving.get('/a.txt')[0], 200)
                successor, = children(serving.process.pid)
                adopt_orphans()
                self.assertEqual(serving.end(), (0, ''))
                self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(successor, 0)[1]), -signal.SIGTERM)


if __name__ == '__main__':
    unittest.main()
