"""Programs that talk while a test listens, and the certificates that they show."""
import os
import re
import subprocess
import threading
import time

PATIENCE = 60  # seconds; tells a hang from a slow machine


class Process:
    """A program with its output, both streams of it, line by line."""

    def __init__(self, *command, environment=None):
        self.command = [str(word) for word in command]
        self.lines, self.taken, self.changed = [], 0, threading.Condition()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode(errors='replace').rstrip('\r\n'))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)  # the end
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.reader.join()
        self.process.wait()
        for stream in self.process.stdin, self.process.stdout:
            try:
                stream.close()
            except BrokenPipeError:
                pass  # it had gone before it read everything

    @property
    def output(self):
        return '\n'.join(line for line in self.lines if line is not None)

    def say(self, line):
        try:
            self.process.stdin.write(line.encode() + b'\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its output tells why it has ended

    def wait_for(self, pattern):
        """The match of the next line that fits; None if the output ends first."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                while self.taken < len(self.lines):
                    line = self.lines[self.taken]
                    if line is None:
                        return None
                    self.taken += 1
                    if match := re.search(pattern, line):
                        return match
                if not self.changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f'no {pattern} from {self.command}:\n{self.output}')

    def end(self):
        """Its exit status, when it has nothing more to read."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        status = self.process.wait(PATIENCE)
        self.reader.join()
        return status


def run(*command, folder=None):
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False,
                          timeout=PATIENCE)
    if done.returncode:
        raise RuntimeError(f'{command}: {done.stdout}{done.stderr}')
    return done.stdout


# `socketpoll cert` makes none that is not valid now.
AUTHORITY = """
[ca]
default_ca = authority
[authority]
database = index
new_certs_dir = .
default_md = sha256
rand_serial = yes
unique_subject = no
policy = subject
x509_extensions = use
[subject]
commonName = supplied
[use]
keyUsage = digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:localhost
"""


class Certificates:
    """NAME.crt and NAME.key of all kinds in `folder`, made by the command of one engine."""

    def __init__(self, command, folder):
        self.command, self.folder = command, folder
        self.make('authority', '--authority', 'Test authority')
        self.make('stranger', '--authority', 'Unknown authority')
        self.make('ecdsa', '--issuer', 'authority', 'localhost', '127.0.0.1')
        self.make('rsa', '--issuer', 'authority', '--rsa', 'localhost', '127.0.0.1')
        self.make('elsewhere', '--issuer', 'authority', 'elsewhere.test')
        self.make('strange', '--issuer', 'stranger', 'localhost')
        self.make('client', '--issuer', 'authority', '--client', 'A client')
        self.make('strange-client', '--issuer', 'stranger', '--client', 'A client')
        (folder / 'authority.cnf').write_text(AUTHORITY, encoding='utf-8')
        (folder / 'index').touch()
        self.make_between('expired', '20200101000000Z', '20200201000000Z')
        self.make_between('early', '20900101000000Z', '20900201000000Z')

    def make(self, name, *arguments):
        run(self.command, 'cert', '--out', name, *arguments, folder=self.folder)

    def make_between(self, name, begin, end):
        run('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-subj',
            '/CN=localhost', '-keyout', f'{name}.key', '-out', f'{name}.csr', folder=self.folder)
        run('openssl', 'ca', '-batch', '-config', 'authority.cnf', '-cert', 'authority.crt', '-keyfile',
            'authority.key', '-startdate', begin, '-enddate', end, '-notext', '-in', f'{name}.csr', '-out',
            f'{name}.crt', folder=self.folder)

    def chain(self, name):
        return self.folder / f'{name}.crt'

    def key(self, name):
        return self.folder / f'{name}.key'
