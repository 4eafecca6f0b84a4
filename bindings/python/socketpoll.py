"""socketpoll for Python, by ctypes: made of the manifest alone, to show that it is enough.

Every function of the library is here under its own name, every constant too. What returns a negative
code, or NULL, raises Failure; SocketPoll_* tell by errno, as in C.

    loop = SocketLoop_new()
    for event in wait(loop):
        if event.kind == SOCKET_DATA: SocketStream_write(event.subject, event.data, event.length)
"""
import ctypes
import json
import os
import pathlib

_manifest = json.loads((pathlib.Path(__file__).resolve().parent.parent / 'abi.json').read_text(encoding='utf-8'))


def _load():
    name = f'lib{_manifest["library"]}.so.{_manifest["soversion"]}'
    folder = os.environ.get('SOCKETPOLL_LIBRARY_DIR')
    try:
        library = ctypes.CDLL(os.path.join(folder, name) if folder else name, use_errno=True)
    except OSError as problem:
        raise ImportError(f'{name} is missing: please install socketpoll {_manifest["version"]} ({problem})') from None
    library.Socket_version.restype = ctypes.c_char_p
    found = library.Socket_version().decode()
    if [int(n) for n in found.split('.')] < [int(n) for n in _manifest['version'].split('.')]:
        raise ImportError(f'socketpoll {found} is too old: please install {_manifest["version"]} or later')
    return library


class Failure(OSError):
    """`code` is the SOCKET_E... number, `name` its name; the text says what was tried, on what, and why."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.name = code, _library.Socket_error_name(code).decode()


_integers = {'void': None, 'char': ctypes.c_char} | {
    f'{sign}int{bits}': getattr(ctypes, f'c_{sign}int{bits}') for sign in ('', 'u') for bits in (8, 16, 32, 64)}
_structs = {}


def _type(name):
    kind, _, rest = name.partition(' ')
    if name == 'string':
        return ctypes.c_char_p
    if kind == 'struct':
        return _structs[rest]
    if kind in ('handle', 'callback', 'pointer', 'const'):
        # A word. Who wants to pass an array or an out variable gives byref() or an array of ctypes.
        return ctypes.c_void_p
    return _integers[name]


def _bind(function):
    """The function as Python calls it. Answers that are failures are raised."""
    name, returns = function['name'], function['returns']
    call = getattr(_library, name)
    call.argtypes = [_type(parameter['type']) for parameter in function['parameters']]
    call.restype = _type(returns)
    if not function['parameters'] or name.startswith('Socket_') or returns == 'void':
        return call
    failed = (lambda answer: answer is None) if returns.startswith('handle') else (lambda answer: answer < 0)
    if not returns.startswith(('handle', 'int')):
        return call

    def checked(*arguments):
        answer = call(*arguments)
        if failed(answer) and 'SocketPoll_' not in name:
            code = _library.Socket_last_error() if answer is None else answer
            raise Failure(code, f'{name}: {_library.Socket_last_error_message().decode()}')
        return answer
    checked.__name__, checked.__doc__ = name, function['text']
    return checked


for _struct in _manifest['structs']:
    _structs[_struct['name']] = type(_struct['name'], (ctypes.Structure,), {
        '_fields_': [(member['name'], _type(member['type'])) for member in _struct['members']]})
    assert ctypes.sizeof(_structs[_struct['name']]) == _struct['size']
_library = _load()
globals().update(_structs)
globals().update((constant['name'], constant['value']) for constant in _manifest['constants'])
globals().update((function['name'], _bind(function)) for function in _manifest['functions'])


def wait(loop, capacity=64, timeout_ms=-1):
    """What happens on the loop, until it is stopped or nothing does for so long."""
    events = (_structs['SocketCompletion_T'] * capacity)()
    while True:
        try:
            count = globals()['SocketLoop_wait'](loop, events, capacity, timeout_ms)
        except Failure as problem:
            if problem.name == 'SOCKET_ESTOPPED':
                return
            raise
        if count == 0:
            return
        yield from events[:count]
