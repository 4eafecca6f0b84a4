"""POST /echo gives back what it got: of known length, chunked, empty, large, and to a slow reader."""
import http.client
import os
import socket
import sys
import threading

from example import Example


def post(port, body, **options):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/echo", body=body, **options)
    response = connection.getresponse()
    assert response.status == 200
    return response.read()


def post_slowly(port, body):
    """Sends everything, then begins to read: both sides have to wait for each other meanwhile."""
    peer = socket.create_connection(("127.0.0.1", port))
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    sender = threading.Thread(target=peer.sendall, args=(head % len(body) + body,))
    sender.start()
    received = b""
    while part := peer.recv(65536):
        received += part
    sender.join()
    return received.partition(b"\r\n\r\n")[2]


def main(program):
    with Example(program, "0", handles_stop=False) as server:
        small, large = b"x=1", os.urandom(5_000_000)
        assert post(server.port, small) == small
        assert post(server.port, b"") == b""
        assert post(server.port, large) == large
        pieces = [large[at : at + 70_001] for at in range(0, len(large), 70_001)]
        assert post(server.port, iter(pieces), encode_chunked=True) == large
        assert post_slowly(server.port, large) == large


main(sys.argv[1])
