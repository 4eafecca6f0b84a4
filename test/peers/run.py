#!/usr/bin/env python3
"""Runs tests beside other people's software, two at a time, for nearly all that they do is to wait.

  run.py BUILD_WITH_MBEDTLS BUILD_WITH_OPENSSL TEST...     the names of modules in this folder

The last line is "N passed, N failed, N skipped"; what failed stands above it.
"""
import concurrent.futures
import importlib
import sys
import unittest

import engines

AT_ONCE = 2


def cases(suite):
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from cases(entry)
        else:
            yield entry


def run(case):
    result = unittest.TestResult()
    case.run(result)
    return case, result


def main():
    engines.prepare({'mbedtls': sys.argv[1], 'openssl': sys.argv[2]})
    load = unittest.defaultTestLoader.loadTestsFromModule
    chosen = [case for name in sys.argv[3:] for case in cases(load(importlib.import_module(name)))]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for case, result in pool.map(run, chosen):
            troubles = result.failures + result.errors
            for _, why in troubles:
                print(f'{case.id()}\n{why}')
            failed += bool(troubles)
            skipped += bool(result.skipped)
            passed += not troubles and not result.skipped
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return failed != 0 or passed == 0


if __name__ == '__main__':
    sys.exit(main())
