"""A copy is the same to the byte, takes its time if asked, and says what is wrong."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "from"), pathlib.Path(folder, "to")
        for size in 0, 1, 5_000_000:
            source.write_bytes(os.urandom(size))
            result = run(program, source, target)
            assert result.returncode == 0 and result.stdout.endswith(f"{size} bytes copied\n"), result
            assert source.read_bytes() == target.read_bytes()
        begun = time.monotonic()
        assert run(program, source, target, "10000000").returncode == 0
        assert time.monotonic() - begun > 0.3
        assert source.read_bytes() == target.read_bytes()
        result = run(program, pathlib.Path(folder, "nothing"), target)
        assert result.returncode == 1 and "cannot read" in result.stderr and "SOCKET_ENOENT" in result.stderr
        assert target.stat().st_size == 5_000_000
        if os.path.exists("/dev/full"):
            result = run(program, source, "/dev/full")
            assert result.returncode == 1 and "after 0 bytes: no space" in result.stderr, result


main(sys.argv[1])
