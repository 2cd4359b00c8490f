"""The machine as it is: filesystems that lack something."""

import os
import subprocess
import sys
import unittest

from tests import refusing
from tests.sealed import ROOT
from tests.test_cli import Commands


class Lacking(Commands):
    """The home is on a filesystem that lacks what others have."""

    def without(self, what: str, *words: str) -> subprocess.CompletedProcess:
        """A command of hcom's, where the system refuses that."""
        if not refusing.possible():
            self.skipTest("this machine has no filter of system calls that we know")
        argv = [sys.executable, f"{ROOT}/tests/refusing.py", what, "hcom", *words]
        return subprocess.run(
            argv,
            env=self.home.env,
            cwd=self.home.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def test_memory_maps(self):
        said = "hcom: no memory map of a file can be had here (No such device): "
        for words in (("list",), ("send", "--from", "ci", "x"), ("start",), ("reset",)):
            with self.subTest(words):
                done = self.without("map", *words)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertTrue(done.stderr.startswith(said + self.home.hcom_dir), done.stderr)
                self.assertRegex(done.stderr, r"\(use a disk [^\n]*\)\n\Z")
        self.assertIn(said.removeprefix("hcom: "), self.without("map", "status").stdout)
        self.assertNotIn("hcom.db-map", os.listdir(os.path.join(self.home.hcom_dir, "db")))
        self.assertEqual(self.home.said("list"), "")


if __name__ == "__main__":
    unittest.main()
