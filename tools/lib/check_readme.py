#!/usr/bin/env python3
"""Holds the README to its word: every path and link in it exists, every function it names is in the
headers, and its C program compiles without a warning."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INCLUDES = [f'-I{ROOT}/{folder}' for folder in ('include', 'include/socketpoll', 'build/release/include',
                                                'build/release/include/socketpoll')]


def missing_paths(text):
    links = re.findall(r'\]\(([^)#]+)\)', text)
    commands = re.findall(r'(?:\./|\b)(?:tools|bench|docs|examples)/[\w.-]+', text)
    for path in sorted({link for link in links if '://' not in link} | set(commands)):
        if not (ROOT / path).exists():
            yield f'{path} does not exist'


def unknown_functions(text):
    known = set((ROOT / 'src/socketpoll.symbols').read_text(encoding='utf-8').split())
    for name in sorted(set(re.findall(r'\b(Socket\w*_[a-z]\w*) ?\(', text))):
        if name not in known:
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
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    problems = [*missing_paths(text), *unknown_functions(text), *compile_errors(text)]
    print('\n'.join(problems) or 'README.md keeps its word')
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    main()
