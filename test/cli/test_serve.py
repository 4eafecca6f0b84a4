"""socketpoll serve: what it prints, what it serves, and how it ends."""
import os
import signal
import socket
import unittest

import command
from command import Serving

LARGE = (16 if command.WINDOWS else 64) << 20  # which Wine is slow to send


def begin_large(serving):
    """A request in flight: its response has begun, and most of it cannot be sent yet."""
    with open(serving.folder / 'large', 'wb') as file:
        file.truncate(LARGE)
    peer = serving.connect()
    peer.sendall(b'GET /large HTTP/1.1\r\nHost: t\r\n\r\n')
    return peer, peer.recv(1000)


def receive_all(peer):
    size = 0
    while piece := peer.recv(1 << 20):
        size += len(piece)
    return size


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(('::1', 0))
        return True
    except OSError:
        return False


class Serve(command.Case):
    def test_prints_where(self):
        with Serving() as serving:
            version = command.run('--version').stdout.split()[1]
            backend = os.environ.get('SOCKETPOLL_BACKEND') or command.BACKENDS.split('|')[0]
            self.assertEqual(serving.line,
                             f'socketpoll {version} serving {serving.folder} on http://127.0.0.1:{serving.port} '
                             f'({backend}, 1 worker; Ctrl-C stops)\n')
            self.assertEqual(serving.get('/a.txt'), (200, b'hello\n'))
            self.assertEqual(serving.get('/absent')[0], 404)
            status, page = serving.get('/')
            self.assertEqual(status, 200)
            self.assertIn(b'a.txt', page)
            self.assertEqual(serving.end(), (0, ''))

    def test_without_listing(self):
        with Serving('--no-listing') as serving:
            self.assertEqual(serving.get('/')[0], 404)
            self.assertEqual(serving.get('/a.txt')[0], 200)

    def test_ipv6(self):
        if has_ipv6():
            for address in ('::1', '[::1]'):
                with Serving('--bind', address, host='::1') as serving:
                    self.assertIn(f'http://[::1]:{serving.port} ', serving.line)
                    self.assertEqual(serving.get('/a.txt')[0], 200)

    @command.skip_on_windows('sockets with paths: Wine 8 has none')
    def test_unix_socket(self):
        with Serving('--bind', 'unix:TOP/web.sock', '--access-log', 'TOP/log') as serving:
            path = serving.top / 'web.sock'
            self.assertIn(f' on unix:{path} (', serving.line)
            again = command.run('serve', '--bind', f'unix:{path}', str(serving.folder))
            self.assertEqual((again.returncode, again.stderr), (
                1, f'socketpoll: cannot listen on unix:{path}: address in use (SOCKET_EADDRINUSE)\n'))
            with socket.socket(socket.AF_UNIX) as peer:
                peer.bind(str(serving.top / 'a "name"'))  # of its own choice, so none of it is logged
                peer.connect(str(path))
                peer.sendall(b'GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n')
                answer = b''
                while piece := peer.recv(4096):
                    answer += piece
            self.assertTrue(answer.startswith(b'HTTP/1.1 200 OK\r\n') and answer.endswith(b'hello\n'))
            self.assertEqual(serving.end(), (0, ''))
            self.assertFalse(path.exists())
            self.assertRegex((serving.top / 'log').read_text(), r'^unix: - - \[.*\] "GET /a.txt HTTP/1.1" 200 6\n$')

    @command.skip_on_windows('sockets with paths: Wine 8 has none')
    def test_unix_socket_of_many_workers(self):
        with Serving('--bind', 'unix:TOP/web.sock', '--workers', '3') as serving:
            path = serving.top / 'web.sock'
            for _ in range(20):
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.connect(str(path))
                    peer.sendall(b'GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n')
                    self.assertTrue(peer.recv(4096).startswith(b'HTTP/1.1 200 OK'))
            self.assertEqual(serving.end(), (0, ''))
            self.assertFalse(path.exists())  # the last of them has removed it

    def test_port_in_use(self):
        with Serving() as serving:
            result = command.run('serve', f'--port={serving.port}', str(serving.folder))
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stdout, '')
            self.assertEqual(result.stderr, f'socketpoll: cannot listen on 127.0.0.1:{serving.port}: '
                                            'address in use (SOCKET_EADDRINUSE)\n')

    def test_quiet(self):
        with Serving() as serving:
            port = serving.port
            self.assertEqual(serving.end(signal.SIGINT), (0, ''))
        with Serving('--quiet', f'--port={port}', silent=True) as serving:
            serving.port = port
            while True:
                try:
                    self.assertEqual(serving.get('/a.txt')[0], 200)
                    break
                except ConnectionError:
                    self.assertIsNone(serving.process.poll())
            self.assertEqual(serving.end(), (0, ''))
            self.assertEqual(serving.printed, '')

    @command.skip_on_windows('there is no limit of descriptors to raise')
    def test_many_descriptors(self):
        """More connections than the usual soft limit allows."""
        with Serving() as serving:
            with open(f'/proc/{serving.process.pid}/limits', encoding='ascii') as limits:
                line = next(line for line in limits if line.startswith('Max open files'))
            self.assertEqual(line.split()[3], line.split()[4])

    def test_drains(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Serving() as serving:
                idle = serving.connect()
                peer, first = begin_large(serving)
                serving.send(number)
                serving.wait_until_it_refuses()
                self.assertEqual(idle.recv(1), b'')
                size = len(first) + receive_all(peer)
                self.assertGreater(size, LARGE)
                self.assertEqual(serving.wait(), (0, ''))
                peer.close()
                idle.close()

    def test_a_second_signal_ends_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                              (signal.SIGTERM, signal.SIGINT)):
            with Serving() as serving:
                peer = begin_large(serving)[0]
                serving.send(first)
                serving.wait_until_it_refuses()
                status, said = serving.end(second)
                self.assertEqual(said, '')
                # Windows' own number for it; of which Wine 8 has none, and Linux sees the last byte.
                self.assertIn(status, (0xC000013A, 0x3A, 0) if command.WINDOWS else (-second,))
                peer.close()

    def test_does_not_drain_for_ever(self):
        with Serving() as serving:
            peer = begin_large(serving)[0]
            self.assertEqual(serving.end(), (1, 'socketpoll: cut off what was not answered within 10 s\n'))
            peer.close()


if __name__ == '__main__':
    unittest.main()
