"""Each kind of change is judged as a compiled program would."""
import copy
import json
import pathlib
import sys
import unittest

import abi_report

MANIFEST = json.loads((pathlib.Path(__file__).parents[2] / 'bindings/abi.json').read_text(encoding='utf-8'))


class Changes(unittest.TestCase):
    def after(self, change):
        changed = copy.deepcopy(MANIFEST)
        change(changed)
        return abi_report.compare(abi_report.facts(MANIFEST), abi_report.facts(changed))

    @staticmethod
    def named(entries, name):
        return next(one for one in entries if one['name'] == name)

    def function(self, manifest, name):
        return self.named(manifest['functions'], name)

    def assert_breaks(self, change, word):
        broken, _ = self.after(change)
        self.assertEqual(len(broken), 1, broken)
        self.assertIn(word, broken[0])

    def assert_is_new(self, change):
        broken, new = self.after(change)
        self.assertEqual((broken, len(new)), ([], 1))

    def test_nothing(self):
        self.assertEqual(self.after(lambda m: None), ([], []))

    def test_what_breaks(self):
        self.assert_breaks(lambda m: m['functions'].pop(5), 'is gone')
        self.assert_breaks(lambda m: self.function(m, 'SocketLoop_run').update(returns='int64'), 'int64')
        self.assert_breaks(lambda m: self.function(m, 'SocketLoop_run')['parameters'].pop(), 'SocketLoop_run')
        self.assert_breaks(lambda m: self.function(m, 'SocketStream_write')['parameters'][1].update(lent=True), 'lent')
        self.assert_breaks(
            lambda m: self.function(m, 'SocketDgram_connect')['parameters'][1].update(nullable=False), 'nullable')
        self.assert_breaks(lambda m: m['constants'][0].update(value=-7), '-7')
        self.assert_breaks(lambda m: m['structs'][0]['members'][1].update(offset=12), 'at 12')
        self.assert_breaks(lambda m: m['callbacks'][0].update(returns='int32'), 'int32')
        self.assert_breaks(lambda m: m['handles'].pop(), 'is gone')

    def test_what_does_not(self):
        self.assert_is_new(lambda m: m['functions'].append(dict(m['functions'][0], name='SocketNew_one')))
        self.assert_is_new(lambda m: m['constants'].append(dict(m['constants'][0], name='SOCKET_NEW')))
        self.assert_is_new(
            lambda m: self.function(m, 'SocketStream_write')['parameters'][1].update(nullable=True))
        self.assert_is_new(lambda m: self.function(m, 'SocketAsync_write')['parameters'][1].update(lent=False))
        self.assert_is_new(lambda m: self.named(m['constants'], 'SOCKET_STAT_COUNT').update(value=99))


if __name__ == '__main__':
    sys.exit(unittest.main())
