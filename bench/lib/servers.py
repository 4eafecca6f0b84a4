"""The servers that the benchmarks compare: how each is started, and what it uses while it runs."""
import contextlib
import os
import pathlib
import pwd
import resource
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILT = ROOT / 'build/bench'
HELLO = b'Hello\n'
# Our server over either engine of TLS.
OURS = {'socketpoll': 'hello', 'socketpoll (mbedTLS)': 'hello', 'socketpoll (OpenSSL)': 'hello_openssl'}
# Workload -> (path, size of the body).
WORKLOADS = {'hello': ('/hello', len(HELLO)), '1KiB': ('/1k.txt', 1024), '1MiB': ('/1m.bin', 1 << 20)}

NGINX = '''
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {tmp}/nginx.pid;
error_log {tmp}/nginx.log;
{user}
events {{ worker_connections 19000; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  open_file_cache max=100 inactive=600s;
  open_file_cache_valid 600s;
  default_type text/plain;
  client_body_temp_path {tmp}/nginx.a; proxy_temp_path {tmp}/nginx.b;
  fastcgi_temp_path {tmp}/nginx.c; uwsgi_temp_path {tmp}/nginx.d; scgi_temp_path {tmp}/nginx.e;
  server {{
    listen 127.0.0.1:{port} {tls} backlog=4096;
    root {dir};
    location = /hello {{ return 200 "Hello\\n"; }}
    {tls_settings}
  }}
}}
'''
# The suites and groups of ours, and tickets as ours has them.
NGINX_TLS = '''
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_protocols {version};
    ssl_ciphers {ciphers};
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_ecdh_curve X25519:prime256v1:secp384r1;
    ssl_session_cache off;
    ssl_session_tickets on;
'''
H2O = '''
num-threads: 1
max-connections: 19000
http1-request-timeout: 600
{user}
listen: {{host: 127.0.0.1, port: {port}}}
hosts:
  default:
    paths:
      /hello: {{file.file: {dir}/h2o-hello.txt}}
      /: {{file.dir: {dir}}}
'''


class Tls:
    """What a server of the benchmarks of TLS is told: one version, one certificate."""

    CIPHERS = {'ecdsa': 'ECDHE-ECDSA-AES128-GCM-SHA256', 'rsa': 'ECDHE-RSA-AES128-GCM-SHA256'}

    def __init__(self, version, kind, folder):
        self.version, self.kind = version, kind
        self.chain, self.key = folder / f'{kind}.crt', folder / f'{kind}.key'

    @property
    def policy(self):
        return 'custom:' + ('TLS_AES_128_GCM_SHA256' if self.version == '1.3' else self.CIPHERS[self.kind])

    def nginx(self):
        return NGINX_TLS.format(chain=self.chain, key=self.key, version=f'TLSv{self.version}',
                                ciphers=self.CIPHERS[self.kind])


def require(*packages):
    subprocess.run(['bash', '-c', 'set -euo pipefail; source "$0"; require "$@"', ROOT / 'tools/lib/setup.sh', *packages],
                   check=True, stdin=subprocess.DEVNULL)
    os.environ['PATH'] += ':/usr/local/sbin:/usr/sbin:/sbin'


def build(*what):
    """Builds what there is to build; says loudly what could not be."""
    outcome = subprocess.run([ROOT / 'bench/build', *what], check=False, stdin=subprocess.DEVNULL)
    if outcome.returncode:
        print('*** NOT EVERYTHING COULD BE BUILT (see above): the comparison lacks it ***', file=sys.stderr)
    return outcome.returncode == 0


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def document_folder():
    """A private folder with the files to serve, and below it one for configuration and logs."""
    with tempfile.TemporaryDirectory(prefix='socketpoll-bench-') as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        documents = folder / 'documents'
        documents.mkdir()
        (documents / 'h2o-hello.txt').write_bytes(HELLO)
        for path, size in WORKLOADS.values():
            if path != '/hello':
                (documents / path[1:]).write_bytes(b'x' * size)
        yield folder, documents


