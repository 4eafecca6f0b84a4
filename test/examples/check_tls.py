"""The echo server over TLS, and what tls_info tells of it: what was agreed on and who is there, or what is
wrong with that."""
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile

from example import PATIENCE, Example, receive


def main(tls_info, echo_server, socketpoll):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def make(base, *arguments):
            subprocess.run([socketpoll, "cert", "--out", folder / base, *arguments], check=True,
                           stdout=subprocess.DEVNULL, timeout=PATIENCE)

        def ask(*arguments):
            return subprocess.run([tls_info, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                                  check=False)

        make("authority", "--authority", "Our authority")
        make("server", "--issuer", folder / "authority", "localhost")
        authority = folder / "authority.crt"
        with Example(echo_server, "127.0.0.1:0", folder / "server.crt", folder / "server.key",
                     handles_stop=False) as server:
            context = ssl.create_default_context(cafile=authority)
            with context.wrap_socket(server.connect(), server_hostname="localhost") as peer:
                peer.sendall(b"x" * 100000)
                assert receive(peer, 100000) == b"x" * 100000
            told = ask(f"localhost:{server.port}", authority)
            assert told.returncode == 0, told.stderr
            assert told.stdout.startswith("TLSv1.3 with TLS_"), told.stdout
            assert "localhost" in told.stdout and "Our authority" in told.stdout, told.stdout
            assert "SHA-256 " in told.stdout, told.stdout
            told = ask(f"127.0.0.1:{server.port}", authority)
            assert told.returncode == 1, told.stdout
            assert "is for localhost, not for 127.0.0.1 (valid from 20" in told.stderr, told.stderr
            assert "SOCKET_ECERT_NAME" in told.stderr, told.stderr
            told = ask(f"localhost:{server.port}")
            assert told.returncode == 1, told.stdout
            assert 'issued by "CN=Our authority", and leads to no authority' in told.stderr, told.stderr
        told = ask(f"localhost:{server.port}", authority)
        assert told.returncode == 1, told.stdout
        assert "connection refused" in told.stderr, told.stderr
        # Whoever is there, it is no TLS.
        with socket.create_server(("127.0.0.1", 0)) as plain:
            asking = subprocess.Popen([tls_info, f"127.0.0.1:{plain.getsockname()[1]}"], stderr=subprocess.PIPE,
                                      text=True)
            with plain.accept()[0] as peer:
                peer.sendall(b"220 mail.example.com ready\r\n")
                assert "is not TLS, or was damaged" in asking.communicate(timeout=PATIENCE)[1]


main(*sys.argv[1:])
