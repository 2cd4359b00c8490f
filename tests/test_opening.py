"""Opening what somebody else may have put there: an agent in a sandbox that may write the folder of
the database and exchanges what is in it, another user, files that are none."""

import contextlib
import inspect
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import unittest
from collections import Counter

from hcom import home as homes
from hcom.adapters import base, jsonl
from hcom.adapters.codex import host
from hcom.delivery import bell
from hcom.errors import DamagedError, HcomError, StoreError
from hcom.hub import people
from hcom.ops import handover, reset
from hcom.store import agents
from hcom.store.connect import open_db
from hcom.store.schema import VERSION
from tests.racing import journal
from tests.sealed import Home
from tests.test_store import Stored
from tests.waiting import looks

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
        """Beside the database lies a journal as of one who died."""
        with open(database + "-journal", "wb") as stream:
            stream.write(journal(victim, database))

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

    def test_another_thread_may_open_files(self):
        with open_db(self.home) as db:
            people.join(db, "claude", 1.0, name="luna")
        before, over = os.stat(self.home.db_file).st_ino, threading.Event()

        def busy() -> None:
            while not over.is_set():
                with open(__file__, "rb"), open(os.devnull, "rb"):
                    pass

        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)
        thread = threading.Thread(target=busy)
        thread.start()
        try:
            for _ in range(300):
                with open_db(self.home) as db:
                    self.assertEqual([a.name for a in agents.every(db)], ["luna"])
        finally:
            over.set()
            thread.join()
        self.assertEqual(os.stat(self.home.db_file).st_ino, before)

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
        open_db(self.home).connection.close()
        raw = sqlite3.connect(path)
        raw.execute("DROP TABLE agents")
        raw.close()
        with self.assertRaises(DamagedError), open_db(self.home) as db:
            people.join(db, "claude", 1.0)
        self.assertIn("corrupt", reset.reset(self.home, False, lambda *_: None, 1.0).set_aside)


def fifo(path: str) -> None:
    os.mkfifo(path)


