"""A strict parser for the public headers: handles, types, functions.

It knows the few forms that the headers use and refuses everything else, so that no declaration is
ever skipped in silence.
"""
import re
from dataclasses import dataclass, field


class Unparsable(Exception):
    pass


@dataclass
class Parameter:
    type: str          # 'SocketLoop_T', 'const char *', ...; 'callback' for a function pointer
    name: str
    kind: str = ''     # handle, handle array, handle pointer, pointer, string, number, callback


@dataclass
class Function:
    name: str
    returns: str
    parameters: list
    header: str
    line: int


@dataclass
class Interface:
    headers: list = field(default_factory=list)
    handles: dict = field(default_factory=dict)    # 'SocketLoop_T' -> header
    functions: list = field(default_factory=list)
    callbacks: set = field(default_factory=set)    # typedef'd function pointers
    signatures: set = field(default_factory=set)   # typedef'd function types, used with a `*`
    records: set = field(default_factory=set)      # structs with a body, and their typedefs
    numbers: set = field(default_factory=set)      # enums and integer typedefs


PLAIN_NUMBERS = {
    'int', 'unsigned', 'long', 'char', 'short', 'float', 'double', 'size_t', 'intptr_t',
    'uintptr_t',
    *(f'{u}int{n}_t' for u in ('', 'u') for n in (8, 16, 32, 64)),
}

# Which returned numbers can say "bad handle": the negative codes need a sign.
SIGNED = {'int', 'long', 'int8_t', 'int16_t', 'int32_t', 'int64_t', 'intptr_t'}


def without_comments_and_directives(text):
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group())
    text = re.sub(r'/\*.*?\*/|//[^\n]*', blank, text, flags=re.S)
    # What only C++ sees opens and closes a linkage block, and declares nothing.
    text = re.sub(r'^[ \t]*#[ \t]*if(?:def[ \t]+|[ \t]+defined[ \t(]*)__cplusplus\b.*?^[ \t]*#[ \t]*endif[^\n]*',
                  blank, text, flags=re.S | re.M)
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', blank, text, flags=re.M | re.S)


