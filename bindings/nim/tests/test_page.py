#!/usr/bin/env python3
"""Follows docs/nim.md: compiles and runs each of its programs as printed, but for the ports, which are
rewritten to free ones. A program that says "listening on port" stays until the end, is asked with the
curl lines below it (what follows a "#" has to be the answer), and echoes where it listens on 70...

    LD_LIBRARY_PATH=build/release/src bindings/nim/tests/test_page.py BUILD_FOLDER
"""
import concurrent.futures
import pathlib
import queue
import re
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
PAGE = HERE.parent.parent / 'docs/nim.md'
BUILD = pathlib.Path(sys.argv[1]).resolve()
PORT = re.compile(r'\b(?:70|80)\d\d\b')
SECONDS = 60


def blocks(text):
    return re.findall(r'^```(\w+)\n(.*?)^```', text, re.S | re.M)


def free_ports(names):
    probes = [socket.create_server(('127.0.0.1', 0)) for _ in names]
    ports = {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes)}
    for probe in probes:
        probe.close()
    return ports


class Slots:
    """A folder for the compiler's intermediate files to each of two compilers at a time."""
    def __init__(self):
        self.free = queue.Queue()
        for number in range(2):
            self.free.put(BUILD / f'cache_page_{number}')

    def compile(self, source):
        cache = self.free.get()
        try:
            # Without traces a program is compiled a fifth faster.
            command = ['nice', 'nim', 'c', '--hints:off', '--warnings:off', '--mm:orc', '--threads:on',
                       '--stackTrace:off', '--lineTrace:off', f'--path:{HERE}/src', f'--nimcache:{cache}',
                       f'-o:{source.with_suffix("")}', source]
            for _ in range(2):
                outcome = subprocess.run(command, check=False, capture_output=True, text=True)
                # The compiler of 1.6.10 sometimes crashes, which says nothing about the source.
                if 'SIGSEGV' not in outcome.stdout + outcome.stderr:
                    break
            return outcome
        finally:
            self.free.put(cache)


def converse(port):
    with socket.create_connection(('127.0.0.1', int(port)), SECONDS) as client:
        client.sendall(b'is there an echo?\n')
        client.shutdown(socket.SHUT_WR)
        with client.makefile('rb') as answer:
            got = answer.read()
    return '' if got == b'is there an echo?\n' else f'no echo: {got}'


def serve(program, code, ports, servers):
    server = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    servers.append(server)
    line = server.stdout.readline()
    if not line.startswith('listening on port '):
        return f'says {line!r}'
    echoes = [ports[name] for name in PORT.findall(code) if name.startswith('70')]
    return ''.join(converse(port) for port in echoes)


def run(program):
    try:
        outcome = subprocess.run([program], check=False, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return 'does not end', ''
    problem = f'ended with {outcome.returncode}: {outcome.stderr}' if outcome.returncode else ''
    return problem, outcome.stdout


def ask(code, rewrite):
    for line in code.splitlines():
        command, _, wanted = (part.strip() for part in line.partition(' #'))
        if not command.startswith('curl '):
            continue
        outcome = subprocess.run(['bash', '-c', rewrite(command)], check=False, capture_output=True, text=True,
                                 timeout=SECONDS)
        problem = outcome.returncode or outcome.stdout.strip() != wanted
        yield f'{line}: {outcome.stdout}{outcome.stderr}' if problem else ''


def main():
    found = blocks(PAGE.read_text(encoding='utf-8'))
    ports = free_ports(sorted({name for _, code in found for name in PORT.findall(code)}))
    sources, servers, problems = {}, [], []

    def rewrite(text):
        return PORT.sub(lambda name: ports[name.group()], text)

    for number, (language, code) in enumerate(found):
        if language == 'nim':
            sources[number] = BUILD / f'page{number}.nim'
            sources[number].write_text(rewrite(code), encoding='utf-8')
    slots = Slots()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        compiled = dict(zip(sources, pool.map(slots.compile, sources.values())))
    said = ''
    try:
        for number, (language, code) in enumerate(found):
            if language == 'nim' and compiled[number].returncode:
                problems.append(compiled[number].stdout + compiled[number].stderr)
            elif language == 'nim' and 'listening on port' in code:
                problems.append(serve(sources[number].with_suffix(''), code, ports, servers))
            elif language == 'nim':
                problem, said = run(sources[number].with_suffix(''))
                problems.append(problem)
            elif language == 'text':
                problems.append('' if said.strip() == rewrite(code).strip() else f'says {said}\ninstead of {code}')
            else:
                problems += ask(code, rewrite)
    finally:
        for server in servers:
            server.kill()
            server.communicate()
    failed = [problem for problem in problems if problem]
    print(*[f'docs/nim.md: {problem}' for problem in failed], sep='\n', end='\n' if failed else '')
    print(f'{len(problems) - len(failed)} passed, {len(failed)} failed, 0 skipped')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
