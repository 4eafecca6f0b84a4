"""socketpoll serve --access-log: its lines, its rotation, and a log that cannot be written."""
import os
import re
import signal
import unittest

import command
from command import Serving

LINE = re.compile(r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(.*)" (\d{3}) (\d+|-)')


def parse(text):
    assert text.endswith('\n'), text
    return [LINE.fullmatch(line).groups() for line in text.splitlines()]


def ask(serving, *requests):
    """Each on a connection of its own, byte for byte; what came back."""
    answers = []
    for request in requests:
        with serving.connect() as peer:
            peer.sendall(request + b'\r\nHost: t\r\nConnection: close\r\n\r\n')
            answer = b''
            while piece := peer.recv(65536):
                answer += piece
            answers.append(answer)
    return answers


class Log(command.Case):
    def test_lines(self):
        with Serving('--access-log', 'TOP/log') as serving:
            (serving.top / 'log').write_text('before\n')
            ask(serving, b'GET /a.txt HTTP/1.1', b'HEAD /a.txt HTTP/1.1', b'GET /absent?a=b HTTP/1.0',
                b'POST /a.txt HTTP/1.1', b'GET /"\\x22\\ HTTP/1.1', b'malformed')
            self.assertEqual(serving.end(), (0, ''))
            before, text = (serving.top / 'log').read_text().split('\n', 1)
            self.assertEqual(before, 'before')
            lines = parse(text)
            self.assertEqual([line[:2] for line in lines],
                             [('GET /a.txt HTTP/1.1', '200'), ('HEAD /a.txt HTTP/1.1', '200'),
                              ('GET /absent?a=b HTTP/1.0', '404'), ('POST /a.txt HTTP/1.1', '405'),
                              ('GET /\\x22\\x5Cx22\\x5C HTTP/1.1', '400')])
            self.assertEqual([line[2] for line in lines[:2]], ['6', '-'])

    def test_written_while_it_runs(self):
        with Serving('--access-log=TOP/log') as serving:
            while not (serving.top / 'log').read_text():
                ask(serving, b'GET /a.txt HTTP/1.1')

    @command.skip_on_windows('no signal asks for it')
    def test_rotation(self):
        with Serving('--access-log', 'TOP/log') as serving:
            log, old = serving.top / 'log', serving.top / 'log.1'
            ask(serving, b'GET /1 HTTP/1.1')
            log.rename(old)
            serving.send(signal.SIGHUP)
            while not log.exists():
                ask(serving, b'GET /2 HTTP/1.1')
            ask(serving, b'GET /3 HTTP/1.1')
            self.assertEqual(serving.end(), (0, ''))
            self.assertEqual(parse(old.read_text())[0][0], 'GET /1 HTTP/1.1')
            self.assertEqual(parse(log.read_text())[-1][0], 'GET /3 HTTP/1.1')
            self.assertNotIn('GET /3', old.read_text())

    @command.skip_on_windows('there is no /dev/full')
    def test_full_disk(self):
        with Serving('--access-log', '/dev/full') as serving:
            for _ in range(300):
                self.assertEqual(serving.get('/a.txt')[0], 200)
            status, said = serving.end()
            self.assertEqual(status, 0)
            self.assertEqual(said, 'socketpoll: cannot write to /dev/full: No space left on device; '
                                   'lines are being lost\nsocketpoll: 300 lines of /dev/full were lost\n')

    @command.skip_on_windows('named pipes are no files')
    def test_a_pipe_that_nobody_reads(self):
        """It fills up, lines are lost; once it is read, later ones arrive whole."""
        with command.tempfile.TemporaryDirectory() as folder:
            path = folder + '/pipe'
            os.mkfifo(path)
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with Serving('--access-log', path) as serving:
                long = b'GET /' + b'x' * 7000 + b' HTTP/1.1'
                ask(serving, *[long] * 60)
                while True:
                    line = serving.process.stderr.readline()
                    if 'lines are being lost' in line:
                        break
                text = self.drain(reader)
                while 'GET /end' not in text:
                    ask(serving, b'GET /end HTTP/1.1')
                    text += self.drain(reader)
                self.assertIn('it can be written again', serving.process.stderr.readline())
                lines = [line for line in text.splitlines() if 'GET /end' in line]
                parse('\n'.join(lines) + '\n')
                self.assertEqual(serving.end()[0], 0)
            os.close(reader)

    @command.skip_on_windows('named pipes are no files')
    def test_a_pipe_whose_reader_is_gone(self):
        with command.tempfile.TemporaryDirectory() as folder:
            path = folder + '/pipe'
            os.mkfifo(path)
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with Serving('--access-log', path) as serving:
                os.close(reader)
                ask(serving, b'GET /a.txt HTTP/1.1')
                self.assertIn('Broken pipe', serving.process.stderr.readline())
                self.assertEqual(serving.get('/a.txt')[0], 200)
                self.assertEqual(serving.end()[0], 0)

    @staticmethod
    def drain(reader):
        text = b''
        try:
            while piece := os.read(reader, 65536):
                text += piece
        except BlockingIOError:
            pass
        return text.decode()


if __name__ == '__main__':
    unittest.main()
