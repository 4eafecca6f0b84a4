"""The library with each engine of TLS: where its programs are, and certificates made by it."""
import atexit
import dataclasses
import pathlib
import tempfile

from processes import Certificates


@dataclasses.dataclass(frozen=True)
class Engine:
    peer: pathlib.Path       # the program tls_peer
    command: pathlib.Path    # socketpoll
    certificates: Certificates


ENGINES = {}


def prepare(builds):
    """Of folders such as build/release, by the engine that each was configured with."""
    for name, build in builds.items():
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        atexit.register(folder.cleanup)
        command = pathlib.Path(build, 'src/cli/socketpoll').resolve()
        peer = pathlib.Path(build, 'test/tls_peer').resolve()
        ENGINES[name] = Engine(peer, command, Certificates(command, pathlib.Path(folder.name)))
