"""curl(1) over socketpoll serve, with each engine."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from engines import ENGINES
from processes import PATIENCE
from serving import Serving

BIG = os.urandom(10_000_000)
NOT_TRUSTED = 60  # curl's exit status


class Curl(unittest.TestCase):
    def fetch(self, engine, *options, trusting=True):
        """The outcome of curl with these options, in which SERVER is the server's address."""
        engine = ENGINES[engine]
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / 'big').write_bytes(BIG)
            (folder / 'small').write_bytes(b'small\n')
            with Serving(engine, folder) as serving:
                authority = ['--cacert', engine.certificates.chain('authority')] if trusting else []
                return subprocess.run(['curl', '--silent', '--show-error', *authority,
                                       *[option.replace('SERVER', serving.url) for option in options]],
                                      capture_output=True, timeout=PATIENCE, check=False)

    def versions(self, engine):
        for version in '1.2', '1.3':
            done = self.fetch(engine, '--verbose', f'--tlsv{version}', '--tls-max', version, 'SERVER/small')
            self.assertEqual((done.returncode, done.stdout), (0, b'small\n'))
            self.assertIn(f'SSL connection using TLSv{version} '.encode(), done.stderr)
            self.assertIn(b'ALPN: server accepted http/1.1', done.stderr)

    def older_versions_are_refused(self, engine):
        done = self.fetch(engine, '--tls-max', '1.1', '--ciphers', 'DEFAULT:@SECLEVEL=0', '--tlsv1.0', 'SERVER/small')
        self.assertEqual((done.returncode, done.stdout), (35, b''))
        self.assertIn(b'alert protocol version', done.stderr)

    def big_file(self, engine):
        for version in '1.2', '1.3':
            done = self.fetch(engine, '--tls-max', version, 'SERVER/big')
            self.assertEqual((done.returncode, done.stdout == BIG), (0, True))

    def head(self, engine):
        done = self.fetch(engine, '--head', 'SERVER/big')
        self.assertEqual(done.returncode, 0)
        self.assertIn(b'HTTP/1.1 200', done.stdout)
        self.assertIn(f'content-length: {len(BIG)}'.encode(), done.stdout.lower())

    def ranges(self, engine):
        done = self.fetch(engine, '--range', '5000000-5099999', 'SERVER/big')
        self.assertEqual((done.returncode, done.stdout == BIG[5000000:5100000]), (0, True))

    def one_connection(self, engine):
        done = self.fetch(engine, '--write-out', '%{num_connects} ', *['SERVER/small'] * 4)
        self.assertEqual((done.returncode, done.stdout), (0, b'small\n1 small\n0 small\n0 small\n0 '))

    def http_10(self, engine):
        done = self.fetch(engine, '--http1.0', '--include', 'SERVER/small')
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.endswith(b'\r\n\r\nsmall\n'), done.stdout)
        self.assertIn(b'connection: close', done.stdout.lower())

    def unknown_authority(self, engine):
        done = self.fetch(engine, 'SERVER/small', trusting=False)
        self.assertEqual((done.returncode, done.stdout), (NOT_TRUSTED, b''))


def add_tests():
    for what in ('versions', 'older_versions_are_refused', 'big_file', 'head', 'ranges', 'one_connection', 'http_10',
                 'unknown_authority'):
        for engine in 'mbedtls', 'openssl':
            def test(self, check=getattr(Curl, what), engine=engine):
                check(self, engine)
            setattr(Curl, f'test_{what}_{engine}', test)


add_tests()