def listening(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


def endless(path: str) -> None:
    """A node of the machine's /dev/zero, made for the test."""
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    os.close(os.open(path, os.O_RDONLY))  # refused where nodes do nothing


def link(path: str) -> None:
    endless(path + ".node")
    os.symlink(path + ".node", path)


def huge(path: str) -> None:
    with open(path, "wb") as stream:
        stream.truncate(30_000_000)


def made(kinds, path: str):
    """Each of the kinds that can be made here, with nothing but one of it at `path` meanwhile."""
    for make in kinds:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        try:
            make(path)
        except PermissionError:
            continue
        yield make


class Special(unittest.TestCase):
    """What is no ordinary file is refused at once, in one line that names it, and stays."""

    KINDS = (fifo, listening, endless, link, huge)

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.home.start()

    def at(self, path: str, *steps) -> None:
        """With each kind of file at `path`: each of `steps` is (words, code, what it says)."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for make in made(self.KINDS, path):
            before = os.lstat(path)
            for words, code, said in steps:
                with self.subTest(make.__name__, words=words):
                    done = self.home.run(*words, timeout=20)
                    self.assertEqual(done.returncode, code, done)
                    self.assertRegex(done.stdout + done.stderr, said)
                    self.assertNotRegex(done.stderr, "bug|Traceback")
                    after = os.lstat(path)
                    self.assertEqual(
                        (after.st_ino, after.st_mode, after.st_size, after.st_mtime_ns),
                        (before.st_ino, before.st_mode, before.st_size, before.st_mtime_ns),
                    )

    NO_FILE = "not a regular file|larger than"

    def test_settings_of_a_client(self):
        path = os.path.join(self.home.root, ".claude", "settings.json")
        self.at(
            path,
            (["hooks", "add", "claude"], 1, f"(?s){path}.*({self.NO_FILE})"),
            (["hooks", "remove", "claude"], 1, f"(?s){path}.*({self.NO_FILE})"),
            (["hooks"], 0, "claude"),
            (["status"], 0, "claude"),
        )

    def test_our_settings(self):
        self.at(
            os.path.join(self.home.hcom_dir, "config.env"),
            (["config", "tag", "dev"], 1, f"config.env: ({self.NO_FILE})"),
            (["config", "--reset"], 1, f"config.env: ({self.NO_FILE})"),
            (["config"], 0, f"config.env is ignored: ({self.NO_FILE})"),
            (["list"], 0, "."),
        )

    def test_a_script(self):
        self.at(
            os.path.join(self.home.hcom_dir, "scripts", "x.sh"),
            (["run"], 0, "."),
            (["run", "x", "--source"], 1, f"no script|{self.NO_FILE}"),
        )

    def test_the_database_and_what_is_beside_it(self):
        folder = os.path.join(self.home.hcom_dir, "db")
        for name in ("hcom.db-wal", "hcom.db-shm", "hcom.db"):
            path = os.path.join(folder, name)
            for make in made((fifo, listening, endless, link), path):
                with self.subTest(make.__name__, name=name):
                    done = self.home.run("list", timeout=20)
                    self.assertEqual(done.returncode, 1, done)
                    self.assertRegex(done.stderr, rf"\A[^\n]*{name}: not a [^\n]*\n\Z")
                os.unlink(path)

    def test_what_clients_and_launches_leave(self):
        path = os.path.join(self.home.root, "special")
        place = homes.Home(self.home.hcom_dir, self.home.root)
        readers = (
            lambda: self.assertEqual(jsonl.tail(path), []),
            lambda: self.assertEqual(base.document(path), {}),
            lambda: self.assertFalse(host.is_shared(0, path)),
            lambda: self.assertRaises(HcomError, handover.take, place, "l1"),
        )
        for make in (fifo, listening, endless):
            try:
                make(path)
            except PermissionError:
                continue
            place_of = place.kept("launch", "l1.json")
            os.makedirs(os.path.dirname(place_of), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place_of)
            os.link(path, place_of)
            for read in readers:
                read()
            os.unlink(path)

    def test_a_home_that_may_not_be_one(self):
        theirs = os.path.join(self.home.root, "theirs")
        shutil.copytree(self.home.hcom_dir, theirs, symlinks=True)
        for path, said in (
            (os.path.join(self.home.root, "a\nb"), "not a name for HCOM_DIR"),
            (os.path.join(self.home.root, "a\udcff"), "not a name for HCOM_DIR"),
            (theirs, "belongs to another user"),
        ):
            if path == theirs:
                if os.geteuid():
                    continue  # only root can give a folder away
                os.chown(theirs, 65534, 65534)
            for words in (["list"], ["hooks", "add", "claude"], ["hooks", "remove"], ["status"]):
                with self.subTest(path=path, words=words):
                    done = self.home.run(*words, env={"HCOM_DIR": path})
                    self.assertEqual((done.returncode, done.stdout), (1, ""), done)
                    self.assertRegex(done.stderr, rf"\Ahcom: [^\n]*{said}[^\n]*\n\Z")
        self.assertFalse(os.path.exists(os.path.join(self.home.root, ".claude")))

    @unittest.skipIf(os.geteuid(), "only root can give files away")
    def test_what_belongs_to_another_user(self):
        self.home.program("claude", "")
        self.home.said("hooks", "add", "claude")
        self.home.said("config", "tag", "dev")
        for part, words, code in (
            ("db/hcom.db", ["list"], 1),
            ("db", ["hooks", "add", "claude"], 1),
            (".agents", ["hooks", "add", "claude"], 1),
            ("config.env", ["config", "tag", "x"], 1),
            ("config.env", ["config"], 0),
        ):
            path = os.path.join(self.home.hcom_dir, part)
            os.chown(path, 65534, 65534)
            with self.subTest(part, words=words):
                done = self.home.run(*words)
                self.assertEqual(done.returncode, code, done)
                self.assertIn("belongs to another user", done.stderr)
            os.chown(path, 0, 0)
        hook = os.path.join(self.home.hcom_dir, ".agents", "hook")
        os.chown(hook, 65534, 65534)
        self.home.said("hooks", "add", "claude")
        self.assertEqual(os.stat(hook).st_uid, 0)


class Replaced(unittest.TestCase):
    """Who waits on a database that is no longer there ends with a word."""

    def test_waiters_end(self):
        home = Home()
        self.addCleanup(home.remove)
        folder = os.path.join(home.hcom_dir, "db")
        place = homes.Home(home.hcom_dir, home.root)
        for replace in (lambda: None, lambda: home.said("list")):
            for words in (["listen", "60"], ["events", "--wait", "60"]):
                luna = home.start()
                name = luna if words[0] == "listen" else bell.EVERYONE
                with self.subTest(words=words):
                    waiter = subprocess.Popen(
                        ["hcom", *words, "--name", luna],
                        env=home.env,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                    )
                    for _ in looks(20):
                        if os.path.exists(place.run(homes.BELLS, f"{name}.{waiter.pid}")):
                            break
                    os.rename(folder, folder + f".{waiter.pid}")
                    replace()
                    bell.ring(place, [name])
                    out, said = waiter.communicate(timeout=30)
                    self.assertEqual((waiter.returncode, out), (1, ""), said)
                    self.assertRegex(said, r"\Ahcom: the database was replaced [^\n]*\n\Z")


class Kept(unittest.TestCase):
    """What a client's settings are besides their text stays."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.path = os.path.join(self.home.root, ".claude", "settings.json")

    def write(self) -> None:
        os.makedirs(os.path.dirname(self.path))
        with open(self.path, "w", encoding="utf-8") as stream:
            stream.write("{}")

    def look(self) -> tuple:
        found = os.stat(self.path)
        names = os.listxattr(self.path) if sys.platform == "linux" else ()
        attributes = [(name, os.getxattr(self.path, name)) for name in names]
        return found.st_mode, found.st_uid, found.st_gid, attributes

    def test_owner_group_mode_and_attributes(self):
        self.write()
        if not os.geteuid():
            os.chown(self.path, 65534, 65533)
        os.chmod(self.path, 0o640)
        with contextlib.suppress(AttributeError, OSError):
            os.setxattr(self.path, "user.note", b"mine")
        before = self.look()
        for words in ("add", "remove"):
            self.home.said("hooks", words, "claude")
            self.assertEqual(self.look(), before)

    def test_a_hard_link_leads_to_the_same_file_afterwards(self):
        self.write()
        other = os.path.join(self.home.root, "dotfiles.json")
        os.link(self.path, other)
        for verb, there in (("add", True), ("remove", False)):
            self.home.said("hooks", verb, "claude")
            self.assertTrue(os.path.samefile(self.path, other))
            with open(other, encoding="utf-8") as stream:
                self.assertEqual("hcom_dir=" in stream.read(), there)

    def test_a_mount_of_its_own_is_written_in_place(self):
        self.write()
        before = os.stat(self.path).st_ino
        mount = 'mount --bind "$1" "$1" || exit 99; hcom hooks "$2" claude'
        for verb, there in (("add", True), ("remove", False)):
            done = subprocess.run(
                ["unshare", "-m", "sh", "-c", mount, "sh", self.path, verb],
                env={**self.home.env, "PATH": f"{self.home.env['PATH']}:/usr/sbin:/sbin"},
                capture_output=True,
                text=True,
            )
            if done.returncode == 99 or "unshare" in done.stderr:
                self.skipTest("nothing can be mounted here")
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(os.stat(self.path).st_ino, before)
            with open(self.path, encoding="utf-8") as stream:
                self.assertEqual("hcom_dir=" in stream.read(), there)

    def test_nothing_is_made_wider_than_private(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        project = os.path.join(self.home.root, "new", "project", ".hcom")
        for env in (None, {"HCOM_DIR": project}):
            for tool in ("claude", "gemini"):
                self.home.program(tool, "echo 9.9.9")
                self.home.said("hooks", "add", tool, env=env)
            self.home.said("config", "tag", "dev", env=env)
            self.home.said("start", env=env)
        for top in (".claude", ".gemini", ".hcom", "new"):
            for folder, folders, files in os.walk(os.path.join(self.home.root, top)):
                for name in (*folders, *files, ""):
                    path = os.path.join(folder, name)
                    if not os.path.islink(path):
                        self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)


if __name__ == "__main__":
    unittest.main()
