"""What two sides say of a connection that does not come about, of which one is ours."""
import concurrent.futures
import dataclasses
import unittest

from engines import ENGINES
from sides import Refusal, Terms
from test_tls_peers import client_of, pairs, server_of

SERVER = Terms(own='ecdsa')
CHECKING = Terms(own='ecdsa', authority='authority')
CLIENT = Terms(authority='authority')


@dataclasses.dataclass(frozen=True)
class Case:
    """Who refuses whom, by which of our codes, and which alert says so to the other side."""
    refuses: str
    server: Terms
    client: Terms
    code: str
    alert: int
    alert_13: int = None      # where TLS 1.3 has another
    alert_mbedtls: int = None  # where mbedTLS sends another


def shows(name):
    return dataclasses.replace(SERVER, own=name)


def client_shows(name):
    return dataclasses.replace(CLIENT, own=name)


def with_alpn(terms, protocol):
    return dataclasses.replace(terms, alpn=protocol)


CASES = {
    'expired': Case('client', shows('expired'), CLIENT, 'SOCKET_ECERT_EXPIRED', 45),
    'not_yet_valid': Case('client', shows('early'), CLIENT, 'SOCKET_ECERT_NOT_YET', 42, alert_mbedtls=46),
    'unknown_issuer': Case('client', shows('strange'), CLIENT, 'SOCKET_ECERT_ISSUER', 48),
    'wrong_host': Case('client', shows('elsewhere'), CLIENT, 'SOCKET_ECERT_NAME', 42),
    'no_common_protocol': Case('server', with_alpn(SERVER, 'h2'), with_alpn(CLIENT, 'http/1.1'), 'SOCKET_ENOCOMMON',
                               120),
    'no_client_certificate': Case('server', CHECKING, CLIENT, 'SOCKET_ECERT_MISSING', 40, alert_13=116),
    'expired_client': Case('server', CHECKING, client_shows('expired'), 'SOCKET_ECERT_EXPIRED', 45),
    'client_of_unknown_issuer': Case('server', CHECKING, client_shows('strange-client'), 'SOCKET_ECERT_ISSUER', 48),
}
VERSION_CASES = {
    # mbedTLS without 1.3 does not know how a client tells that it has nothing else.
    'server_too_old': Case('server', dataclasses.replace(SERVER, version='1.2'),
                           dataclasses.replace(CLIENT, version='1.3'), 'SOCKET_ENOCOMMON', 70, alert_mbedtls=40),
    'client_too_old': Case('server', dataclasses.replace(SERVER, version='1.3'),
                           dataclasses.replace(CLIENT, version='1.2'), 'SOCKET_ENOCOMMON', 70),
}


def expected_alert(case, refusing, version):
    if refusing == 'mbedtls' and case.alert_mbedtls:
        return case.alert_mbedtls
    return case.alert_13 if version == '1.3' and case.alert_13 else case.alert


class Refusals(unittest.TestCase):
    def refuse(self, case, server_name, client_name, version):
        ours = server_name if server_name in ENGINES else client_name
        certificates = ENGINES[ours].certificates
        connect, _ = client_of(client_name)
        with server_of(server_name)(case.server, certificates) as server, \
                concurrent.futures.ThreadPoolExecutor(1) as pool:
            connecting = pool.submit(connect, server.port, case.client, certificates, 1)
            of_client, came_back = connecting.result()
            of_server = server.refusal()
        self.assertFalse(came_back)
        sides = {'client': (client_name, of_client[-1]), 'server': (server_name, of_server)}
        refusing, refused = sides.pop(case.refuses), *sides.values()
        if refusing[0] in ENGINES:
            self.assertEqual(refusing[1].code, case.code)
            self.assertNotEqual(refusing[1].text, '')
        if refused[0] in ENGINES:
            self.assertEqual(refused[1].code, 'SOCKET_EALERT')
            self.assertNotEqual(refused[1].text, '')
        elif refused[0] == 'gnutls' and case.refuses == 'client' and version == '1.3':
            # Clients that stand on OpenSSL or mbedTLS refuse a server of TLS 1.3 in the clear, which
            # GnuTLS's does not read.
            self.assertEqual(refused[1], Refusal(text='Decryption has failed.'))
        else:
            self.assertEqual(refused[1], Refusal(alert=expected_alert(case, refusing[0], version)))


def add(name, case, server, client, version):
    def test(self):
        self.refuse(case, server, client, version)
    setattr(Refusals, f'test_{name}_{version}_{server}_and_{client}'.replace('_both_', '_'), test)


for one_server, one_client in pairs():
    for one_name, one_case in CASES.items():
        for one_version in '1.2', '1.3':
            add(one_name, dataclasses.replace(
                one_case, server=dataclasses.replace(one_case.server, version=one_version),
                client=dataclasses.replace(one_case.client, version=one_version)), one_server, one_client, one_version)
    for one_name, one_case in VERSION_CASES.items():
        add(one_name, one_case, one_server, one_client, 'both')
