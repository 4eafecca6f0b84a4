"""How the source of mbedTLS comes by, and that a source which does not fit the patch is refused. Nothing is
fetched: apt-get is a program of this test's, and the source is the one that the build uses."""
import hashlib
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATCH = ROOT / 'subprojects/packagefiles/mbedtls'
WRAP = (ROOT / 'subprojects/mbedtls.wrap').read_text(encoding='utf-8')

# Gives what it was told to as the source of any package, and notes that it was asked.
APT_GET = '''#!/bin/sh
echo "$@" >>"$TEST_ASKED"
case "$*" in
*' source '*) cp "$TEST_TARBALL" . ;;
esac
'''


def of_wrap(key):
    return re.search(f'^{key} = (.*)$', WRAP, re.M).group(1)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)


class CheckSource(Folder):
    """Over a copy of the files that check_source.py looks at."""

    def setUp(self):
        super().setUp()
        spec = importlib.util.spec_from_file_location('check_source', PATCH / 'check_source.py')
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        for name in {name for name, _ in self.module.EXPECTED}:
            (self.folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / 'subprojects' / of_wrap('directory') / name, self.folder / name)

    def check(self):
        return subprocess.run([sys.executable, '-B', PATCH / 'check_source.py', self.folder], check=False,
                              capture_output=True, text=True)

    def change(self, name, change):
        path = self.folder / name
        before = path.read_text(encoding='utf-8')
        after = change(before)
        self.assertNotEqual(before, after)
        path.write_text(after, encoding='utf-8')

    def test_what_the_build_uses(self):
        outcome = self.check()
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr), (0, '', ''))

    def test_each_function_that_differs(self):
        for name, opening in self.module.EXPECTED:
            with self.subTest(name=name, opening=opening):
                whole = (self.folder / name).read_text(encoding='utf-8')
                body = self.module.function(whole, opening)
                self.change(name, lambda text, body=body: text.replace(body, body[:-2] + 'return;\n}'))
                outcome = self.check()
                self.assertEqual(outcome.returncode, 1)
                called = opening.rstrip('(').split()[-1]
                self.assertRegex(outcome.stderr, rf'^{name}: {called} is [0-9a-f]{{16}}, not [0-9a-f]{{16}}\n')
                self.assertIn('A later 3.6.x is fine', outcome.stderr)
                (self.folder / name).write_text(whole, encoding='utf-8')
        self.assertEqual(self.check().returncode, 0)

    def test_a_function_that_is_gone(self):
        self.change('library/ssl_tls.c', lambda text: text.replace('resize_buffer(', 'fit_buffer('))
        outcome = self.check()
        self.assertEqual(outcome.returncode, 1)
        self.assertIn('resize_buffer is not there', outcome.stderr)

    def test_what_does_not_matter(self):
        """Its layout, and all that is around these functions."""
        body = self.module.function((self.folder / 'library/ssl_tls.c').read_text(encoding='utf-8'),
                                    'static int resize_buffer(')
        self.change('library/ssl_tls.c', lambda text: '/* A later release. */\n' + text.replace(
            body, body.replace('    ', '\t')))
        self.assertEqual(self.check().returncode, 0)


class Provide(Folder):
    """provide_mbedtls, in a tree that has nothing but what it needs."""

    def setUp(self):
        super().setUp()
        self.tree, bin_folder = self.folder / 'tree', self.folder / 'bin'
        for name in ('tools/lib/setup.sh', 'tools/lib/mbedtls.sh', 'tools/lib/debian_source.sh'):
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.tree / name)
        shutil.copytree(PATCH, self.tree / 'subprojects/packagefiles/mbedtls')
        bin_folder.mkdir()
        (bin_folder / 'apt-get').write_text(APT_GET, encoding='utf-8')
        (bin_folder / 'apt-get').chmod(0o755)
        self.asked = self.folder / 'asked'
        self.tarball = self.folder / 'mbedtls_3.6.99.orig.tar.bz2'
        with tarfile.open(self.tarball, 'w:bz2') as archive:
            release = self.folder / 'release'
            release.mkdir()
            (release / 'ChangeLog').write_text('3.6.99\n', encoding='utf-8')
            archive.add(release, 'mbedtls-3.6.99')
        self.source = self.tree / 'subprojects' / of_wrap('directory')
        self.cached = self.tree / 'subprojects/packagecache' / of_wrap('source_filename')
        self.environment = dict(os.environ, PATH=f"{bin_folder}:{os.environ['PATH']}",
                                TEST_ASKED=str(self.asked), TEST_TARBALL=str(self.tarball))

    def provide(self, source_hash=of_wrap('source_hash')):
        wrap = WRAP.replace(of_wrap('source_hash'), source_hash)
        (self.tree / 'subprojects/mbedtls.wrap').write_text(wrap, encoding='utf-8')
        return subprocess.run(['bash', '-c', 'set -euo pipefail; source tools/lib/setup.sh; provide_mbedtls'],
                              cwd=self.tree, env=self.environment, check=True, capture_output=True, text=True).stderr

    def assert_patched(self):
        for path in PATCH.iterdir():
            if path.is_file():
                self.assertEqual((self.source / path.name).read_bytes(), path.read_bytes())

    def test_the_release_of_the_wrap(self):
        self.assertEqual(self.provide(hashlib.sha256(self.tarball.read_bytes()).hexdigest()), '')
        self.assertEqual(self.cached.read_bytes(), self.tarball.read_bytes())
        self.assertFalse(self.source.exists())  # meson unpacks it

    def test_a_later_release(self):
        said = self.provide()
        self.assertEqual(said, f"mbedTLS: {self.tarball.name} in place of {of_wrap('source_filename')}\n")
        self.assertEqual((self.source / 'ChangeLog').read_text(encoding='utf-8'), '3.6.99\n')
        self.assert_patched()
        self.assertFalse(self.cached.exists())

    def test_no_release(self):
        self.environment['TEST_TARBALL'] = '/absent'
        self.assertIn('meson asks upstream', self.provide())
        self.assertFalse(self.source.exists() or self.cached.exists())

    def test_what_is_there_is_not_asked_for(self):
        self.source.mkdir()
        self.assertEqual(self.provide(), '')
        self.assert_patched()
        shutil.rmtree(self.source)
        self.cached.parent.mkdir()
        self.cached.write_bytes(b'a release')
        self.assertEqual(self.provide(), '')
        self.assertFalse(self.asked.exists() or self.source.exists())


if __name__ == '__main__':
    sys.exit(unittest.main())
