"""What two sides agree on, of which one is ours: all that both can, first and resumed."""
import concurrent.futures
import functools
import itertools
import unittest

import sides
from engines import ENGINES
from sides import Facts, Terms

SUBJECT, CLIENT_SUBJECT = 'CN=localhost', 'CN=A client'
# Of the server's two the client has the second: neither side's first choice may be taken unasked.
SERVED, ASKED = 'h2,http/1.1', 'http/1.1'


def client_of(name):
    """A function of port, terms, certificates; and how many connections its second round makes."""
    if name == 'openssl(1)':
        return sides.openssl_client, 1
    if name == 'gnutls':
        return sides.gnutls_client, 2
    return functools.partial(sides.our_client, ENGINES[name].peer), 1


def server_of(name):
    if name == 'openssl(1)':
        return sides.OpensslServer
    if name == 'gnutls':
        return sides.GnutlsServer
    return functools.partial(sides.OurServer, ENGINES[name].peer)


class Agreement(unittest.TestCase):
    maxDiff = None

    def agree(self, server_name, client_name, version, key, alpn, client):
        ours = server_name if server_name in ENGINES else client_name
        certificates = ENGINES[ours].certificates
        served = Terms(version, own=key, authority='authority' if client else None, alpn=SERVED if alpn else '')
        asked = Terms(version, own='client' if client else None, authority='authority', alpn=ASKED if alpn else '')
        connect, second_round = client_of(client_name)
        with server_of(server_name)(served, certificates) as server, \
                concurrent.futures.ThreadPoolExecutor(1) as pool:
            connecting = pool.submit(connect, server.port, asked, certificates)
            of_server = [server.facts() for _ in range(1 + second_round)]
            of_client, came_back = connecting.result()
        first, second = of_server[0], of_server[-1]
        protocol = ASKED if alpn else ''
        self.assertEqual(first, Facts(version, protocol, False, CLIENT_SUBJECT if client else ''))
        self.assertEqual(of_client[0], Facts(version, protocol, False, SUBJECT))
        # Who shows a certificate shows ours anew each time.
        resumed = not (client and server_name in ENGINES)
        self.assertEqual((second.version, second.alpn, second.resumed), (version, protocol, resumed))
        self.assertEqual((of_client[1].version, of_client[1].alpn, of_client[1].resumed),
                         (version, protocol, resumed))
        if not resumed:
            self.assertEqual((second.subject, of_client[1].subject), (CLIENT_SUBJECT, SUBJECT))
        self.assertTrue(came_back)


def pairs():
    """(server, client), one of them ours at least, and never the same."""
    ours, others = ('mbedtls', 'openssl'), ('openssl(1)', 'gnutls')
    for one, other in itertools.product(ours, others + ours):
        if one != other:
            yield one, other
        if other in others:
            yield other, one


def add_tests():
    for (server, client), version, key, alpn, shown in itertools.product(
            pairs(), ('1.2', '1.3'), ('ecdsa', 'rsa'), (False, True), (False, True)):
        name = f'test_{server}_and_{client}_{version}_{key}' + '_alpn' * alpn + '_client' * shown

        def test(self, terms=(server, client, version, key, alpn, shown)):
            self.agree(*terms)
        setattr(Agreement, name, test)


add_tests()
