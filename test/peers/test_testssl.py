"""What testssl.sh says of socketpoll serve, with each engine: nothing above LOW but what is
excepted below."""
import collections
import json
import pathlib
import subprocess
import tempfile
import unittest

from engines import ENGINES
from serving import Serving

PATIENCE = 600
# All that concerns TLS; its checks of HTTP's headers are left out.
CHECKS = ['--protocols', '--standard', '--pfs', '--server-preference', '--server-defaults', '--vulnerable',
          '--client-simulation']
FINE = ('OK', 'INFO', 'LOW', 'DEBUG')
# Finding: (severity, why it is none).
EXCEPTIONS = {
    'cert_revocation': ('HIGH', 'a private authority publishes no list of what it has revoked'),
    'engine_problem': ('WARN', 'of the openssl(1) that it uses: nothing is GOST here'),
    'sessionresumption_ticket': ('WARN', 'it hangs up before the ticket of TLS 1.3 can come; test_tls_peers resumes'),
}
# One of each kind of check, so that none is silently left out.
MADE = ('SSLv2', 'TLS1', 'TLS1_2', 'TLS1_3', 'cipherlist_NULL', 'PFS', 'cipher_negotiated', 'cert_chain_of_trust',
        'heartbleed', 'CCS', 'ROBOT', 'secure_renego', 'secure_client_renego', 'CRIME_TLS', 'fallback_SCSV', 'LUCKY13',
        'clientsimulation-android_12')


class Testssl(unittest.TestCase):
    maxDiff = None

    def judge(self, engine, key):
        engine = ENGINES[engine]
        with tempfile.TemporaryDirectory() as name:
            report = pathlib.Path(name, 'report.json')
            with Serving(engine, name, key) as serving:
                done = subprocess.run(
                    ['testssl', '--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none', '--ip', '127.0.0.1',
                     '--add-ca', engine.certificates.chain('authority'), '--jsonfile', report, *CHECKS, serving.url],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
            findings = json.loads(report.read_text(encoding='utf-8'))
        found = collections.defaultdict(list)
        for finding in findings:
            found[finding['id'].split(' ')[0]].append(finding)
        self.assertEqual([check for check in MADE if check not in found], [], done.stdout)
        bad = [(finding['id'], finding['severity'], finding['finding']) for finding in findings
               if finding['severity'] not in FINE
               and EXCEPTIONS.get(finding['id'], ('',))[0] != finding['severity']]
        self.assertEqual(bad, [], done.stdout)

    def test_mbedtls(self):
        self.judge('mbedtls', 'ecdsa')

    def test_openssl(self):
        self.judge('openssl', 'rsa')
