"""The store on a real file: races, migrations, what verbs leave, users' SQL in its sandbox."""

import contextlib
import gc
import inspect
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import warnings
from unittest import mock

from hcom import log
from hcom.bus.message import Envelope, Sender
from hcom.delivery import marks
from hcom.errors import HcomError, LockedError, StoreError
from hcom.home import Home
from hcom.hub import archive, mail, people
from hcom.store import agents, connect, deliveries, devices, events, subscriptions
from hcom.store.connect import open_db, transaction
from hcom.store.restricted import open_sandboxed
from hcom.store.schema import MIGRATIONS, VERSION

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

BUSY_S = 0.05  # in place of the store's own, which a test need not wait for


class Stored(unittest.TestCase):
    """A database of its own for each test."""

    def setUp(self):
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="hcom-store-"))
        self.addCleanup(shutil.rmtree, self.place, True)
        self.home = Home(os.path.join(self.place, ".hcom"), self.place)

    def db(self):
        db = open_db(self.home)
        self.addCleanup(db.connection.close)
        return db

    def processes(self, count: int, code: str, *args: str) -> list[tuple[int, str, str]]:
        """Exit code, stdout and stderr of `count` Python processes begun at once; {n} is each one's
        number, `home` the test's home."""
        head = (
            f"import sys, time; sys.path.insert(0, {ROOT!r})\n"
            "from hcom.home import Home\nfrom hcom.store.connect import open_db, transaction\n"
            f"home = Home({self.home.root!r}, {self.home.tools!r})\n"
            f"while time.time() < {time.time() + 0.5}: pass\n"
        )
        env = {"HOME": self.place, "PATH": "/usr/bin:/bin", "HCOM_DIR": self.home.root}
        started = [
            subprocess.Popen(
                [sys.executable, "-I", "-c", head + code, str(n), *args],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(count)
        ]
        said = [process.communicate(timeout=120) for process in started]
        return [(process.returncode, *out) for process, out in zip(started, said)]


class Opening(Stored):
    def test_eight_race_for_the_first_open(self):
        for _ in range(3):
            shutil.rmtree(self.home.root, ignore_errors=True)
            done = self.processes(
                8,
                "with open_db(home) as db, transaction(db):\n    db.execute("
                "'INSERT INTO resets VALUES (?, 1)', sys.argv[1:])",
            )
            self.assertEqual(done, [(0, "", "")] * 8)
            with open_db(self.home) as db:
                self.assertEqual(db.execute("SELECT count(*) FROM resets").fetchone()[0], 8)
                self.assertEqual(db.execute("PRAGMA journal_mode").fetchone()[0], "wal")

    def test_the_database_may_get_its_folder_while_it_is_opened(self):
        shutil.rmtree(self.home.root, ignore_errors=True)

        class Raced(Home):
            @property
            def db_file(self):
                found = super().db_file
                with open_db(Home(*self)):
                    return found

        with open_db(Raced(*self.home)) as db:
            self.assertEqual(db.execute("PRAGMA journal_mode").fetchone()[0], "wal")

    def test_everything_is_private_whatever_the_umask(self):
        for mask in (0o000, 0o777, 0o277, 0o022):
            with self.subTest(oct(mask)):
                shutil.rmtree(self.home.root, ignore_errors=True)
                old = os.umask(mask)
                try:
                    db = self.db()
                    with transaction(db):
                        events.append_life(db, "luna", "created", "luna", "", "", 1.0)
                    marks.mark(self.home, ["s1"], "luna")
                    log.to(self.home.root)
                    log.log("test.done")
                    archive.reset(self.home, 5.0)
                finally:
                    log.to("")
                    self.assertEqual(os.umask(old), mask)
                found = 0
                for folder, _, files in os.walk(self.home.root):
                    self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700, folder)
                    for name in files:
                        path = os.path.join(folder, name)
                        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)
                        found += 1
                self.assertGreater(found, 6)  # the database and its logs, a mark, locks, an archive

    def test_migrations_keep_all_data(self):
        for old in range(1, VERSION):
            with self.subTest(old):
                shutil.rmtree(self.home.root, ignore_errors=True)
                os.mkdir(self.home.root)
                raw = sqlite3.connect(self.home.db)
                for step in MIGRATIONS[:old]:
                    raw.executescript(step)
                raw.executescript(
                    f"PRAGMA user_version = {old};"
                    "INSERT INTO events VALUES (7, '2026-01-01T00:00:00.000Z', 'message', 'luna',"
                    """'{"from":"luna","text":"hi","sender_kind":"instance","delivered_to":[]}');"""
                    "INSERT INTO agents (name, tool, client, status, status_at, created_at) VALUES"
                    """ ('nova', 'x', '{"config":"/x","token":"t"}', 'active', 1, 1);"""
                    + (
                        "INSERT INTO deliveries (event_id, agent, state, wakes, offered_at) VALUES"
                        " (7, 'nova', 'offered', 1, 5.0), (7, 'kira', 'queued', 1, NULL);"
                        if old < 5
                        else "INSERT INTO deliveries (event_id, agent, state, wakes) VALUES"
                        " (7, 'nova', 'leased', 1), (7, 'kira', 'queued', 1);"
                    )
                    + ("UPDATE watch SET up_to = 7;" if old > 1 else "")
                )
                raw.close()
                db = self.db()
                self.assertEqual(events.find(db, 7).data["text"], "hi")
                self.assertEqual(agents.find(db, "nova").status, "active")
                self.assertEqual(
                    deliveries.receipts(db, 7),
                    {"nova": "delivered" if old < 4 else "leased", "kira": "queued"},
                )
                deliveries.see(db, "nova", [7])
                self.assertEqual(deliveries.receipts(db, 7)["nova"], "seen")
                if old < 5:  # where it was still written
                    self.assertEqual(agents.find(db, "nova").client, {"config": "/x"})
                self.assertEqual(
                    subscriptions.matched_up_to(db), (7 if old > 1 else 0, 7 if 1 < old < 6 else 0)
                )
                own = devices.own(db)
                self.assertEqual((own.seq, own.up_to), (0, -1))  # no relay was used
                self.assertEqual(db.execute("PRAGMA user_version").fetchone()[0], VERSION)

    def test_an_open_changes_nothing_that_is_up_to_date(self):
        self.db()
        before = self.db().execute("PRAGMA schema_version").fetchone()[0]
        self.assertEqual(self.db().execute("PRAGMA schema_version").fetchone()[0], before)

    def test_what_cannot_be_opened_says_why(self):
        def newer():
            self.db().connection.close()
            raw = sqlite3.connect(self.home.db)
            raw.execute(f"PRAGMA user_version = {VERSION + 1}")
            raw.close()

        def junk():
            with open(self.home.db, "wb") as stream:
                stream.write(b"this is no database " * 500)

        def torn():
            self.db().connection.close()
            with open(self.home.db, "r+b") as stream:
                stream.seek(4096)
                stream.write(b"\xff" * 65536)

        def folder():
            os.mkdir(self.home.db)

        for spoil, said in (
            (newer, "newer hcom"),
            (junk, "corrupt"),
            (torn, "corrupt"),
            (folder, "not a regular file"),
        ):
            with self.subTest(spoil.__name__):
                shutil.rmtree(self.home.root, ignore_errors=True)
                os.mkdir(self.home.root)
                spoil()
                with self.assertRaises(StoreError) as caught, open_db(self.home) as db:
                    people.join(db, "claude", 1.0)
                self.assertIn(said, caught.exception.message)
                self.assertNotIn("\n", caught.exception.message)

    def test_locked_and_then_free(self):
        self.db()
        holder = sqlite3.connect(self.home.db, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN IMMEDIATE")
        with self.assertRaises(LockedError), open_db(self.home, 0.05) as db:
            people.join(db, "claude", 1.0)
        holder.execute("ROLLBACK")
        with open_db(self.home, 0.05) as db:
            self.assertEqual(len(people.listed(db, 1.0)), 0)
            people.join(db, "claude", 1.0)

    def joined(self, limit_s: "float | None", writes: bool) -> None:
        """An agent joins beside somebody who holds the database, and writes before each of its
        tries if `writes`; without a limit only for longer than is waited for who does not."""
        holder = sqlite3.connect(self.home.db, isolation_level=None)
        over = time.monotonic() + 3 * BUSY_S

        def tried(statement: str) -> None:
            if writes and statement == "BEGIN IMMEDIATE" and holder.in_transaction:
                holder.execute("UPDATE watch SET up_to = up_to + 1")
                holder.execute("COMMIT")
                if limit_s or time.monotonic() < over:
                    holder.execute("BEGIN IMMEDIATE")

        holder.execute("BEGIN IMMEDIATE")
        with (
            contextlib.closing(holder),
            mock.patch.object(connect, "BUSY_S", BUSY_S),
            open_db(self.home, limit_s) as db,
        ):
            db.connection.set_trace_callback(tried)
            people.join(db, "claude", 1.0)

    def test_who_waits_has_a_turn_as_long_as_others_write(self):
        self.db()
        self.joined(None, writes=True)
        for limit_s, writes in ((None, False), (BUSY_S, True)):
            self.assertRaises(LockedError, self.joined, limit_s, writes)

    def test_an_interrupt_is_never_taken_for_a_damaged_database(self):
        """Whatever sqlite was about to call when it came."""

        def interrupt(_number, _frame):
            self.heard += 1
            raise KeyboardInterrupt

        def work() -> None:
            before = self.heard
            while self.heard == before:
                with open_db(self.home) as db, transaction(db):
                    db.execute("UPDATE agents SET status = 'active'")
                    db.execute("SELECT name, tag, directory FROM agents").fetchall()

        self.db()
        self.heard = 0
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
        delays = random.Random(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one that has just been opened when it comes
            for _ in range(300):
                with contextlib.suppress(KeyboardInterrupt):
                    signal.setitimer(signal.ITIMER_REAL, delays.uniform(1e-4, 2e-3))
                    work()
            gc.collect()
        self.assertEqual(self.heard, 300)

    def test_the_folder_of_the_database_may_be_in_anybodys_hands(self):
        open_db(self.home).connection.close()
        self.assertEqual(os.readlink(self.home.db), "db/hcom.db")
        outside = os.path.join(self.place, "outside.db")
        shutil.rmtree(os.path.join(self.home.root, "db"))
        open_db(self.home).connection.close()  # made again
        os.unlink(self.home.db_file)
        os.symlink(outside, self.home.db_file)
        with self.assertRaisesRegex(StoreError, "a link"):
            open_db(self.home)
        self.assertFalse(os.path.exists(outside))
        self.assertEqual(self.home.shared[0], os.path.join(self.home.root, "db"))
        os.unlink(self.home.db_file)
        db = self.db()
        people.join(db, "claude", 1.0, name="luna")
        for name in ("/tmp/x", "../x", ".bashrc"):
            db.execute("UPDATE agents SET name = ?", (name,))
            with self.assertRaises(StoreError), open_db(self.home) as other:
                people.listed(other, 1.0)

    def test_a_home_in_the_root_directory(self):
        home = Home("/" + self.home.root, self.place)  # as HCOM_DIR=$PWD/.hcom says in /
        open_db(home).connection.close()
        self.assertTrue(os.path.exists(self.home.db))

    def test_a_transaction_is_all_or_nothing(self):
        db = self.db()
        for error in (ValueError, KeyboardInterrupt):
            with self.assertRaises(error), transaction(db):
                events.append_life(db, "luna", "created", "luna", "", "", 1.0)
                raise error
        self.assertEqual(events.last_id(db), 0)
        self.assertFalse(db.connection.in_transaction)


SEND = """
from hcom.bus.message import Envelope, Sender
from hcom.hub import mail
who, count = f"from{sys.argv[1]}", int(sys.argv[2])
for i in range(count):
    with open_db(home, 60) as db:
        mail.send(db, Sender(who, "external"), f"{who} {i}", [], Envelope(), time.time())
"""
CLAIM = """
import os
from hcom.hub import mail
from hcom.store import agents
from hcom.store.deliveries import Into
name, total = "agent" + "abcdefghijklmnopqrstuvwxyz"[int(sys.argv[1]) // 2], int(sys.argv[2])
ended = home.path(f"ended-{name}")
while not os.path.exists(ended):
    with open_db(home, 60) as db:
        with transaction(db):
            got = mail.lease(db, agents.find(db, name), Into("tool"), 2000, time.time())
        for one in got.messages:
            print(name, one.text)
        if got.messages:
            mail.delivered(db, name, got.ids, time.time())
        elif total == db.execute("SELECT count(*) FROM deliveries WHERE agent = ? "
                                 "AND state <> 'queued'", (name,)).fetchone()[0]:
            open(ended, "w").close()
"""


class Racing(Stored):
    def test_many_send_and_each_listener_claims_twice_over(self):
        # bench/run.py does 20 x 50 to 20. Two claimers for each agent, as with parallel tool calls.
        senders, each, listeners = 8, 12, 6
        with open_db(self.home) as db:
            for n in range(listeners):
                people.join(db, "claude", 1.0, name="agent" + "abcdefghijklmnopqrstuvwxyz"[n])
        total = senders * each
        code = (
            f"import subprocess\nif int(sys.argv[1]) >= {2 * listeners}:\n"
            f"    sys.argv[1:] = [str(int(sys.argv[1]) - {2 * listeners}), '{each}']\n"
            + "".join("    " + line + "\n" for line in SEND.strip().split("\n"))
            + "    sys.exit()\n"
            + CLAIM
        )
        done = self.processes(2 * listeners + senders, code, str(total))
        self.assertEqual([err for code, _, err in done if code or err], [])
        got: dict[str, list[str]] = {}
        for _, out, _ in done:
            for line in out.splitlines():
                name, _, text = line.partition(" ")
                got.setdefault(name, []).append(text)
        wanted = sorted(f"from{s} {i}" for s in range(senders) for i in range(each))
        self.assertEqual(len(got), listeners)
        for name, texts in got.items():
            self.assertEqual(sorted(texts), wanted, name)

    def test_subagents_that_begin_at_once_have_names_of_their_own(self):
        people.join(self.db(), "claude", 1.0, name="luna")
        code = (
            "from hcom.hub import people\nfrom hcom.store import agents\n"
            "with open_db(home, 30.0) as db:\n"
            "    luna = agents.find(db, 'luna')\n"
            "    for n in range(8):\n"
            "        print(people.join_subagent(db, luna, f'k{sys.argv[1]}-{n}', 1.0).name)\n"
        )
        said = self.processes(4, code)
        self.assertEqual([(code, error) for code, _, error in said], [(0, "")] * 4)
        called = sorted(name for _, out, _ in said for name in out.split())
        self.assertEqual(called, sorted(f"luna_{n}" for n in range(1, 33)))


class Verbs(Stored):
    def test_only_the_moves_of_the_table_are_possible(self):
        db = self.db()
        verbs = {
            "lease": lambda: deliveries.lease(db, "luna", [1], 7, "7@", deliveries.Into(), 9.0),
            "deliver": lambda: deliveries.deliver(db, "luna", [1], 9.0),
            "see": lambda: deliveries.see(db, "luna", [1]),
            "release": lambda: deliveries.release(db, "luna", [1]),
            "requeue": lambda: deliveries.requeue(db, "luna", [1]),
            "refuse": lambda: deliveries.refuse(db, "luna", [1]),
            "retire": lambda: deliveries.retire(db, "luna"),
            "revive": lambda: deliveries.revive(db, "luna"),
        }
        written = [f for f in vars(deliveries).values() if inspect.isfunction(f)]
        changing = {f.__name__ for f in written if "UPDATE" in inspect.getsource(f)}
        self.assertEqual(changing, set(verbs))
        self.assertEqual(set(deliveries.MOVES), set(verbs))
        events.append(db, "message", "ci", {}, 1.0)
        deliveries.queue(db, 1, ["luna", "nova"], True)
        for verb, act in verbs.items():
            before, after, _guard = deliveries.MOVES[verb]
            for state in deliveries.STATES:
                with self.subTest(verb, state=state):
                    db.execute("UPDATE deliveries SET state = ?", (state,))
                    act()
                    here = after if state in before else state
                    self.assertEqual(deliveries.receipts(db, 1), {"luna": here, "nova": state})
        with self.assertRaises(sqlite3.IntegrityError):
            db.execute("UPDATE deliveries SET state = 'offered'")

    def test_statuses_never_go_back(self):
        db = self.db()
        people.join(db, "claude", 1.0, name="luna")
        agents.set_status(db, "luna", "active", "prompt", "x", 10.0)
        agents.set_status(db, "luna", "listening", "stop", "", 9.0)
        self.assertEqual(agents.find(db, "LUNA").status, "active")
        agents.set_status(db, "luna", "listening", "stop", "", 11.0)
        agents.used_tool(db, "luna", "tool:Bash", "late", 12.0)
        self.assertEqual(agents.find(db, "luna").context, "stop")  # a late tool opens no turn

    def test_a_time_is_stored_in_utc_and_sorts_as_text(self):
        self.assertEqual(events.timestamp(0.0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(events.timestamp(1.9999), "1970-01-01T00:00:01.999Z")
        self.assertLess(events.timestamp(1e9), events.timestamp(1e9 + 0.001))


class Sandbox(Stored):
    def setUp(self):
        super().setUp()
        db = self.db()
        people.join(db, "claude", 1.0, name="luna")
        for n in range(50):
            mail.send(db, Sender("ci", "external"), f"it's {n}", [], Envelope(), float(n))

    def ask(self, expression: str, params=(), budget: float = 5.0):
        with open_sandboxed(self.home, budget) as sandboxed:
            return events.latest_where(sandboxed, expression, params, 1000)

    def test_reading(self):
        for expression, count in (
            ("1", 51),
            ("type = 'message'", 50),
            ("msg_text = 'it''s 7'", 1),
            ("msg_text LIKE '%''s 1%'", 11),
            ("msg_text = ')'", 0),
            ("msg_text = ';--/*'", 0),
            ("\"type\" = 'life'", 1),
            ("[type] = 'life'", 1),
            ("`type` = 'life'", 1),
            ("id IN (SELECT max(id) FROM events)", 1),
            ("EXISTS (SELECT 1 FROM json_each(msg_delivered_to) WHERE value = 'luna')", 50),
            ("msg_from = 'ci'\n  AND id < 5", 3),
        ):
            with self.subTest(expression):
                self.assertEqual(len(self.ask(expression)), count)
        self.assertEqual(len(self.ask("msg_from = ? AND id > ?", ("ci", 40))), 11)

    def test_refused(self):
        endless = (
            "id IN (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
            "SELECT x FROM c)"
        )
        for expression in (
            "",
            "  ",
            "type =",
            "nosuch = 1",
            "1; DROP TABLE events",
            "1; SELECT 1",
            "1 -- x",
            "1 /* x",
            "1 /* x */",
            "1)",
            "(1",
            "1) OR (1",
            "') OR (1",
            "a' OR '1",
            '"',
            "[",
            "`x",
            "1 ORDER BY id",
            "1 LIMIT 5",
            "id IN (DELETE FROM events RETURNING id)",
            "id = (PRAGMA user_version)",
            "EXISTS (SELECT * FROM pragma_user_version)",
            "EXISTS (SELECT * FROM pragma_table_info('events'))",
            "load_extension('x')",
            "1 IN (ATTACH 'x' AS y)",
            "ATTACH DATABASE 'x' AS y",
            "id = ?",
            "id = :x AND msg_from = :y",
            "id = 1\0",
            "writefile('/tmp/x', 'y')",
            "id IN (VACUUM)",
            "1 UNION SELECT 1",
            "typo(id)",
            endless,
            "(SELECT count(*) FROM events a, events b, events c, events d, events e) > 0",
            "length(zeroblob(2000000000)) > 0",
        ):
            with self.subTest(expression), self.assertRaises(HcomError) as caught:
                self.ask(expression, (), 0.2)
            self.assertNotIn("\n", caught.exception.message)
            self.assertNotIn("bug", caught.exception.message)
        self.assertEqual(len(self.ask("1")), 51)

    def test_the_connection_itself_only_reads(self):
        with open_sandboxed(self.home) as sandboxed:
            for statement in (
                "DELETE FROM events",
                "CREATE TABLE x (y)",
                "PRAGMA query_only = 0",
                "ATTACH ':memory:' AS x",
                "BEGIN IMMEDIATE",
                "SELECT load_extension('x')",
                "CREATE TEMP TABLE x (y)",
                "REINDEX",
                "ANALYZE",
            ):
                with self.subTest(statement), self.assertRaises(sqlite3.Error):
                    sandboxed.execute(statement)

    def test_a_home_with_an_odd_name(self):
        odd = os.path.join(self.place, "a ?#%20'\"$x\u00e9", ".hcom")
        os.makedirs(odd)
        self.home = Home(odd, os.path.dirname(odd))
        self.db()
        self.assertEqual(self.ask("1"), [])


if __name__ == "__main__":
    unittest.main()
