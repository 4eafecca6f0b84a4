"""`socketpoll serve` of a folder over TLS, with a certificate of the test's authority."""
from processes import Process


class Serving(Process):
    """At `url`, with a certificate for localhost and 127.0.0.1."""

    def __init__(self, engine, folder, key='ecdsa'):
        super().__init__(engine.command, 'serve', folder, '--port', 0, '--cert', engine.certificates.chain(key),
                         '--key', engine.certificates.key(key))

    def __enter__(self):
        self.port = int(self.wait_for(r' on https://127\.0\.0\.1:(\d+) ').group(1))
        self.url = f'https://localhost:{self.port}'
        return self
