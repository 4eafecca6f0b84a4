"""Generates test/generated/bad_handles.c: one cmocka test for each function that takes a handle, and
one for each pointer, string and callback that is required.

The values that it is given and how the answer is judged are in test/bad_handles.h, written by hand.
"""
from dataclasses import dataclass

from manifest import Unparsable


@dataclass
class Recipe:
    make: str           # an expression that makes a live handle; `loop` is a live loop
    alive: str = None   # a condition that holds while `handle` is live and unharmed
    where: str = None   # a macro that is defined where it can be had


# How to make a live handle of each type, in the order in which they can be made. None: no live one
# can be had in this test, so its functions see every other bad value but no freed handle.
LIVE = {
    'SocketPoll_T': Recipe('SocketPoll_new(4)', 'SocketPoll_wakeup(handle) == 0'),
    'SocketLoop_T': Recipe('SocketLoop_new()'),
    'SocketTimer_T': Recipe('SocketTimer_new(loop)'),
    'SocketWatch_T': Recipe('SocketWatch_new(loop, fresh_fd(), 1)'),
    'SocketListener_T': Recipe('SocketListener_new(loop)'),
    'SocketStream_T': Recipe('SocketStream_connect(loop, "127.0.0.1:9", -1)'),
    'SocketHTTPServer_T': Recipe('SocketHTTPServer_new(loop)'),
    'SocketFuture_T': Recipe('SocketFuture_new(loop)'),
    'SocketDgram_T': Recipe('SocketDgram_new(loop)'),
    'SocketBuf_T': Recipe('SocketBuf_new(64)'),
    'SocketBufPool_T': Recipe('SocketBufPool_new(64, 2)'),
    'SocketPipeline_T': Recipe('SocketPipeline_new(loop)'),
    'SocketLimiter_T': Recipe('SocketLimiter_new(loop, 1000, 1000)'),
    'SocketWorkers_T': Recipe('SocketWorkers_new()'),
    'SocketSimulation_T': Recipe('SocketSimulation_new(1)'),
    'SocketCompletionPort_T': Recipe('SocketCompletionPort_new(0)',
                                     'SocketCompletionPort_post(handle, 1, 1, NULL) == 0', '_WIN32'),
    'SocketTLS_T': Recipe('SocketTLS_new_client()', where='TEST_TLS'),
    'SocketQuery_T': None,  # a query exists only for a loop's resolver hook
    'SocketHTTP_T': None,  # an exchange exists only inside a server's callback
}

# Functions whose returned number has no sign, so cannot carry an error: what a bad handle gives.
ANSWERS = {
}

BENIGN = {'handle': 'NULL', 'pointer': 'NULL', 'string': '"text"', 'number': '0', 'callback': 'NULL'}


def kind_of(parameter):
    """handle, handles (an array of them), variable (of a handle), pointer, string, callback, number"""
    words = parameter['type'].split()
    if words[:3] == ['const', 'pointer', 'handle']:
        return 'handles'
    if words[:2] == ['pointer', 'handle']:
        return 'variable'
    if 'pointer' in words:
        return 'pointer'
    return words[0] if words[0] in ('handle', 'string', 'callback') else 'number'


def handle_type(parameter):
    """SocketFuture_T, of a parameter that is one or an array of them."""
    return parameter['type'].split()[-1]


def judgement(function):
    """Which macro of bad_handles.h judges the call, and its extra argument."""
    name, returns = function['name'], function['returns']
    if name in ANSWERS:
        return 'EXPECT_NUMBER', ANSWERS[name]
    if returns == 'void':
        return 'EXPECT_NO_CRASH', None
    if returns == 'string' or returns.startswith(('handle', 'pointer', 'const pointer')):
        return 'EXPECT_NULL', None
    if function['parameters'][0]['type'] == 'handle SocketCompletionPort_T':
        return 'EXPECT_NUMBER', 'BAD_COMPLETION_PORT'
    if name.startswith('SocketPoll_') and returns.startswith('int'):
        return 'EXPECT_ERRNO', None
    if returns.startswith('int'):
        return 'EXPECT_NUMBER', 'SOCKET_EBADHANDLE'
    raise Unparsable(f'{function["header"]}: {name} returns {returns}, which '
                     'cannot say SOCKET_EBADHANDLE: see ANSWERS in tools/lib/bad_handles.py')


