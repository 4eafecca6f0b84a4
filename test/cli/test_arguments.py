"""socketpoll: its arguments, and what it says of itself."""
import re
import tempfile
import unittest

import command


class Arguments(command.Case):
    def expect(self, status, *arguments):
        result = command.run(*arguments)
        self.assertEqual(result.returncode, status, result)
        return result

    def test_help(self):
        texts = set()
        for arguments in (['--help'], ['-h'], ['help'], ['serve', '--help'], ['serve', '-h'], ['info', '--help']):
            result = self.expect(0, *arguments)
            self.assertEqual(result.stderr, '')
            texts.add(result.stdout)
        self.assertEqual(len(texts), 1)
        for option in ('--port', '--bind', '--workers', '--no-listing', '--access-log', '--quiet', 'info', '--version'):
            self.assertIn(option, texts.copy().pop())

    def test_version_and_info(self):
        version = self.expect(0, '--version').stdout
        self.assertRegex(version, r'^socketpoll \d+\.\d+\.\d+\n$')
        info = self.expect(0, 'info').stdout
        self.assertIn(version.split()[1], info)
        self.assertRegex(info, r'features +http')
        self.assertRegex(info, rf'backend +({command.BACKENDS})')
        self.assertEqual(len(re.findall(r'\(default\)', info)), 1)

    def test_misuse_is_status_2(self):
        for arguments in ([], ['dance'], ['--dance'], ['serve', '--dance'], ['serve', '-x'], ['info', 'x'],
                          ['serve', '--port'], ['serve', '--port', 'x'], ['serve', '--port=65536'],
                          ['serve', '--port', '-1'], ['serve', '--port='], ['serve', '--port', '8080x'],
                          ['serve', '--quiet=yes'], ['serve', 'a', 'b'], ['serve', '--bind='],
                          ['serve', '--', '--a', '--b']):
            result = self.expect(2, *arguments)
            self.assertEqual(result.stdout, '')
            self.assertTrue(result.stderr)

    def test_what_cannot_be_done_is_status_1(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as file:
            for arguments, message in (
                    ([folder + '/absent'], f'cannot serve {folder}/absent: no such file or registration (SOCKET_ENOENT)'),
                    ([file.name], f'cannot serve {file.name}: not a directory (SOCKET_ENOTDIR)'),
                    ([folder, '--bind', '999.1.1.1'], 'cannot listen on 999.1.1.1:8080: '
                                                      'not an address with a port (SOCKET_EADDRESS)'),
                    ([folder, '--bind=192.0.2.1'], 'cannot listen on 192.0.2.1:8080: '
                                                   'address not available on this machine (SOCKET_EADDRNOTAVAIL)'),
                    ([folder, '--access-log', folder], f'cannot append to {folder}: ' +
                     ('Permission denied' if command.WINDOWS else 'Is a directory'))):
                result = self.expect(1, 'serve', *arguments)
                self.assertEqual(result.stdout, '')
                self.assertEqual(result.stderr, f'socketpoll: {message}\n')


if __name__ == '__main__':
    unittest.main()
