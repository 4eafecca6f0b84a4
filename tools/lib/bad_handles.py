"""Generates test/generated/bad_handles.c: one cmocka test for each function that takes a handle.

The values that it is given and how the answer is judged are in test/bad_handles.h, written by hand.
"""
from dataclasses import dataclass

import headers


@dataclass
class Recipe:
    make: str           # an expression that makes a live handle; `loop` is a live loop
    alive: str = None   # a condition that holds while `handle` is live and unharmed
    where: str = None   # a macro that is defined on the only system that has it


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
    'SocketQuery_T': None,  # a query exists only for a loop's resolver hook
    'SocketHTTP_T': None,  # an exchange exists only inside a server's callback
}

# Functions whose returned number has no sign, so cannot carry an error: what a bad handle gives.
ANSWERS = {
}

BENIGN = {'handle': 'NULL', 'handle array': 'NULL', 'handle pointer': 'NULL', 'pointer': 'NULL', 'string': '"text"',
          'number': '0', 'callback': 'NULL'}


def judgement(function, interface):
    """Which macro of bad_handles.h judges the call, and its extra argument."""
    returns = function.returns
    if function.name in ANSWERS:
        return 'EXPECT_NUMBER', ANSWERS[function.name]
    if returns == 'void':
        return 'EXPECT_NO_CRASH', None
    if returns.endswith('*') or returns in interface.handles:
        return 'EXPECT_NULL', None
    if function.parameters[0].type == 'SocketCompletionPort_T':
        return 'EXPECT_NUMBER', 'BAD_COMPLETION_PORT'
    if function.name.startswith('SocketPoll_') and returns in headers.SIGNED:
        return 'EXPECT_ERRNO', None
    if returns in headers.SIGNED:
        return 'EXPECT_NUMBER', 'SOCKET_EBADHANDLE'
    raise headers.Unparsable(f'{function.header}:{function.line}: {function.name} returns {returns}, which '
                             'cannot say SOCKET_EBADHANDLE: see ANSWERS in tools/lib/bad_handles.py')


def call(function, position, live_first=None):
    arguments = []
    for i, parameter in enumerate(function.parameters):
        if i == position:
            arguments.append('&handle' if parameter.kind == 'handle array' else 'handle')
        elif i - 1 == position and function.parameters[position].kind == 'handle array':
            arguments.append('1')
        elif i == live_first:
            arguments.append(f'({parameter.type})live_handle(KIND_{parameter.type})')
        else:
            arguments.append(BENIGN[parameter.kind])
    return f'{function.name}({", ".join(arguments)})'


def handle_type(parameter):
    """SocketFuture_T, of a parameter that is one or an array of them."""
    return parameter.type.removeprefix('const ').removesuffix('*').strip()


def test_lines(function, interface):
    """The macro calls for one function, as (test name, line) pairs."""
    handles = [i for i, p in enumerate(function.parameters) if p.kind in ('handle', 'handle array')]
    variables = [i for i, p in enumerate(function.parameters) if p.kind == 'handle pointer']
    name = function.name
    if name.endswith('_free') and variables == [0] and len(function.parameters) == 1:
        type_name = function.parameters[0].type.split()[0]
        yield name, f'EXPECT_FREE({type_name}, {name})'
        return
    if not handles:
        if variables and not name.endswith('_new'):
            raise headers.Unparsable(f'{function.header}:{function.line}: {name} takes a handle only by '
                                     'pointer and is no _free: the test does not know what to expect')
        return
    macro, extra = judgement(function, interface)
    tail = f', {extra}' if extra else ''
    first = handles[0]
    type_name = handle_type(function.parameters[first])
    yield name, f'{macro}({type_name}, {name}, {call(function, first)}{tail})'
    for second in handles[1:]:
        if LIVE.get(type_name) and macro in ('EXPECT_NUMBER', 'EXPECT_NULL'):
            # Here NULL may well be legal.
            label = f'{name}_{function.parameters[second].name}'
            second_type = handle_type(function.parameters[second])
            attempt = f'handle ? {call(function, second, first)} : {extra or "NULL"}'
            yield label, f'{macro}({second_type}, {label}, {attempt}{tail})'


def check_table(interface):
    for handle, header in interface.handles.items():
        if handle not in LIVE:
            raise headers.Unparsable(f'{header}: tools/lib/bad_handles.py does not say how to make a live {handle}')
        destructor = handle.removesuffix('_T') + '_free'
        if LIVE[handle] and destructor not in (f.name for f in interface.functions):
            raise headers.Unparsable(f'{header}: no {destructor}')


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


def generate(interface):
    check_table(interface)
    kinds = [handle for handle in LIVE if handle in interface.handles]
    lines = ['/* Generated by tools/generate from the public headers; do not edit.',
             ' * Every function that takes a handle, given everything that is none. */',
             '#include "bad_handles.h"', '']
    lines += [f'#include "{header}"' for header in interface.headers if header != 'SocketExport.h']
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
    for header in interface.headers:
        block = [t for f in interface.functions if f.header == header for t in test_lines(f, interface)]
        if block:
            lines += [f'/* {header} */'] + [line for _, line in block] + ['']
            tests += [name for name, _ in block]
    lines += ['int main(void) {', '  const struct CMUnitTest tests[] = {']
    lines += [f'      cmocka_unit_test(bad_{name}),' for name in tests]
    lines += ['      cmocka_unit_test(live_handles_are_unharmed),', '  };',
              '  if (set_recipes(recipes)) return 1;',
              '  return cmocka_run_group_tests_name("bad handles", tests, make_live_handles,',
              '                                     free_live_handles);', '}', '']
    return '\n'.join(lines)