def call(function, position, live_first=None):
    arguments = []
    kinds = [kind_of(parameter) for parameter in function['parameters']]
    for i, parameter in enumerate(function['parameters']):
        if i == position:
            arguments.append('&handle' if kinds[i] == 'handles' else 'handle')
        elif i - 1 == position and kinds[position] == 'handles':
            arguments.append('1')
        elif i == live_first:
            arguments.append(f'({handle_type(parameter)})live_handle(KIND_{handle_type(parameter)})')
        else:
            arguments.append(BENIGN.get(kinds[i], 'NULL'))
    return f'{function["name"]}({", ".join(arguments)})'


def test_lines(function):
    """The macro calls for one function, as (test name, line) pairs."""
    kinds = [kind_of(parameter) for parameter in function['parameters']]
    handles = [i for i, kind in enumerate(kinds) if kind in ('handle', 'handles')]
    name = function['name']
    if name.endswith('_free') and kinds == ['variable']:
        yield name, f'EXPECT_FREE({handle_type(function["parameters"][0])}, {name})'
        return
    if not handles:
        if 'variable' in kinds and not name.endswith('_new'):
            raise Unparsable(f'{function["header"]}: {name} takes a handle only by '
                             'pointer and is no _free: the test does not know what to expect')
        return
    macro, extra = judgement(function)
    tail = f', {extra}' if extra else ''
    first = handles[0]
    type_name = handle_type(function['parameters'][first])
    yield name, f'{macro}({type_name}, {name}, {call(function, first)}{tail})'
    for second in handles[1:]:
        if LIVE.get(type_name) and macro in ('EXPECT_NUMBER', 'EXPECT_NULL'):
            # Here NULL may well be legal.
            label = f'{name}_{function["parameters"][second]["name"]}'
            second_type = handle_type(function['parameters'][second])
            attempt = f'handle ? {call(function, second, first)} : {extra or "NULL"}'
            yield label, f'{macro}({second_type}, {label}, {attempt}{tail})'


def missing_code(function, parameter):
    """What a call must say that lacks this argument."""
    if function['name'].startswith('SocketPoll_'):
        return '-1'
    if function['parameters'][0]['type'] == 'handle SocketCompletionPort_T':
        return 'NO_ARGUMENT_OF_PORT'
    return 'SOCKET_EADDRESS' if parameter['name'] in ('group', 'source') else 'SOCKET_EINVAL'


def missing_lines(function):
    """For each required argument that is no handle: the call without it, all else being there."""
    kinds = [kind_of(parameter) for parameter in function['parameters']]
    if any(kind in ('handle', 'handles') and not LIVE[handle_type(parameter)]
           for kind, parameter in zip(kinds, function['parameters'])):
        return
    there = {'string': lambda p: '"text"', 'number': lambda p: '1', 'variable': lambda p: '(void *)scratch',
             'pointer': lambda p: '(void *)scratch', 'handles': lambda p: '(void *)scratch',
             'callback': lambda p: f'({p["type"].split()[1]})unused_callback',
             'handle': lambda p: f'({handle_type(p)})live_handle(KIND_{handle_type(p)})'}
    arguments = [there[kind](parameter) for kind, parameter in zip(kinds, function['parameters'])]
    for i, parameter in enumerate(function['parameters']):
        if kinds[i] == 'handle' or parameter.get('nullable', True):
            continue
        call = f'{function["name"]}({", ".join([*arguments[:i], "NULL", *arguments[i + 1:]])})'
        macro = judgement(function)[0].replace('NUMBER', 'ERROR').replace('ERRNO', 'ERROR')
        label = f'{function["name"]}_{parameter["name"]}'
        wanted = f', {missing_code(function, parameter)}' if macro == 'EXPECT_ERROR' else ''
        yield label, f'WITHOUT_{macro}({label}, {call}{wanted})'


