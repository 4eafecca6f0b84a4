"""libclang, wherever this machine has its Python module: Debian's belongs to Debian's own Python, and
another one may come first on PATH."""
import os
import sys

DEBIANS = '/usr/bin/python3'

try:
    from clang import cindex
except ImportError:
    if os.path.realpath(sys.executable) == os.path.realpath(DEBIANS) or not os.path.exists(DEBIANS):
        sys.exit('libclang for Python is missing: please install python3-clang')
    os.execv(DEBIANS, [DEBIANS, *sys.argv])

CursorKind, TypeKind = cindex.CursorKind, cindex.TypeKind


class Failure(Exception):
    pass


def parse(path, made, arguments):
    """`path` as a translation unit; `made` are files that exist only here: path -> text."""
    unit = cindex.Index.create().parse(str(path), [*arguments, '-fparse-all-comments'],
                                       unsaved_files=[(str(name), text) for name, text in made.items()])
    problems = [one for one in unit.diagnostics if one.severity >= cindex.Diagnostic.Warning]
    if problems:
        raise Failure('\n'.join(map(str, problems)))
    return unit
