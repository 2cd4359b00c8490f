"""What a person is told when the disk, the home or the database is not as it should be."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import unittest

from hcom import home as homes
from tests.sealed import ROOT
from tests.test_cli import NOBODY, Commands, allowed


class Trouble(Commands):
    """The disk, the database, the directory: one line, and nothing lost."""

    def test_locked_for_good(self):
        luna = self.home.start()
        self.home.said("send", "--from", "ci", f"@{luna} one")
        holder = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"), isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN IMMEDIATE")
        commands = (
            ("send", "--from", "ci", "x"),
            ("start",),
            ("stop", luna),
            ("listen", "--name", luna, "0"),
        )
        started = [
            subprocess.Popen(
                ["hcom", *c],
                env=self.home.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for c in commands
        ]
        for command, process in zip(commands, started):
            out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out), (1, ""), command)
            self.assertRegex(err, r"\Ahcom: the database is locked[^\n]*\n\Z")
        self.assertIn(luna, self.home.said("list"))
        holder.execute("ROLLBACK")
        self.assertIn("one", self.home.said("listen", "--name", luna, "0"))
        self.assertEqual(self.events(), 1)

    def test_a_database_that_is_none_or_newer(self):
        self.home.said("list")
        path = os.path.join(self.home.hcom_dir, "hcom.db")
        raw = sqlite3.connect(path)
        raw.execute("PRAGMA user_version = 999")
        raw.close()
        self.refused("list", said="newer hcom")
        for end in ("", "-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)
        with open(path, "wb") as stream:
            stream.write(b"junk" * 5000)
        for args in (("list",), ("send", "--from", "ci", "x"), ("start",), ("events",)):
            self.refused(*args, said="corrupt")
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), b"junk" * 5000)
        self.assertEqual(self.home.run("status").stderr, "")
        self.assertEqual(self.home.hook("claude", "Stop", {"session_id": "x"}), "")

    @unittest.skipIf(os.geteuid(), "may not be a user who is in no list")
    def test_nobody_knows_a_home(self):
        read, write = os.pipe()
        if not (child := os.fork()):
            with contextlib.suppress(BaseException):
                os.setuid(54321)
                os.environ.pop("HOME", None)
                os.write(write, f"{homes.user({})} {homes.user({'HOME': '/x'})}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        self.assertEqual(os.read(read, 99), b"/~ /x")

    def as_nobody(self, place: str) -> list[str]:
        """How nobody runs hcom from a copy in `place`, which only has to be readable."""
        if os.geteuid() or not allowed(*NOBODY):
            self.skipTest("needs root and setpriv: to root nothing is read-only")
        python = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin")
        check = "import sqlite3, sys; sys.exit(sys.version_info < (3, 10))"
        if python is None or subprocess.run([*NOBODY, python, "-c", check], check=False).returncode:
            self.skipTest("no Python 3.10 that another user may run")
        package = os.path.join(place, "hcom")
        shutil.copytree(
            os.path.join(ROOT, "hcom"), package, ignore=shutil.ignore_patterns("__pycache__")
        )
        return [*NOBODY, python, "-I", "-B", package]

    def test_a_home_that_is_read_only(self):
        luna = self.home.start()
        self.home.program("claude", "exit 1")
        place = os.path.join("/var/tmp", os.path.basename(self.home.root))
        self.addCleanup(shutil.rmtree, place, True)
        shutil.copytree(self.home.root, place)
        run = self.as_nobody(place)
        for folder, _, files in os.walk(place):
            os.chmod(folder, 0o555)
            for name in files:
                os.chmod(os.path.join(folder, name), 0o555)
        for home, args in (
            ("none", ("claude", "--headless", "x")),
            (".hcom", ("send", "--from", "ci", "x")),
            (".hcom", ("start",)),
            (".hcom", ("stop", luna)),
            (".hcom", ("listen", "--name", luna, "0")),
            (".hcom", ("claude", "--headless", "x")),
            ("none", ("list",)),
            ("none", ("send", "--from", "ci", "x")),
        ):
            with self.subTest(args):
                env = {**self.home.env, "HOME": place, "HCOM_DIR": f"{place}/{home}"}
                env["PATH"] = f"{place}/bin:/usr/bin:/bin"
                done = subprocess.run(
                    [*run, *args],
                    env=env,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                self.assertEqual((done.returncode, done.stdout), (1, ""), done)
                self.assertRegex(done.stderr, r"\Ahcom: cannot [^\n]+HCOM_DIR=\$PWD/.hcom\)\n\Z")

    @unittest.skipUnless(
        os.geteuid() == 0 and shutil.which("mount") and allowed("unshare", "--mount"),
        "may not mount a small disk",
    )
    def test_a_full_disk(self):
        program = """
        set -e; mkdir -p "$HCOM_DIR"; mount -t tmpfs -o size=600k,mode=700 hcom-test "$HCOM_DIR"
        hcom start >/dev/null; name=$(hcom list --json | cut -d'"' -f4)
        hcom send --from ci "@$name kept" >/dev/null
        dd if=/dev/zero of="$HCOM_DIR/filler" bs=1k 2>/dev/null || true
        i=0; while hcom send --from ci "@$name $(printf %2000s x)" >/dev/null 2>err; do
            i=$((i+1)); [ $i -lt 300 ] || exit 9; done
        cat err >&2; rm "$HCOM_DIR/filler"
        hcom send --from ci "@$name after" >/dev/null
        echo "sent $((i+2))"; hcom listen --name "$name" --json 0 | wc -l
        """
        done = subprocess.run(
            ["unshare", "--mount", "/bin/sh", "-c", program],
            env=self.home.env,
            cwd=self.home.work,
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stderr, r"\Ahcom: the disk [^\n]+\n\Z")
        sent, got = done.stdout.split("\n")[:2]
        self.assertEqual(sent, f"sent {got.strip()}")
