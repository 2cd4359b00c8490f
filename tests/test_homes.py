"""The machine as it is: the other program of this name, filesystems that lack something."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import unittest

from hcom import home as homes
from hcom.store.connect import open_db
from tests import refusing
from tests.sealed import ROOT
from tests.test_cli import Commands


def files(folder: str) -> dict:
    """What is in the folder: the bytes of each file, and when each was last changed."""
    found = {}
    for place, _, names in os.walk(folder):
        for path in (place, *(os.path.join(place, name) for name in names)):
            data = b""
            if os.path.isfile(path):
                with open(path, "rb") as stream:
                    data = stream.read()
            found[path] = (os.lstat(path).st_mtime_ns, os.lstat(path).st_mode, data)
    return found


def foreign(root: str, version: int = 17, mark: int = 0) -> str:
    """A database as the other program of this name makes one."""
    os.makedirs(root, exist_ok=True)
    path = os.path.join(root, "hcom.db")
    other = sqlite3.connect(path)
    other.executescript(
        "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS instances (theirs);"
        f"PRAGMA user_version = {version}; PRAGMA application_id = {mark}"
    )
    other.close()
    return path


class Installed(Commands):
    """A home, and Claude Code on the PATH as far as hcom asks it."""

    def setUp(self):
        super().setUp()
        self.home.program("claude", "echo '2.1.330 (Claude Code)'")


class Theirs(Installed):
    """The other program of this name has its state where ours would be."""

    def setUp(self):
        super().setUp()
        del self.home.env["HCOM_DIR"]
        self.root = self.home.hcom_dir
        self.ours = self.home.hcom_dir = self.root + "-own"
        foreign(self.root)
        for name, text in (("config.env", "HCOM_TAG=theirs\n"), ("archive/x/hcom.db", "x")):
            os.makedirs(os.path.dirname(os.path.join(self.root, name)), exist_ok=True)
            with open(os.path.join(self.root, name), "w", encoding="utf-8") as stream:
                stream.write(text)

    def test_every_command_works_and_theirs_stays_as_it_is(self):
        before = files(self.root)
        self.assertIn(f"{self.root} is another program's of this name", self.home.said("status"))
        luna = self.home.start()
        for words, said in (
            (("send", "--from", "ci", "x"), f"to {luna}"),
            (("list",), luna),
            (("events",), "message"),
            (("archive", "--json"), ""),
            (("config",), "tag                    (empty)"),
            (("config", "tag", "dev"), "tag = dev"),
            (("hooks", "add", "claude"), f"{self.home.root}/.claude/settings.json"),
            (("reset",), "archived"),
            (("reset", "all"), "hooks removed"),
            (("status", "--json"), f'"foreign": "{self.root}"'),
        ):
            with self.subTest(words):
                self.assertIn(said, self.home.said(*words))
        self.assertEqual(files(self.root), before)

    def test_ours_stays_where_it_is_when_theirs_is_gone(self):
        luna = self.home.start()
        shutil.rmtree(self.root)
        self.assertIn(luna, self.home.said("list"))
        self.assertNotIn("another program", self.home.said("status"))
        self.assertFalse(os.path.exists(self.root))

    def test_it_is_the_same_for_a_folder_that_is_named(self):
        luna = self.home.start()
        for given in (self.root, self.ours):
            self.assertIn(luna, self.home.said("list", env={"HCOM_DIR": given}))
        self.assertFalse(os.path.exists(self.ours + "-own"))

    def test_what_is_theirs(self):
        env = {"HOME": self.home.root}
        for version, mark, theirs in (
            (14, 0, True),
            (20, 0, True),
            (21, 0, True),
            (13, 0, False),
            (3, 0, False),
            (17, 0x68636F6D, False),
        ):
            with self.subTest(version=version, mark=mark):
                foreign(self.root, version, mark)
                self.assertEqual(homes.locate(env).root, self.ours if theirs else self.root)
        for text in ("", "junk" * 100):
            with open(os.path.join(self.root, "hcom.db"), "w", encoding="utf-8") as stream:
                stream.write(text)
            self.assertEqual(homes.locate(env).root, self.root)

    def test_what_an_agent_puts_behind_our_link_is_not_theirs(self):
        shutil.rmtree(self.root)
        place = homes.locate({"HOME": self.home.root})
        open_db(place).connection.close()
        path = place.db_file
        for end in ("", "-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)
        foreign(os.path.dirname(path))
        self.assertEqual(homes.locate({"HOME": self.home.root}), place)
        self.home.hcom_dir = place.root
        self.refused("list", said="not a database of hcom's")


class Lacking(Installed):
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

    def test_modes(self):
        os.mkdir(self.home.hcom_dir)
        os.chmod(self.home.hcom_dir, 0o755)
        for words, said in (
            (("start",), "You are"),
            (("send", "--from", "ci", "x"), "sent"),
            (("config", "tag", "dev"), "tag = dev"),
            (("hooks", "add", "claude"), "hooks added"),
            (("reset",), "archived"),
            (("status",), "chmod 700"),
        ):
            with self.subTest(words):
                done = self.without("modes", *words)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(said, done.stdout)

    def test_links_and_fifos(self):
        for what in ("links", "fifos"):
            shutil.rmtree(self.home.hcom_dir, ignore_errors=True)
            for words, said in (
                (("start",), "You are 'luna'"),
                (("send", "--from", "ci", "x"), "sent"),
                (("listen", "--name", "luna", "0"), "from ci"),
                (("reset",), "archived"),
            ):
                with self.subTest(words, what=what):
                    done = self.without(what, *words)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn(said, done.stdout)

    def test_memory_maps(self):
        said = "hcom: no memory map of a file can be had here (No such device): "
        for words in (("list",), ("send", "--from", "ci", "x"), ("start",), ("reset",)):
            with self.subTest(words):
                done = self.without("maps", *words)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertTrue(done.stderr.startswith(said + self.home.hcom_dir), done.stderr)
                self.assertRegex(done.stderr, r"\(use a disk [^\n]*\)\n\Z")
        self.assertIn(said.removeprefix("hcom: "), self.without("maps", "status").stdout)
        self.assertNotIn("hcom.db-map", os.listdir(os.path.join(self.home.hcom_dir, "db")))
        self.assertEqual(self.home.said("list"), "")

    @unittest.skipIf(os.geteuid(), "needs root: whose folder it is cannot be made otherwise")
    def test_a_mode_that_another_refuses_is_no_filesystem_without(self):
        os.mkdir(self.home.hcom_dir)
        os.chmod(self.home.hcom_dir, 0o777)
        code = (
            "import os, sys; sys.path.insert(0, sys.argv[1]); from hcom import home; "
            "os.setuid(65534); home.set_mode(sys.argv[2], 0o700)"
        )
        os.chmod(self.home.root, 0o755)
        argv = [sys.executable, "-c", code, ROOT, self.home.hcom_dir]
        done = subprocess.run(argv, capture_output=True, text=True)
        self.assertIn("PermissionError", done.stderr)


class Named(Installed):
    """HOME and HCOM_DIR as they are written."""

    def test_a_slash_at_the_end_of_home_changes_nothing(self):
        del self.home.env["HCOM_DIR"]
        self.home.said("hooks", "add", "claude")
        settings = f"{self.home.root}/.claude/settings.json"
        with open(settings, encoding="utf-8") as stream:
            before = stream.read()
        for home in (f"{self.home.root}/", f"{self.home.root}//", f"{self.home.root}/./"):
            with self.subTest(home):
                env = {"HOME": home, "CLAUDE_CONFIG_DIR": f"{self.home.root}/other"}
                self.assertIn(
                    f"in {settings}", self.home.said("hooks", "add", "claude", env={"HOME": home})
                )
                self.assertIn("/other/", self.home.said("hooks", env=env))
                self.assertIn(
                    f"directory  {self.home.hcom_dir} ", self.home.said("status", env=env)
                )
        with open(settings, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), before)

    def test_a_project_commits_none_of_it(self):
        for made in (lambda _: None, os.mkdir):
            project = os.path.join(self.home.root, made.__name__.strip("<>"))
            os.mkdir(project)
            root = os.path.join(project, ".hcom")
            made(root)
            subprocess.run(["git", "init", "-q", project], env=self.home.env, check=True)
            self.home.said("start", env={"HCOM_DIR": root})
            told = subprocess.run(
                ["git", "-C", project, "status", "--porcelain"],
                env=self.home.env,
                capture_output=True,
                text=True,
            )
            self.assertEqual((told.stdout, told.stderr), ("", ""))

    def test_a_folder_with_something_in_it_is_not_ignored_whole(self):
        os.chmod(self.home.work, 0o700)
        with open(os.path.join(self.home.work, "theirs"), "w", encoding="utf-8"):
            pass
        self.home.said("start", env={"HCOM_DIR": self.home.work})
        self.assertNotIn(".gitignore", os.listdir(self.home.work))
        del self.home.env["HCOM_DIR"]
        self.home.said("start")
        self.assertNotIn(".gitignore", os.listdir(self.home.hcom_dir))

    def test_a_folder_of_other_things_that_others_see_stays_as_it_is(self):
        shared = os.path.join(self.home.root, "shared")
        os.makedirs(os.path.join(shared, "theirs"))
        os.chmod(shared, 0o1777)
        for words in (("list",), ("start",), ("config", "tag", "x"), ("hooks", "add", "claude")):
            with self.subTest(words):
                self.refused(*words, said="other things", env={"HCOM_DIR": shared})
        told = self.home.said("status", env={"HCOM_DIR": shared})
        self.assertRegex(told, "to do .* other things.*: export HCOM_DIR=")
        self.assertNotIn("chmod", told)
        self.assertEqual(os.listdir(shared), ["theirs"])
        self.assertEqual(os.stat(shared).st_mode & 0o7777, 0o1777)

    def test_a_folder_of_ours_is_closed(self):
        for name in ("config.env", "scripts", "logs"):
            with self.subTest(name):
                root = os.path.join(self.home.root, f"before-{name}")
                os.makedirs(os.path.join(root, name))
                os.chmod(root, 0o755)
                self.home.said("list", env={"HCOM_DIR": root})
                self.assertEqual(os.stat(root).st_mode & 0o777, 0o700)
                os.chmod(root, 0o755)
                self.home.said("start", env={"HCOM_DIR": root})

    def test_a_folder_is_ours_by_its_name_or_by_what_is_in_it(self):
        named, used = (os.path.join(self.home.root, *at) for at in (("p", ".hcom"), ("used",)))
        os.makedirs(os.path.join(named, "theirs"))
        self.home.said("list", env={"HCOM_DIR": used})
        os.unlink(os.path.join(used, "hcom.db"))
        for root in (named, used):
            with self.subTest(root):
                os.chmod(root, 0o755)
                self.home.said("list", env={"HCOM_DIR": root})
                self.assertEqual(os.stat(root).st_mode & 0o777, 0o700)

    def test_what_helps_where_nothing_can_be_written(self):
        for number, said in (
            (errno.ENOSPC, "free some space"),
            (errno.EDQUOT, "free some space"),
            (errno.ENOTEMPTY, "a folder of its own"),
            (errno.EROFS, "in a sandbox"),
        ):
            self.assertIn(said, homes.cure(OSError(number, "x")))


if __name__ == "__main__":
    unittest.main()
