#!/usr/bin/env python3
"""Reads a meson testlog.json and prints "PASSED FAILED SKIPPED" test cases, or what failed.

  count_tests.py LOG
  count_tests.py --failed LOG

The numbers are cmocka's own, per executable. A program that is no cmocka test counts as one. One
that crashed or hung before cmocka could report adds one failure, whatever it had passed until then.
"""
import collections
import json
import re
import sys

NUMBER = {
    'passed': re.compile(r'^\[  PASSED  \] (\d+) test\(s\)', re.M),
    'failed': re.compile(r'^\[  FAILED  \] (?:.*: )?(\d+) test\(s\)', re.M),
    'skipped': re.compile(r'^\[  SKIPPED \] (?:.*: )?(\d+) test\(s\)', re.M),
}


def count(record):
    text = record.get('stdout', '') + '\n' + record.get('stderr', '')
    seen = {what: sum(map(int, pattern.findall(text))) for what, pattern in NUMBER.items()}
    good = record['result'] in ('OK', 'EXPECTEDFAIL')
    if record['result'] == 'SKIP':
        return 0, 0, max(1, seen['skipped'])
    if good and not any(seen.values()):
        # cmocka that had nothing to run is no success; a program of another kind is one case.
        seen['failed' if '[==========]' in text else 'passed'] = 1
    if not good and not seen['failed']:
        seen['failed'] = 1
    return seen['passed'], seen['failed'], seen['skipped']


def failure(record):
    """Which program failed in which cases, and the last lines that each of these cases printed."""
    yield f"{record['name']}: {record['result']}, exit status {record['returncode']}"
    case, said = '', collections.deque(maxlen=12)
    for line in (record.get('stdout', '') + '\n' + record.get('stderr', '')).splitlines():
        if line.startswith('[ RUN      ]'):
            case = line[13:].strip()
            said.clear()
        elif line.startswith('[  FAILED  ]') and case and case in line:
            yield f'  {case}'
            yield from (f'    {text}' for text in said)
            case = ''
        elif not line.startswith('[       OK ]'):
            said.append(line)
    if case and '[==========]' not in '\n'.join(said):  # It ended inside this one.
        yield f'  ended in {case}'
        yield from (f'    {text}' for text in said)


def records(path):
    try:
        with open(path, encoding='utf-8') as log:
            yield from map(json.loads, log)
    except FileNotFoundError:
        pass  # meson writes no log when no test was chosen


def main():
    if sys.argv[1] == '--failed':
        for record in records(sys.argv[2]):
            if record['result'] not in ('OK', 'EXPECTEDFAIL', 'SKIP'):
                print(*failure(record), sep='\n')
        return
    print(*map(sum, zip((0, 0, 0), *map(count, records(sys.argv[1])))))


if __name__ == '__main__':
    main()
