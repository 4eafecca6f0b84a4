"""socketpoll serve --tls: with a certificate made on the spot, and with one from files that is renewed."""
import hashlib
import http.client
import os
import pathlib
import shutil
import signal
import ssl
import stat
import tempfile

import command
from command import Serving


def fetch(serving, context, path='/a.txt'):
    connection = http.client.HTTPSConnection('127.0.0.1', serving.port, context=context, timeout=command.PATIENCE)
    try:
        connection.request('GET', path)
        answer = connection.getresponse()
        return answer.status, answer.read(), connection.sock.getpeercert(True)
    finally:
        connection.close()


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Tls(command.Case):
    def test_made_on_the_spot(self):
        with Serving('--tls') as serving:
            self.assertIn(f' on https://127.0.0.1:{serving.port} ', serving.line)
            told = serving.process.stdout.readline()
            status, body, certificate = fetch(serving, unverified())
            self.assertEqual((status, body), (200, b'hello\n'))
            digest = hashlib.sha256(certificate).hexdigest().upper()
            self.assertEqual(told, 'certificate made on the spot, SHA-256 '
                             + ':'.join(digest[i:i + 2] for i in range(0, 64, 2)) + '\n')
            # Whoever was told of it need not do without the check.
            trusting = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(certificate))
            self.assertEqual(fetch(serving, trusting)[0], 200)
            with self.assertRaises(ssl.SSLCertVerificationError):
                fetch(serving, ssl.create_default_context())

    def test_files_and_their_renewal(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.make(folder / 'authority', '--authority', 'Our authority')
            self.make(folder / 'server', '--issuer', folder / 'authority', 'localhost', '127.0.0.1')
            trusting = ssl.create_default_context(cafile=folder / 'authority.crt')
            with Serving('--cert', folder / 'server.crt', '--key', folder / 'server.key') as serving:
                first = fetch(serving, trusting)
                self.assertEqual(first[:2], (200, b'hello\n'))
                if command.WINDOWS:
                    return  # no signal asks for it
                self.make(folder / 'next', '--rsa', '--issuer', folder / 'authority', 'localhost', '127.0.0.1')
                for kind in 'crt', 'key':
                    shutil.copy(folder / f'next.{kind}', folder / f'server.{kind}')
                serving.process.send_signal(signal.SIGHUP)
                while fetch(serving, trusting)[2] == first[2]:
                    pass
                (folder / 'server.key').write_text('damaged')
                serving.process.send_signal(signal.SIGHUP)
                self.assertIn('the private key cannot be read', serving.process.stderr.readline())
                self.assertEqual(fetch(serving, trusting)[0], 200)

    def make(self, base, *arguments):
        done = command.run('cert', '--out', str(base), *map(str, arguments))
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn(', 90 days, SHA-256 ', done.stdout)

    def test_keys_are_secret_and_never_overwritten(self):
        with tempfile.TemporaryDirectory() as name:
            base = os.path.join(name, 'own')
            self.make(base, 'localhost')
            before = pathlib.Path(base + '.key').read_bytes()
            if not command.WINDOWS:
                self.assertEqual(stat.S_IMODE(os.stat(base + '.key').st_mode), 0o600)
            done = command.run('cert', '--out', base, 'localhost')
            self.assertEqual(done.returncode, 1)
            self.assertIn('own.key: ', done.stderr)
            self.assertEqual(pathlib.Path(base + '.key').read_bytes(), before)

    def test_misuse_of_cert(self):
        for arguments in [], ['--days', '0', 'a'], ['--days', 'x', 'a'], ['--what', 'a']:
            self.assertEqual(command.run('cert', *arguments).returncode, 2)
        self.assertEqual(command.run('cert', '--issuer', 'absent', 'a').returncode, 1)

    def test_half_of_the_files_is_misuse(self):
        done = command.run('serve', '--cert', 'x')
        self.assertEqual(done.returncode, 2)
        self.assertIn('--cert and --key belong together', done.stderr)

    def test_files_that_are_not_there(self):
        done = command.run('serve', '--port', '0', '--cert', 'absent.crt', '--key', 'absent.key')
        self.assertEqual(done.returncode, 1)
        self.assertIn('cannot read absent.crt', done.stderr)

    def test_plain_requests_are_closed(self):
        with Serving('--tls') as serving:
            peer = serving.connect()
            peer.sendall(b'GET / HTTP/1.1\r\nHost: t\r\n\r\n')
            received = b''
            while piece := peer.recv(1000):
                received += piece
            self.assertNotIn(b'HTTP', received)
            self.assertEqual(fetch(serving, unverified())[0], 200)


if __name__ == '__main__':
    command.main()
