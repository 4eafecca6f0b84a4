"""The two sides of a TLS connection: ours, openssl(1)'s and GnuTLS's, each told the same terms and asked
for the same facts."""
import contextlib
import dataclasses
import pathlib
import re

from processes import Process

CIPHERS_12 = ('AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305')
SUITES_12 = 'custom:' + ':'.join(f'ECDHE-{key}-{cipher}' for cipher in CIPHERS_12 for key in ('ECDSA', 'RSA'))
POLICIES = {'1.2': SUITES_12, '1.3': 'modern', 'both': 'intermediate'}


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a side is told; the names of certificates are those of Certificates."""
    version: str = 'both'
    own: str = None         # the certificate that it shows
    authority: str = None   # whom it trusts; of a server: and wants a certificate of
    alpn: str = ''
    name: str = 'localhost'


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a side says of one connection."""
    version: str
    alpn: str
    resumed: bool
    subject: str  # of the peer; '' where it showed none


@dataclasses.dataclass(frozen=True)
class Refusal:
    """How a side says that there is no connection: our code and words, or the alert that it was sent."""
    code: str = ''
    text: str = ''
    alert: int = None


def without_spaces(subject):
    return subject.replace('CN = ', 'CN=').strip()


# ---- Ours

def our_options(terms, certificates):
    options = ['--policy', POLICIES[terms.version]]
    if terms.own:
        options += ['--cert', certificates.chain(terms.own), '--key', certificates.key(terms.own)]
    if terms.authority:
        options += ['--authority', certificates.chain(terms.authority)]
    if terms.alpn:
        options += ['--alpn', terms.alpn]
    return options


OUR_FACTS = re.compile(r'^agreed version=TLSv(\S+) suite=\S+ alpn=(\S*) server=(\S*) resumed=([01])(?: peer=(.*))?$')


def our_facts(process):
    """Of the next connection: Facts or a Refusal; None at its end."""
    line = process.wait_for(r'^(agreed|failed) ')
    if not line:
        return None
    if line.group(1) == 'failed':
        _, code, text = line.string.split(' ', 2)
        return Refusal(code=code, text=text)
    version, alpn, _, resumed, subject = OUR_FACTS.match(line.string).groups()
    return Facts(version, alpn, resumed == '1', without_spaces(subject or ''))


class OurServer:
    def __init__(self, program, terms, certificates):
        check = ['--check', 'required'] if terms.authority else []
        self.process = Process(program, 'server', *our_options(terms, certificates), *check)

    def __enter__(self):
        self.port = int(self.process.wait_for(r'^port (\d+)$').group(1))
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    def facts(self):
        return our_facts(self.process)

    refusal = facts


def our_client(program, port, terms, certificates, count=2):
    """Facts or a Refusal of each connection, one after the other, and whether its line came back."""
    with Process(program, 'client', f'127.0.0.1:{port}', '--name', terms.name, '--count', count,
                 *our_options(terms, certificates)) as process:
        seen = []
        while (facts := our_facts(process)) is not None:
            seen.append(facts)
        return seen, process.end() == 0


# ---- openssl(1)'s

def openssl_options(terms, certificates):
    options = [] if terms.version == 'both' else ['-tls' + terms.version.replace('.', '_')]
    if terms.own:
        options += ['-cert', certificates.chain(terms.own), '-key', certificates.key(terms.own)]
    if terms.authority:
        options += ['-CAfile', certificates.chain(terms.authority), '-verify_return_error']
    return options + (['-alpn', terms.alpn] if terms.alpn else [])


def openssl_alert(process):
    found = process.wait_for(r'SSL routines:.*?:([^:]+):[^:]*:\d+:(?:SSL alert number (\d+))?')
    if not found or not found.group(2):
        return Refusal(text=found.group(1) if found else '')
    return Refusal(alert=int(found.group(2)))


class OpensslServer:
    def __init__(self, terms, certificates):
        check = ['-Verify', '3'] if terms.authority else []
        self.process = Process('openssl', 's_server', '-accept', '127.0.0.1:0',
                               *openssl_options(terms, certificates), *check)

    def __enter__(self):
        self.port = int(self.process.wait_for(r'^ACCEPT .*:(\d+)$').group(1))
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    def facts(self):
        """It says what it agreed on before it shows what it was sent; a line comes back by our hand."""
        found = {}
        while True:
            line = self.process.wait_for(r'^(ALPN protocols selected|subject|CIPHER is|Reused session-id|hello \d)'
                                         r'(?:: |=| )?(.*)$')
            if line.group(1).startswith('hello'):
                self.process.say(line.group(1))
                version = '1.3' if found['CIPHER is'].startswith('TLS_') else '1.2'  # names are 1.3's alone
                return Facts(version, found.get('ALPN protocols selected', ''), 'Reused session-id' in found,
                             without_spaces(found.get('subject', '')))
            found[line.group(1)] = line.group(2)

    def refusal(self):
        return openssl_alert(self.process)


