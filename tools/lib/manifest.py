"""The manifest of the ABI, made from the public headers by libclang: what a binding has to know, as
plain data. bindings/README.md explains its members; tools/generate writes it to bindings/abi.json
and makes everything else of it.

It knows the few forms that the headers use and refuses everything else, so that no declaration is
ever skipped in silence.
"""
import json
import re

import libclang
from libclang import CursorKind, TypeKind


class Unparsable(Exception):
    pass


INTEGERS = {
    TypeKind.INT: 'int32', TypeKind.UINT: 'uint32', TypeKind.LONG: 'int64', TypeKind.ULONG: 'uint64',
    TypeKind.LONGLONG: 'int64', TypeKind.ULONGLONG: 'uint64', TypeKind.SHORT: 'int16',
    TypeKind.USHORT: 'uint16', TypeKind.SCHAR: 'int8', TypeKind.UCHAR: 'uint8',
    TypeKind.VOID: 'void', TypeKind.CHAR_S: 'char', TypeKind.BOOL: 'bool',
}


def fail(cursor, problem):
    raise Unparsable(f'{cursor.location.file}:{cursor.location.line}: {cursor.spelling}: {problem}')


def type_name(kind):
    """int32, void, string, handle SocketLoop_T, callback SocketCallback_T, struct SocketEvent_T,
    pointer T, const pointer T."""
    if kind.kind == TypeKind.ELABORATED:
        return type_name(kind.get_named_type())
    name = kind.spelling.removeprefix('const ')
    canonical = kind.get_canonical()
    if kind.kind == TypeKind.TYPEDEF and re.fullmatch(r'Socket\w+_T', name):
        if canonical.kind == TypeKind.POINTER:
            target = canonical.get_pointee()
            is_call = target.kind in (TypeKind.FUNCTIONPROTO, TypeKind.FUNCTIONNOPROTO)
            return ('callback ' if is_call else 'handle ') + name
        return 'struct ' + name
    if canonical.kind in INTEGERS:
        return INTEGERS[canonical.kind]
    if canonical.kind == TypeKind.POINTER:
        target = kind.get_pointee() if kind.kind == TypeKind.POINTER else canonical.get_pointee()
        inner = type_name(target)
        if inner == 'char' and target.is_const_qualified():
            return 'string'
        return f'{"const " if target.is_const_qualified() else ""}pointer {inner}'
    raise Unparsable(f'the type "{kind.spelling}" has no place in the interface')


def text_of(cursor):
    comment = cursor.raw_comment or ''
    comment = re.sub(r'^/\*+<?|\*/$', '', comment)
    return ' '.join(re.sub(r'^\s*\*', '', line).strip() for line in comment.splitlines()).strip()


# What SocketExport.h can say of a parameter beside its type.
MARKS = {'nullable', 'lent', 'opaque'}


def parameter(cursor):
    name, kind = cursor.spelling, type_name(cursor.type)
    marks = {child.spelling for child in cursor.get_children() if child.kind == CursorKind.ANNOTATE_ATTR}
    if not name:
        fail(cursor, 'a parameter without a name')
    if marks - MARKS:
        fail(cursor, f'unknown marks {marks - MARKS}')
    made = {'name': name, 'type': kind}
    if 'opaque' in marks or name == 'user' and kind == 'pointer void':
        return made | {'role': 'opaque', 'nullable': True}
    if kind == 'string' or kind.startswith(('const pointer', 'handle', 'callback')) or ' ' not in kind:
        made['role'] = 'in'
    else:
        made['role'] = 'out'
    if kind == 'string' or ' ' in kind:
        made['nullable'] = 'nullable' in marks
    if 'lent' in marks:
        made['lent'] = True
    return made


def prototype(cursor, kind=None):
    try:
        made = {'returns': type_name((kind or cursor.type).get_result())}
        made['parameters'] = [parameter(child) for child in cursor.get_children()
                              if child.kind == CursorKind.PARM_DECL]
    except Unparsable as problem:
        fail(cursor, problem)
    names = [p['name'] for p in made['parameters']]
    for before, after in zip(made['parameters'], names[1:]):
        # bytes, capacity: how much there is, or there is room for
        if after in ('length', 'capacity', 'count', 'bytes') and 'pointer' in before['type']:
            before['counted_by'] = after
    if made['parameters'] and made['returns'] == 'void' and made['parameters'][0]['type'].startswith('pointer handle'):
        made['parameters'][0] |= {'role': 'inout', 'nullable': True}
    return made


