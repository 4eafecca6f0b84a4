#!/usr/bin/env python3
"""Holds a suite that ran on another system against the one that ran over epoll.

  compare_tests.py PLACE BACKEND LOG [REFERENCE]

LOG and REFERENCE are meson's testlog.json. Prints "skipped PLACE: PROGRAM: CASE: REASON" for
each case of LOG that was skipped, "skipped in part PLACE: ..." for each that left something out, and fails if one
has no reason (see test/support/skip_on_windows.h), or if a program of REFERENCE (over epoll, or over none) has not
as many cases in LOG, passed, failed and skipped taken together.
"""
import collections
import json
import os
import re
import sys

STARTED = re.compile(r'^\[ RUN      \] (.*?)\r?$')
SKIPPED = re.compile(r'^\[  SKIPPED \] (.*?)\r?$')
REASON = re.compile(r'^skip_on_\w+: (.*?)\r?$')
LEFT_OUT = re.compile(r'^left_out_on_\w+: (.*?)\r?$')
TOTAL = re.compile(r'^\[==========\] (\d+) test\(s\) run\.', re.M)
# Of the waker, which is another on each system; the test whose peer is this machine's OpenSSL; and the examples, which
# are programs for POSIX.
ONLY_THERE = re.compile(r'poller-pipe$|tls_key_update$|example-')


def records(path):
    """Program -> what it printed."""
    found = {}
    with open(path, encoding='utf-8') as log:
        for line in log:
            record = json.loads(line)
            found[record['name'].rsplit(' / ', 1)[-1].rsplit(':', 1)[-1]] = record.get('stdout', '')
    return found


def skips(text):
    """(case, reason) of each; the reason of a program that is no cmocka test names its case itself."""
    case, reason, cases = '', '', 'test(s)' in text
    for line in text.splitlines():
        if match := STARTED.match(line):
            case, reason = match[1], ''
        elif match := REASON.match(line):
            reason = match[1]
            if not cases:
                yield tuple(reason.split(': ', 1))
        elif (match := SKIPPED.match(line)) and match[1] == case:
            yield case, reason
            case = ''


def left_out(text):
    """(case, reason) of each part that was left out, once."""
    case, seen = '', set()
    for line in text.splitlines():
        if match := STARTED.match(line):
            case = match[1]
        elif (match := LEFT_OUT.match(line)) and (case, match[1]) not in seen:
            seen.add((case, match[1]))
            yield case, match[1]


def totals(found):
    return {name: sum(map(int, TOTAL.findall(text))) or 1 for name, text in found.items()}


def compare(found, reference, backend):
    wrong = []
    here, there = totals(found), totals(reference)
    for name, count in sorted(there.items()):
        if name.endswith(('-poll', '-kqueue')) or ONLY_THERE.match(name):
            continue
        other = re.sub(r'-epoll$', f'-{backend}', name)
        if here.get(other, 0) != count:
            wrong.append(f'{other} has {here.get(other, 0)} tests, {name} has {count}')
    return wrong


def main():
    place, backend, log = sys.argv[1:4]
    found, wrong = records(log), []
    by_reason = collections.Counter()
    for name, text in sorted(found.items()):
        for case, reason in skips(text):
            print(f'skipped {place}: {name}: {case}: {reason}')
            by_reason[reason] += 1
            if not reason:
                wrong.append(f'{name}: {case} was skipped without a reason')
        for case, reason in left_out(text):
            print(f'skipped in part {place}: {name}: {case}: {reason}')
    for reason, count in by_reason.most_common():
        print(f'{count:4d} {reason}')
    if len(sys.argv) > 4 and os.path.exists(sys.argv[4]):
        wrong += compare(found, records(sys.argv[4]), backend)
    else:
        print('no suite over epoll to compare with: run step gcc first')
    print(*wrong, sep='\n')
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