def check_table(manifest):
    for handle in manifest['handles']:
        name = handle['name']
        if name not in LIVE:
            raise Unparsable(f'{handle["header"]}: tools/lib/bad_handles.py does not say how to make a live {name}')
        if LIVE[name] and not handle['free']:
            raise Unparsable(f'{handle["header"]}: no {name.removesuffix("_T")}_free')


def maker(handle):
    recipe = LIVE[handle]
    lines = [f'#if defined({recipe.where})'] if recipe.where else []
    lines += [f'static void *make_{handle}(void) {{']
    if 'loop' in recipe.make:
        lines.append('  SocketLoop_T loop = (SocketLoop_T)live_handle(KIND_SocketLoop_T);')
    lines += [f'  return (void *){recipe.make};', '}',
              f'static void free_{handle}(void *word) {{',
              f'  {handle} handle = ({handle})word;',
              f'  {handle.removesuffix("_T")}_free(&handle);', '}']
    if recipe.alive:
        lines += [f'static int alive_{handle}(void *word) {{',
                  f'  {handle} handle = ({handle})word;',
                  f'  return {recipe.alive};', '}']
    if recipe.where:
        lines += ['#endif']
    return lines


def generate(manifest):
    check_table(manifest)
    names = {handle['name'] for handle in manifest['handles']}
    kinds = [handle for handle in LIVE if handle in names]
    lines = ['/* Generated by tools/generate from the public headers; do not edit.',
             ' * Every function that takes a handle, given everything that is none. */',
             '#include "bad_handles.h"', '']
    lines += [f'#include "{header}"' for header in manifest['headers'] if header != 'SocketExport.h']
    lines += ['', 'enum kind {'] + [f'  KIND_{handle},' for handle in kinds] + ['  KIND_COUNT', '};', '']
    for handle in kinds:
        if LIVE[handle]:
            lines += maker(handle) + ['']
    lines.append('static const struct recipe recipes[] = {')
    for handle in kinds:
        recipe = LIVE[handle]
        if recipe and recipe.where:
            lines += [f'#if !defined({recipe.where})', f'    {{"{handle}", NULL, NULL, NULL}},', '#else']
        if recipe:
            alive = f'alive_{handle}' if recipe.alive else 'NULL'
            lines.append(f'    {{"{handle}", make_{handle}, free_{handle}, {alive}}},')
            if recipe.where:
                lines.append('#endif')
        else:
            lines.append(f'    {{"{handle}", NULL, NULL, NULL}},')
    lines += ['    {NULL, NULL, NULL, NULL},', '};', '']
    tests = []
    for header in manifest['headers']:
        block = [t for f in manifest['functions'] if f['header'] == header for t in test_lines(f)]
        if block:
            lines += [f'/* {header} */'] + [line for _, line in block] + ['']
            tests += [name for name, _ in block]
    lines += ['/* What is required and not there. */']
    missing = [t for function in manifest['functions'] for t in missing_lines(function)]
    lines += [line for _, line in missing] + ['']
    lines += ['int main(void) {', '  const struct CMUnitTest tests[] = {']
    lines += [f'      cmocka_unit_test(bad_{name}),' for name in tests]
    lines += [f'      cmocka_unit_test(without_{name}),' for name, _ in missing]
    lines += ['      cmocka_unit_test(live_handles_are_unharmed),', '  };',
              '  if (set_recipes(recipes)) return 1;',
              '  return cmocka_run_group_tests_name("bad handles", tests, make_live_handles,',
              '                                     free_live_handles);', '}', '']
    return '\n'.join(lines)