def structure(cursor, name):
    layout = cursor.type
    return {'name': name, 'size': layout.get_size(), 'align': layout.get_align(), 'text': text_of(cursor),
            'members': [{'name': f.spelling, 'type': type_name(f.type), 'size': f.type.get_size(),
                         'offset': layout.get_offset(f.spelling) // 8} for f in layout.get_fields()]}


class Reader:
    def __init__(self):
        self.handles, self.callbacks, self.structs = [], [], []
        self.constants, self.functions, self.headers = [], [], []
        self.comment = ''

    def read(self, cursor, header):
        if cursor.kind == CursorKind.FUNCTION_DECL:
            self.function(cursor, header)
        elif cursor.kind == CursorKind.TYPEDEF_DECL:
            self.typedef(cursor, header)
        elif cursor.kind == CursorKind.ENUM_DECL:
            self.constants += [{'name': one.spelling, 'value': one.enum_value, 'of': cursor.spelling,
                                'header': header, 'text': text_of(one)} for one in cursor.get_children()]
        elif cursor.kind == CursorKind.LINKAGE_SPEC or cursor.kind == CursorKind.UNEXPOSED_DECL:
            for child in cursor.get_children():
                self.read(child, header)
        elif cursor.kind != CursorKind.STRUCT_DECL:
            fail(cursor, f'no function, typedef, struct or enum: {cursor.kind}')

    def typedef(self, cursor, header):
        under = cursor.underlying_typedef_type
        target = under.get_canonical()
        name = cursor.spelling
        if target.kind == TypeKind.POINTER and target.get_pointee().kind == TypeKind.FUNCTIONPROTO:
            self.callbacks.append({'name': name, 'header': header, 'text': text_of(cursor)} |
                                  prototype(cursor, target.get_pointee()))
        elif target.kind == TypeKind.POINTER:
            if target.get_pointee().get_declaration().spelling + '_T' != name:
                fail(cursor, f'a handle that is not called {target.get_pointee().get_declaration().spelling}_T')
            self.handles.append({'name': name, 'header': header, 'text': text_of(cursor)})
        elif target.kind == TypeKind.RECORD:
            self.structs.append(structure(target.get_declaration(), name) | {'header': header})
        else:
            fail(cursor, 'this typedef has no known form')

    def function(self, cursor, header):
        name = cursor.spelling
        if not name.startswith('Socket'):
            fail(cursor, f'{name} does not start with Socket')
        if any(one['name'] == name for one in self.functions):
            fail(cursor, 'declared twice')
        # Several declarations in a row share the comment above the first.
        self.comment = text_of(cursor) or self.comment
        if not self.comment:
            fail(cursor, 'no comment')
        self.functions.append({'name': name, 'header': header} |
                              prototype(cursor) | {'text': self.comment})


def errors(functions, constants, handles):
    """Adds to each function the errors that its comment names, those of the functions that it says
    it is like, and those that the headers say once for all."""
    known = {one['name'] for one in constants}
    codes = {one['name'] for one in constants if one['of'] == 'SocketError'}
    by_name = {one['name']: one for one in functions}
    own = {}
    for one in functions:
        found = {code for code in re.findall(r'\bSOCKET_E[A-Z]+\b', one['text'])}
        if one['name'].startswith('SocketPoll_'):
            found |= {'SOCKET_' + word for word in re.findall(r'\bE[A-Z]{3,}\b', one['text'])} & codes
        if found - known:
            raise Unparsable(f'{one["header"]}: {one["name"]}: no such error: {found - known}')
        found &= codes
        if any(p['type'].removeprefix('const ').removeprefix('pointer ') in handles and 'pointer' not in p['type']
               for p in one['parameters']):
            found.add('SOCKET_EBADHANDLE')
        own[one['name']] = found

    def all_of(one, above):
        # Said by pointing at another: "errors as of SocketDgram_reply", "otherwise as ...".
        names = re.findall(r'\b(?:as|As|that) (?:of |for |in )?(Socket\w+_\w+)', one['text'])
        like = [by_name[name] for name in names if name in by_name and name not in above]
        return own[one['name']].union(*(all_of(other, above | {other['name']}) for other in like))

    for one in functions:
        one['errors'] = sorted(all_of(one, {one['name']}))


def read(root):
    folder = root / 'include' / 'socketpoll'
    version = re.search(r"version: '(\d+)\.(\d+)\.(\d+)'", (root / 'meson.build').read_text(encoding='utf-8'))
    numbers = dict(zip(('MAJOR', 'MINOR', 'PATCH'), version.groups()), VERSION='.'.join(version.groups()))
    made = {folder / 'SocketVersion.h': re.sub(r'@(\w+)@', lambda m: numbers[m.group(1)],
                                               (folder / 'SocketVersion.h.in').read_text(encoding='utf-8'))}
    reader = Reader()
    paths = sorted([*folder.glob('*.h'), *made])
    for path in paths:
        # Only what is the header's own: each is read once, whoever includes it.
        try:
            unit = libclang.parse(path, made, ['-std=c11', f'-I{folder}', '-DSOCKETPOLL_MANIFEST'])
        except libclang.Failure as problem:
            raise Unparsable(problem) from None
        reader.headers.append(path.name)
        reader.comment = ''
        for cursor in unit.cursor.get_children():
            if cursor.location.file and cursor.location.file.name == str(path):
                reader.read(cursor, path.name)
    handles = {'handle ' + one['name'] for one in reader.handles}
    errors(reader.functions, reader.constants, handles)
    names = {one['name'] for one in reader.functions}
    for one in reader.handles:
        destructor = one['name'].removesuffix('_T') + '_free'
        one['free'] = destructor if destructor in names else None
    return {'library': 'socketpoll', 'version': numbers['VERSION'], 'soversion': 0, 'pointer_size': 8,
            'headers': reader.headers, 'constants': reader.constants, 'structs': reader.structs,
            'handles': reader.handles, 'callbacks': reader.callbacks, 'functions': reader.functions}


def to_json(manifest):
    """One line an entry, so that a change reads as a change of that entry."""
    parts = []
    for key, value in manifest.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ',\n'.join('    ' + json.dumps(one, ensure_ascii=False) for one in value)
            parts.append(f'  {json.dumps(key)}: [\n{rows}\n  ]')
        else:
            parts.append(f'  {json.dumps(key)}: {json.dumps(value)}')
    return '{\n' + ',\n'.join(parts) + '\n}\n'
