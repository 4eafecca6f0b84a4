#!/usr/bin/env python3
"""The ctypes module: its constants, an echo over pull delivery, and what mistakes give."""
import ctypes
import os
import pathlib
import socket
import subprocess
import sys
import threading
import unittest

import socketpoll as s


class Manifest(unittest.TestCase):
    def test_every_function_is_there(self):
        names = (pathlib.Path(__file__).parents[2] / 'src/socketpoll.symbols').read_text().split()
        for name in names:
            self.assertTrue(callable(getattr(s, name)), name)

    def test_constants_and_layouts(self):
        self.assertEqual(s.Socket_error_name(s.SOCKET_EADDRINUSE), b'SOCKET_EADDRINUSE')
        self.assertEqual(ctypes.sizeof(s.SocketCompletion_T), 48)
        self.assertEqual(ctypes.sizeof(s.SocketEvent_T), 16)


class Echo(unittest.TestCase):
    def setUp(self):
        self.loop = s.SocketLoop_new()
        self.addCleanup(lambda: s.SocketLoop_free(ctypes.byref(ctypes.c_void_p(self.loop))))

    def client(self, port, messages, answers):
        with socket.create_connection(('127.0.0.1', port), timeout=20) as peer:
            for message in messages:
                peer.sendall(message)
                got = b''
                while len(got) < len(message):
                    got += peer.recv(65536)
                answers.append(got)

    def test_echo(self):
        listener = s.SocketListener_new(self.loop)
        s.SocketListener_listen(listener, b'127.0.0.1:0')
        port = s.SocketListener_get_port(listener)
        messages, answers = [b'hello', b'x' * 100000, b'bye'], []
        thread = threading.Thread(target=self.client, args=(port, messages, answers))
        thread.start()
        for event in s.wait(self.loop, timeout_ms=20000):
            if event.kind == s.SOCKET_ACCEPTED:
                s.SocketStream_start(event.subject)
            elif event.kind == s.SOCKET_DATA:
                s.SocketStream_write(event.subject, event.data, event.length)
            elif event.kind == s.SOCKET_EOF:
                s.SocketStream_close(event.subject)
            elif event.kind == s.SOCKET_CLOSED:
                s.SocketStream_free(ctypes.byref(ctypes.c_void_p(event.subject)))
                s.SocketLoop_stop(self.loop)
        thread.join()
        self.assertEqual(answers, messages)

    def test_mistakes_are_raised(self):
        with self.assertRaises(s.Failure) as caught:
            s.SocketStream_connect(self.loop, b'nowhere', -1)
        self.assertEqual(caught.exception.name, 'SOCKET_EADDRESS')
        with self.assertRaises(s.Failure) as caught:
            s.SocketLoop_stop(42)
        self.assertEqual(caught.exception.code, s.SOCKET_EBADHANDLE)
        failure = []

        def elsewhere():
            try:
                s.SocketTimer_new(self.loop)
            except s.Failure as problem:
                failure.append(problem.name)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        self.assertEqual(failure, ['SOCKET_EWRONGTHREAD'])


class Library(unittest.TestCase):
    def test_a_missing_library_says_what_to_install(self):
        done = subprocess.run([sys.executable, '-c', 'import socketpoll'], capture_output=True, text=True,
                              cwd=pathlib.Path(__file__).parent, env=os.environ | {'SOCKETPOLL_LIBRARY_DIR': '/absent'})
        self.assertIn('please install socketpoll', done.stderr)


if __name__ == '__main__':
    unittest.main()
