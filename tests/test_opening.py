"""Opening what somebody else may have put there: an agent in a sandbox that may write the folder of
the database and exchanges what is in it, another user, files that are none."""

import inspect
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import unittest
from collections import Counter

from hcom.errors import DamagedError, StoreError
from hcom.hub import people
from hcom.ops import reset
from hcom.store.connect import open_db
from hcom.store.schema import VERSION
from tests.test_store import Stored

TRIES = 1000
# Exchanges two names for as long as it lives; Linux's renameat2 does that in one step.
EXCHANGER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
one, two = (path.encode() for path in sys.argv[1:])
exchange = lambda: libc.renameat2(-100, one, -100, two, 2)
print("refused" if exchange() else "begun", flush=True)
while True:
    exchange()
"""


class Inmate(Stored):
    """What an agent does that may write the database's folder."""

    def setUp(self):
        super().setUp()
        open_db(self.home).connection.close()
        self.folder = os.path.dirname(self.home.db_file)
        self.outside = os.path.join(self.place, "outside")
        os.mkdir(self.outside)

    def foreign(self, version: int = VERSION, mode: str = "WAL") -> str:
        """Another program's database, with our version number."""
        path = os.path.join(self.outside, "other.db")
        other = sqlite3.connect(path)
        other.executescript(
            f"PRAGMA journal_mode = {mode}; CREATE TABLE agents (theirs);"
            f"INSERT INTO agents VALUES ('kept'); PRAGMA user_version = {version}"
        )
        other.close()
        return path

    def seen_outside(self) -> dict:
        """What is there, and when last anything was made or taken away."""
        found: dict = {"": os.stat(self.outside).st_mtime_ns}
        for name in os.listdir(self.outside):
            with open(os.path.join(self.outside, name), "rb") as stream:
                found[name] = stream.read()
        return found

    def exchanged(self, one: str, two: str):
        """Another process exchanges the two until the test ends."""
        racer = subprocess.Popen(
            [sys.executable, "-I", "-c", EXCHANGER, one, two], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(racer.stdout.close)
        self.addCleanup(racer.wait)
        self.addCleanup(racer.kill)
        if racer.stdout.readline() != "begun\n":
            self.skipTest("renameat2 cannot exchange names here")

    def race(self, target: str) -> None:
        """The database opens, or is refused, and outside all stays as it is; some of the exchanges
        come between the look at the file and sqlite's open."""
        link = os.path.join(self.folder, "link")
        os.symlink(target, link)
        before, said = self.seen_outside(), Counter()
        self.exchanged(self.home.db_file, link)
        for number in range(TRIES * 200):
            try:
                with open_db(self.home, 0.5) as db:
                    people.join(db, "claude", float(number))
                said["opened"] += 1
            except StoreError as error:
                said["before" if "not a file but a link" in error.message else "between"] += 1
            if said.total() >= TRIES and min(said["opened"], said["between"]) >= TRIES / 50:
                break
        self.assertEqual(self.seen_outside(), before)
        self.assertGreaterEqual(min(said["opened"], said["between"]), TRIES / 50, said)

    @unittest.skipUnless(sys.platform == "linux", "renameat2 is Linux's")
    def test_another_database_is_never_opened_in_an_exchange(self):
        self.race(self.foreign())

    @unittest.skipUnless(sys.platform == "linux", "renameat2 is Linux's")
    def test_another_database_never_gets_tables_in_an_exchange(self):
        self.race(self.foreign(0))

    @unittest.skipUnless(sys.platform == "linux", "renameat2 is Linux's")
    def test_an_absent_file_is_never_made_in_an_exchange(self):
        self.race(os.path.join(self.outside, "absent.db"))

    def hot(self, victim: str, database: str) -> None:
        """Beside the database lies a journal as of one who died; sqlite deletes what it names."""
        name, magic, page = victim.encode(), bytes.fromhex("d9d505f920a163d7"), 4096
        pages = os.path.getsize(database) // page if os.path.exists(database) else 0
        with open(database + "-journal", "wb") as stream:
            stream.write((magic + struct.pack(">5I", 0, 0, pages, 512, page)).ljust(512, b"\0"))
            stream.write(struct.pack(">I", 0x40000000 // page + 1) + name)
            stream.write(struct.pack(">2I", len(name), sum(name)) + magic)

    def test_a_journal_is_not_played_back(self):
        victim = os.path.join(self.outside, "letter")
        path = self.home.db_file

        def changed(sql: str) -> None:
            raw = sqlite3.connect(path)
            raw.execute(sql)
            raw.close()

        for spoil in (
            lambda: None,
            lambda: changed("PRAGMA journal_mode = DELETE"),  # as the copy in an archive is
            lambda: changed("PRAGMA user_version = 3"),
            lambda: os.truncate(path, 8192),
            lambda: os.truncate(path, 0),
            lambda: os.unlink(path),
        ):
            shutil.rmtree(self.home.root)
            open_db(self.home).connection.close()
            with open(victim, "w", encoding="utf-8") as stream:
                stream.write("a letter of the person's\n")
            spoil()
            self.hot(victim, path)
            try:
                with open_db(self.home, 0.5) as db:
                    people.join(db, "claude", 1.0)
            except StoreError:
                pass
            self.assertTrue(os.path.exists(victim), inspect.getsource(spoil))

    def test_the_attack_works_on_sqlite_itself(self):
        victim = os.path.join(self.outside, "letter")
        with open(victim, "w", encoding="utf-8") as stream:
            stream.write("a letter of the person's\n")
        self.hot(victim, self.home.db_file)
        raw = sqlite3.connect(self.home.db_file)
        raw.execute("PRAGMA user_version").fetchone()
        raw.close()
        self.assertFalse(os.path.exists(victim))

    def test_a_database_that_is_not_ours_is_refused_and_a_reset_recovers(self):
        path, drained = self.home.db_file, []
        for version in (0, 3, VERSION, VERSION + 70):
            for mode in ("WAL", "DELETE"):
                with self.subTest(version=version, mode=mode):
                    os.replace(self.foreign(version, mode), path)
                    with open(path, "rb") as stream:
                        before = stream.read()
                    with self.assertRaisesRegex(DamagedError, "not a database of hcom's") as caught:
                        open_db(self.home)
                    self.assertIn("hcom reset", caught.exception.hint)
                    done = reset.reset(self.home, False, lambda *one: drained.append(one), 1.0)
                    kept = self.home.path("archive", done.set_aside, "hcom.db")
                    with open(kept, "rb") as stream:
                        self.assertEqual(stream.read(), before)
                    with open_db(self.home) as db:
                        people.join(db, "claude", 1.0)
        self.assertEqual(drained, [])


if __name__ == "__main__":
    unittest.main()
