"""In the chat everybody hears the others and not themselves; one that does not read slows nobody
down, and is told what it missed."""
import sys

from example import Example


def line_of(peer):
    line = b""
    while not line.endswith(b"\n"):
        piece = peer.recv(1)
        assert piece, "closed"
        line += piece
    return line


def hears(peer, line):
    assert line_of(peer) == line


def join(server, others):
    """Connected is not joined yet; once the others have heard it, it is."""
    peer = server.connect()
    if others:
        peer.sendall(b"hi\n")
    for other in others:
        hears(other, b"hi\n")
    return peer


def main(program):
    with Example(program, "127.0.0.1:0", handles_stop=False) as server:
        anna = join(server, [])
        bert = join(server, [anna])
        cleo = join(server, [anna, bert])
        anna.sendall(b"one\ntwo ")
        anna.sendall(b"parts\n")
        for peer in (bert, cleo):
            hears(peer, b"one\n")
            hears(peer, b"two parts\n")
        bert.sendall(b"x" * 600 + b"\n")  # longer than a line may be: in pieces
        for peer in (anna, cleo):
            hears(peer, b"x" * 600 + b"\n")
        # Cleo reads no more, while Anna talks and Bert listens.
        block = b"".join(b"line %06d %s\n" % (i, b"." * 400) for i in range(500))
        for _ in range(60):
            anna.sendall(block)
            left = len(block)
            while left:
                piece = bert.recv(left)
                assert piece
                left -= len(piece)
        heard = b""
        while b"* you missed" not in heard:
            piece = cleo.recv(65536)
            assert piece
            heard += piece
        assert heard.count(b"line ") < 60 * 500
        bert.close()
        cleo.close()
        dora = join(server, [anna])
        dora.sendall(b"last\n")
        hears(anna, b"last\n")


main(sys.argv[1])