def declarations(text):
    """(line, text) of each declaration at the top level, braces and all, without its `;`."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        if char == '{':
            depth += 1
        elif char == '}':
            depth -= 1
        elif char == ';' and depth == 0:
            piece = text[start:at]
            lead = len(piece) - len(piece.lstrip())
            yield text.count('\n', 0, start + lead) + 1, ' '.join(piece.split())
            start = at + 1
    if text[start:].strip():
        raise Unparsable(f'no end to: {" ".join(text[start:].split())[:80]}')


def split_parameters(text):
    depth, pieces = 0, ['']
    for char in text:
        depth += (char == '(') - (char == ')')
        if char == ',' and depth == 0:
            pieces.append('')
        else:
            pieces[-1] += char
    pieces = [piece.strip() for piece in pieces]
    return [] if pieces in (['void'], ['']) else pieces


def parse_typedef(body, interface, header):
    if match := re.fullmatch(r'struct (\w+) ?\* ?(\w+)', body):
        if match.group(2) != match.group(1) + '_T':
            raise Unparsable(f'handle {match.group(2)} should be called {match.group(1)}_T')
        interface.handles.setdefault(match.group(2), header)
    elif match := re.fullmatch(r'(?:struct|union)(?: \w+)?(?: ?\{.*\})? ?(\w+)', body):
        interface.records.add(match.group(1))
    elif match := re.fullmatch(r'enum(?: \w+)?(?: ?\{.*\})? ?(\w+)', body):
        interface.numbers.add(match.group(1))
    elif match := re.fullmatch(r'[\w ]+[ *]+\( ?\* ?(\w+) ?\) ?\(.*\)', body):
        interface.callbacks.add(match.group(1))
    elif match := re.fullmatch(r'[\w ]+?[ *]+(\w+) ?\(.*\)', body):
        interface.signatures.add(match.group(1))
    elif (match := re.fullmatch(r'(\w+) (\w+)', body)) and match.group(1) in PLAIN_NUMBERS:
        interface.numbers.add(match.group(2))
    else:
        raise Unparsable('this typedef has no known form')


def parse_parameter(text):
    if match := re.fullmatch(r'[\w ]+[ *]+\( ?\* ?(\w+) ?\) ?\(.*\)', text):
        return Parameter('callback', match.group(1))
    match = re.fullmatch(r'((?:const |enum |struct |unsigned |long )*\w+(?: ?(?:\*|const))*)(?: |(?<=\*))(\w+)', text)
    if not match:
        raise Unparsable(f'parameter "{text}" has no known form (each needs a name)')
    return Parameter(re.sub(r' ?\*', ' *', match.group(1)).replace('* *', '**'), match.group(2))


def parse_function(text):
    match = re.fullmatch(r'SOCKET_API ([\w ]+?(?: ?\*)*) ?(\w+) ?\((.*)\)', text)
    if not match:
        raise Unparsable('this prototype has no known form')
    returns, name, parameters = match.groups()
    if not name.startswith('Socket'):
        raise Unparsable(f'{name} does not start with Socket')
    return name, re.sub(r' ?\*', ' *', returns), [parse_parameter(p) for p in split_parameters(parameters)]


def parse_header(path, interface):
    name = path.name.removesuffix('.in')
    interface.headers.append(name)
    text = without_comments_and_directives(path.read_text(encoding='utf-8'))
    for line, declaration in declarations(text):
        try:
            if declaration.startswith('SOCKET_API '):
                interface.functions.append(Function(*parse_function(declaration), name, line))
            elif declaration.startswith('typedef '):
                parse_typedef(declaration.removeprefix('typedef '), interface, name)
            elif match := re.fullmatch(r'(struct|enum|union) (\w+)(?: ?\{.*\})?', declaration):
                (interface.numbers if match.group(1) == 'enum' else interface.records).add(match.group(2))
            else:
                raise Unparsable('no SOCKET_API prototype, typedef, struct or enum')
        except Unparsable as problem:
            raise Unparsable(f'{path}:{line}: {problem}: {declaration[:120]}') from None


def kind_of(parameter, interface):
    if parameter.type == 'callback' or parameter.type in interface.callbacks:
        return 'callback'
    words = [w for w in re.findall(r'\w+|\*', parameter.type) if w not in ('const', 'struct', 'enum', 'unsigned', 'long')]
    base, stars = (words[0] if words[:1] != ['*'] else 'int') if words else 'int', words.count('*')
    if base in interface.handles and stars == 1 and parameter.type.startswith('const '):
        return 'handle array'
    if base in interface.handles:
        return ('handle', 'handle pointer', 'pointer')[min(stars, 2)]
    if base in interface.signatures and stars == 1:
        return 'callback'
    if parameter.type == 'const char *':
        return 'string'
    if stars and (base in PLAIN_NUMBERS | interface.records | interface.numbers | {'void'} or base in interface.callbacks):
        return 'pointer'
    if base in PLAIN_NUMBERS | interface.numbers and not stars:
        return 'number'
    raise Unparsable(f'parameter type "{parameter.type}" is unknown')


def read(folder):
    interface = Interface()
    paths = sorted([*folder.glob('*.h'), *folder.glob('*.h.in')])
    if not paths:
        raise Unparsable(f'no headers in {folder}')
    for path in paths:
        parse_header(path, interface)
    names = set()
    for function in interface.functions:
        where = f'{function.header}:{function.line}: {function.name}'
        if function.name in names:
            raise Unparsable(f'{where} is declared twice')
        names.add(function.name)
        for parameter in function.parameters:
            try:
                parameter.kind = kind_of(parameter, interface)
            except Unparsable as problem:
                raise Unparsable(f'{where}: {problem}') from None
    return interface
