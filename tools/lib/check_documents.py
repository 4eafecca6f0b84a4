#!/usr/bin/env python3
"""Holds the documents to their word: every path and link exists, every function and constant that they
name is in the headers, and the C programs of the README and of the page about TLS compile without a warning."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INCLUDES = [f'-I{ROOT}/{folder}' for folder in ('include', 'include/socketpoll', 'build/release/include',
                                                'build/release/include/socketpoll')]

# Named by documents and no part of the interface that the manifest has.
MACROS = {'SOCKET_API', 'SOCKET_NULLABLE', 'SOCKET_LENT', 'SOCKET_OPAQUE'}


def missing_paths(text, folder):
    links = re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', text)
    commands = re.findall(r'(?:\./|(?<![\w/.-]))(?:tools|bench|docs|examples|bindings)/[\w.-]+[\w-]', text)
    for link in sorted({link for link in links if '://' not in link}):
        if not (folder / link).exists():
            yield f'{link} does not exist'
    for path in sorted(set(commands)):
        if not (ROOT / path).exists() and not (folder / path).exists():
            yield f'{path} does not exist'


def unknown_names(text, manifest):
    known = {one['name'] for kind in ('functions', 'constants', 'structs', 'handles', 'callbacks') for one in manifest[kind]}
    named = re.findall(r'\bSocket\w*_[a-z]\w*\b|\bSocket\w*_T\b|\bSOCKET_[A-Z][A-Z_0-9]*[A-Z0-9]\b(?!…|\*|_)', text)
    for name in sorted(set(named) - known - MACROS):
        yield f'no header declares {name}'


def compile_errors(text):
    programs = re.findall(r'^```c\n(.*?)^```', text, re.S | re.M)
    if not programs:
        yield 'no C program'
    for program in programs:
        with tempfile.NamedTemporaryFile('w', suffix='.c', encoding='utf-8') as source:
            source.write(program)
            source.flush()
            for compiler in ('gcc', 'clang'):
                outcome = subprocess.run([compiler, '-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Werror',
                                          '-fsyntax-only', *INCLUDES, source.name],
                                         check=False, capture_output=True, text=True)
                if outcome.returncode:
                    yield f'its C program does not compile:\n{outcome.stderr}'
                    break


def main():
    manifest = json.loads((ROOT / 'bindings/abi.json').read_text(encoding='utf-8'))
    documents = [ROOT / 'README.md', *sorted(ROOT.glob('docs/*.md')), *sorted(ROOT.glob('bindings/**/*.md'))]
    failed = False
    for path in documents:
        text = path.read_text(encoding='utf-8')
        problems = [*missing_paths(text, path.parent), *unknown_names(text, manifest)]
        if path in (ROOT / 'README.md', ROOT / 'docs/tls.md'):
            problems += compile_errors(text)
        failed |= bool(problems)
        print(*([f'{path.relative_to(ROOT)}: {problem}' for problem in problems] or
                [f'{path.relative_to(ROOT)} keeps its word']), sep='\n')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
