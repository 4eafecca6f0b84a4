"""socketpoll.exe serve: what only Windows would take for a name of something."""
import os
import unittest

import command
from command import Serving

CONTENT = b'secret'


class Windows(command.Case):
    def refused(self, serving, *targets):
        for target in targets:
            status, body = serving.get(target)
            self.assertIn(status, (400, 403, 404), target)
            self.assertNotIn(CONTENT, body, target)

    def test_devices(self):
        with Serving() as serving:
            names = ['CON', 'PRN', 'AUX', 'NUL', 'COM1', 'COM9', 'LPT1', 'CONIN$', 'CONOUT$', 'COM%C2%B9']
            for name in names:
                self.refused(serving, f'/{name}', f'/{name.lower()}', f'/{name}.txt', f'/{name}.tar.gz',
                             f'/{name}%20', f'/{name}.', f'/{name}/', f'/{name}:', f'/sub/{name}',
                             f'/{name}%20.txt')
            self.assertEqual(serving.get('/a.txt'), (200, b'hello\n'))

    def test_drives_and_shares(self):
        with Serving() as serving:
            (serving.top / 'secret').write_bytes(CONTENT)
            drive = 'Z:' + str(serving.top) + '/secret'
            for target in (drive, drive.replace('/', '\\'), drive.replace('/', '%5C'), drive.replace(':', '%3A'),
                           'C:/windows/win.ini', 'C:windows', '//%3F/' + drive, '/%5C%5C%3F%5C' + drive, '//./' + drive,
                           '//localhost/c$/windows/win.ini', '%5C%5Clocalhost%5Cc$%5Cwindows', '%3F%3F/' + drive,
                           '/%3F%3F/' + drive):
                self.refused(serving, '/' + target)

    def test_backslashes(self):
        with Serving() as serving:
            (serving.top / 'secret').write_bytes(CONTENT)
            (serving.folder / 'sub').mkdir()
            (serving.folder / 'sub' / 'b.txt').write_bytes(CONTENT)
            self.refused(serving, '/..%5Csecret', '/sub%5C..%5C..%5Csecret', '/sub/..%5C..%5Csecret', '/%5Csub%5Cb.txt',
                         '/sub%5Cb.txt', '/..\\secret', '/sub\\b.txt', '/..%2Fsecret', '/.%2E/secret',
                         '/%2e%2e%5csecret', '/sub/..%20/..%20/secret', '/..%20/secret', '/.../secret',
                         '/sub/..%2f..%2fsecret')

    def test_streams_and_aliases(self):
        """Windows finds the file by these as well; its name is another, and may be guarded."""
        with Serving() as serving:
            (serving.folder / '.hidden').write_bytes(CONTENT)
            (serving.folder / 'long file name.txt').write_bytes(CONTENT)
            self.refused(serving, '/a.txt::$DATA', '/a.txt:$DATA', '/a.txt%3A%3A$DATA', '/a.txt:other', '/a.txt:',
                         '/a.txt::$INDEX_ALLOCATION', '/:$I30:$INDEX_ALLOCATION/', '/a.txt.', '/a.txt%20',
                         '/a.txt...', '/a.txt%20.', '/LONGFI~1.TXT', '/longfi~1.txt')
            self.assertEqual(serving.get('/long%20file%20name.txt'), (200, CONTENT))

    def test_wildcards_and_controls(self):
        with Serving() as serving:
            self.refused(serving, '/a.tx%3F', '/*', '/a.*', '/%22a.txt', '/%3Ca.txt', '/a.txt%7C', '/a%01.txt',
                         '/a.txt%00', '/a.txt%00.html')

    def test_names_in_unicode(self):
        with Serving() as serving:
            for name, target in (('grün.txt', '/gr%C3%BCn.txt'), ('日本.txt', '/%E6%97%A5%E6%9C%AC.txt'),
                                 ('\U0001f600.txt', '/%F0%9F%98%80.txt')):
                (serving.folder / name).write_bytes(name.encode())
                self.assertEqual(serving.get(target), (200, name.encode()))
            self.refused(serving, '/gr%FCn.txt', '/%ED%A0%BD%ED%B8%80.txt', '/%C0%AE%C0%AE/secret')
            page = serving.get('/')[1].decode()
            self.assertIn('grün.txt', page)

    def test_case_of_names(self):
        """Whatever the file system makes of it, it is a.txt or nothing."""
        with Serving() as serving:
            status, body = serving.get('/A.TXT')
            self.assertIn((status, body if status == 200 else b''), ((200, b'hello\n'), (404, b'')))

    def test_large_files_whole(self):
        with Serving() as serving:
            bytes_ = os.urandom(3 << 20)
            (serving.folder / 'large').write_bytes(bytes_)
            self.assertEqual(serving.get('/large'), (200, bytes_))


if __name__ == '__main__':
    unittest.main()
