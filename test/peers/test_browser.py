"""Chromium, without a window, at a page of socketpoll serve, with each engine."""
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import zlib

from engines import ENGINES
from processes import PATIENCE, run
from serving import Serving

OPTIONS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
           '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
           '--disable-default-apps', '--disable-extensions', '--virtual-time-budget=20000', '--dump-dom']
PAGE = """<!doctype html>
<title>A page</title>
<link rel="stylesheet" href="style.css">
<p id="result">nothing yet</p>
<img id="image" src="image.png">
<script src="script.js"></script>
"""
SCRIPT = """
addEventListener('load', async () => {
  const data = await (await fetch('data.json')).json();
  const image = document.getElementById('image');
  const result = document.getElementById('result');
  result.textContent = [data.greeting, image.naturalWidth + 'x' + image.naturalHeight,
                        getComputedStyle(result).color, location.protocol].join(' | ');
});
"""
RESULT = 'hello from JSON | 3x2 | rgb(1, 2, 3) | https:'
# What the secrets of a connection are called, by its version.
SECRETS = {'tls1.2': 'CLIENT_RANDOM', 'tls1.3': 'CLIENT_TRAFFIC_SECRET_0'}


def png(width, height):
    """A black picture (RFC 2083)."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress((b'\0' + b'\0' * width) * height)) + chunk(b'IEND', b''))


def write_page(folder):
    (folder / 'index.html').write_text(PAGE, encoding='utf-8')
    (folder / 'style.css').write_text('#result { color: rgb(1, 2, 3) }', encoding='utf-8')
    (folder / 'script.js').write_text(SCRIPT, encoding='utf-8')
    (folder / 'data.json').write_text('{"greeting": "hello from JSON"}', encoding='utf-8')
    (folder / 'image.png').write_bytes(png(3, 2))


def trust(home, authority):
    database = home / '.pki/nssdb'
    database.mkdir(parents=True)
    run('certutil', '-d', f'sql:{database}', '-N', '--empty-password')
    run('certutil', '-d', f'sql:{database}', '-A', '-t', 'C,,', '-n', 'authority', '-i', authority)


class Browser(unittest.TestCase):
    def visit(self, engine, *options, trusting=True):
        """What the page has become, and the log of its connections' secrets."""
        engine = ENGINES[engine]
        with tempfile.TemporaryDirectory() as name:
            folder, home = pathlib.Path(name, 'site'), pathlib.Path(name, 'home')
            folder.mkdir()
            home.mkdir()
            write_page(folder)
            if trusting:
                trust(home, engine.certificates.chain('authority'))
            secrets = home / 'secrets'
            with Serving(engine, folder) as serving:
                done = subprocess.run(
                    ['chromium', *OPTIONS, f'--user-data-dir={home}/profile', f'--ssl-key-log-file={secrets}', *options,
                     serving.url + '/'], env={**os.environ, 'HOME': str(home)}, stdin=subprocess.DEVNULL,
                    capture_output=True, text=True, timeout=PATIENCE, check=False)
            return done.stdout + done.stderr, secrets.read_text(encoding='ascii') if secrets.exists() else ''

    def show(self, engine, version):
        page, secrets = self.visit(engine, f'--ssl-version-max={version}')
        self.assertIn(f'<p id="result">{RESULT}</p>', page)
        self.assertEqual([name for name in SECRETS.values() if f'{name} ' in secrets], [SECRETS[version]])

    def refuse(self, engine):
        page, _ = self.visit(engine, trusting=False)
        self.assertIn('ERR_CERT_AUTHORITY_INVALID', page)
        self.assertNotIn('id="result"', page)

    def test_mbedtls_12(self):
        self.show('mbedtls', 'tls1.2')

    def test_mbedtls_13(self):
        self.show('mbedtls', 'tls1.3')

    def test_mbedtls_unknown_authority(self):
        self.refuse('mbedtls')

    def test_openssl_12(self):
        self.show('openssl', 'tls1.2')

    def test_openssl_13(self):
        self.show('openssl', 'tls1.3')

    def test_openssl_unknown_authority(self):
        self.refuse('openssl')