def openssl_connect(port, terms, certificates, *session):
    with Process('openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-servername', terms.name,
                 '-verify_hostname', terms.name, *openssl_options(terms, certificates), *session) as process:
        found = {}
        while line := process.wait_for(r'^\s*(subject|New|Reused|ALPN protocol|Verify return code)(?:=|, |: )(.*)$'):
            found[line.group(1)] = line.group(2)
            if line.group(1) == 'Verify return code':
                break
        if '(NONE)' in found.get('New', '(NONE)') and 'Reused' not in found:
            return openssl_alert_of(process), False
        process.say('hello 1')
        echoed = process.wait_for(r'^hello 1$') is not None
        process.end()
        if not echoed:
            return openssl_alert_of(process), False
        version = re.match(r'TLSv([\d.]+)', found.get('New') or found['Reused']).group(1)
        return Facts(version, found.get('ALPN protocol', ''), 'Reused' in found, without_spaces(found['subject'])), True


def openssl_alert_of(process):
    process.taken = 0
    return openssl_alert(process)


def openssl_client(port, terms, certificates, count=2):
    session = certificates.folder / f'session-{port}'
    first = openssl_connect(port, terms, certificates, '-sess_out', session)
    if count == 1:
        return [first[0]], first[1]
    again = ['-sess_in', session] if session.exists() else []  # there is none where we gave no ticket
    second = openssl_connect(port, terms, certificates, *again)
    return [first[0], second[0]], first[1] and second[1]


# ---- GnuTLS's

def gnutls_options(terms, certificates):
    options = [] if terms.version == 'both' else ['--priority', f'NORMAL:-VERS-ALL:+VERS-TLS{terms.version}']
    if terms.own:
        options += ['--x509certfile', certificates.chain(terms.own), '--x509keyfile', certificates.key(terms.own)]
    if terms.authority:
        options += ['--x509cafile', certificates.chain(terms.authority)]
    return options + [word for protocol in terms.alpn.split(',') if protocol for word in ('--alpn', protocol)]


LINE_BY_LINE = ['stdbuf', '-oL']  # its C library would keep them back from a pipe
GNUTLS_FACTS = re.compile(r'^(?:(\* Accepted connection)|- (Description): \((TLS[\d.]+)|- (Application protocol): (.*)|'
                          r'(\*\*\* This is a resumed)| - (subject) `([^\']*)\'|\s*(Subject): (.*)|'
                          r'(- Simple Client Mode|received cmd: hello))')


def gnutls_facts(process):
    """Up to the line that it was sent, or is ready to send; the last of several connections."""
    found = {}
    while line := process.wait_for(GNUTLS_FACTS):
        what, value = [group for group in (*line.groups(), '') if group is not None][:2]
        if what.startswith(('- Simple', 'received')):
            version = found['Description'].removeprefix('TLS')
            return Facts(version, found.get('Application protocol', ''), '*** This is a resumed' in found,
                         found.get('subject') or found.get('Subject') or '')
        if what == '* Accepted connection':
            found.clear()
        if what == 'Description':
            found.pop('Application protocol', None)  # of the connection before
        found[what] = value
    return None


def gnutls_alert(process):
    """An alert's own line comes before the one that says that all is over."""
    found = process.wait_for(r"Received alert [\['](\d+)|Error in handshake: (.*)|^- Peer has closed")
    if not found or not found.group(1):
        return Refusal(text=found.group(2) or '' if found else '')
    return Refusal(alert=int(found.group(1)))


def listening_port(pid):
    """Of the IPv4 socket that a process listens on, whose number it does not tell."""
    sockets = set()
    for entry in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        with contextlib.suppress(OSError):
            sockets.update(re.findall(r'socket:\[(\d+)\]', str(entry.readlink())))
    for line in pathlib.Path('/proc/net/tcp').read_text(encoding='ascii').splitlines()[1:]:
        fields = line.split()
        if fields[9] in sockets and fields[3] == '0A':
            return int(fields[1].split(':')[1], 16)
    raise RuntimeError(f'{pid} does not listen')


class GnutlsServer:
    def __init__(self, terms, certificates):
        check = ['--require-client-cert', '--verify-client-cert'] if terms.authority else ['--disable-client-cert']
        self.process = Process(*LINE_BY_LINE, 'gnutls-serv', '--echo', '--port', 0,
                               '--alpn-fatal', *gnutls_options(terms, certificates), *check)

    def __enter__(self):
        self.process.wait_for(r'listening on IPv4 .*\.\.\.done$')
        self.port = listening_port(self.process.process.pid)
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    def facts(self):
        return gnutls_facts(self.process)

    def refusal(self):
        return gnutls_alert(self.process)


def gnutls_connect(port, terms, certificates, *options):
    with Process(*LINE_BY_LINE, 'gnutls-cli', '--port', port, '--sni-hostname', terms.name,
                 '--verify-hostname', terms.name, *gnutls_options(terms, certificates), *options,
                 '127.0.0.1') as process:
        facts = gnutls_facts(process)
        echoed = False
        if facts:
            process.say('hello 1')
            echoed = process.wait_for(r'^hello 1$') is not None
            process.end()
        if echoed:
            return facts, True
        process.taken = 0
        return gnutls_alert(process), False


def gnutls_client(port, terms, certificates, count=2):
    first = gnutls_connect(port, terms, certificates)
    if count == 1:
        return [first[0]], first[1]
    # It connects twice then, and speaks on the second. Who shows a certificate waits for a ticket in vain.
    wait = [] if terms.own else ['--waitresumption']
    second = gnutls_connect(port, terms, certificates, '--resume', *wait)
    return [first[0], second[0]], first[1] and second[1]
