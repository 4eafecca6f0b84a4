#!/usr/bin/env python3
"""Reads a meson testlog.json and prints "PASSED FAILED SKIPPED" test cases.

The numbers are cmocka's own, per executable. A program that is no cmocka test counts as one. One
that crashed or hung before cmocka could report adds one failure, whatever it had passed until then.
"""
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


def main():
    totals = [0, 0, 0]
    try:
        with open(sys.argv[1], encoding='utf-8') as log:
            for line in log:
                for i, number in enumerate(count(json.loads(line))):
                    totals[i] += number
    except FileNotFoundError:
        pass  # meson writes no log when no test was chosen
    print(*totals)


if __name__ == '__main__':
    main()