def command_of(name, custom, workload, port, tmp, documents, tls):
    user = pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else ''
    if name in custom:
        return shlex.split(custom[name].format(port=port, dir=documents))
    size = [] if workload == 'hello' else [str(WORKLOADS[workload][1])]
    if name == 'bare':
        return [BUILT / 'bare_epoll', str(port), *size]
    if name == 'bare mbedTLS':
        return [BUILT / 'bare_mbedtls', str(port), tls.version, tls.chain, tls.key, *size]
    if name.startswith('socketpoll'):
        secured = [tls.policy, tls.chain, tls.key] if tls else []
        return [BUILT / OURS[name], str(port), str(documents), *secured]
    config = tmp / f'{name}-{port}.conf'
    template = {'nginx': NGINX, 'h2o': H2O}[name]
    statement = {'nginx': f'user {user};', 'h2o': f'user: {user}'}[name] if user else ''
    config.write_text(template.format(tmp=tmp, port=port, dir=documents, user=statement, tls='ssl' if tls else '',
                                      tls_settings=tls.nginx() if tls else ''), encoding='utf-8')
    return {'nginx': ['nginx', '-c', config], 'h2o': ['h2o', '-m', 'worker', '-c', config]}[name]


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server:
    def __init__(self, name, custom, workload, tmp, documents, core=None, tls=None):
        self.name, self.port, self.tls = name, free_port(), tls
        self.path, self.size = WORKLOADS[workload]
        self.log = tmp / f'{name}-{self.port}.log'
        command = command_of(name, custom, workload, self.port, tmp, documents, tls)
        pin = ['taskset', '-c', str(core)] if core is not None else []
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen([*pin, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=documents, preexec_fn=raise_file_limit, start_new_session=True)
        self.await_answer()

    @property
    def url(self):
        return f'{"https" if self.tls else "http"}://127.0.0.1:{self.port}{self.path}'

    def await_answer(self):
        """Waits until it answers, and makes sure that it answers rightly."""
        deadline = time.monotonic() + 10
        anybody = ssl._create_unverified_context() if self.tls else None
        while True:
            try:
                with urllib.request.urlopen(self.url, timeout=5, context=anybody) as answer:
                    body = answer.read()
                    break
            except OSError as problem:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    text = self.log.read_text(errors='replace')
                    self.stop()
                    raise SystemExit(f'{self.name} does not answer at {self.url}: {problem}\n{text}') from None
                time.sleep(0.02)
        if len(body) != self.size:
            self.stop()
            raise SystemExit(f'{self.name} answers {len(body)} bytes at {self.url}, not {self.size}')

    def pids(self):
        """The process and all that it started."""
        found, unseen = [], [self.process.pid]
        while unseen:
            pid = unseen.pop()
            found.append(pid)
            for task in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
                with contextlib.suppress(OSError):  # a thread that has just ended
                    unseen += map(int, task.read_text().split())
        return found

    def cpu_seconds(self):
        """User and system time of all its threads, of those that have ended too, to the nanosecond."""
        # clock_getcpuclockid(3): the clock of a process that is not this one.
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.pids())

    def memory(self):
        """Bytes of Rss, Pss, Private_Dirty and Anonymous over all its processes."""
        sums = dict.fromkeys(('Rss', 'Pss', 'Private_Dirty', 'Anonymous'), 0)
        for pid in self.pids():
            for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
                key, _, value = line.partition(':')
                if key in sums:
                    sums[key] += int(value.split()[0]) * 1024
        return sums

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def machine():
    """What the figures were taken on, without its name."""
    model = next((line.partition(':')[2].strip() for line in open('/proc/cpuinfo', encoding='utf-8')
                  if line.startswith('model name')), 'unknown processor')
    return f'{model}, {os.cpu_count()} cores, Linux {os.uname().release.split("-")[0]}'


def chosen(only, names):
    """The names that --only leaves: all of them where it names none of this kind."""
    wanted = [name for name in names if name in only]
    return wanted or list(names)


def parse_custom(options):
    return dict(option.split('=', 1) for option in options)
