"""SQL that users wrote: what it may do, and that it takes nobody's time but its own."""

import contextlib
import os
import signal
import subprocess
import unittest

from hcom.bus.message import Envelope, Sender
from hcom.errors import HcomError, StoreError
from hcom.home import Home
from hcom.hub import mail
from hcom.store import events, filters
from hcom.store.sieve import Sieve
from tests import sealed
from tests.test_store import Stored

MIB = 2**20
HALF = "substr(msg_text, 1, 500000)"
LONG = " || ".join(["msg_text"] * 12)
# Each is one step of sqlite on the text of a message, which no progress handler ends.
ENDLESS = {
    "instr": f"instr(msg_text, {HALF} || 'b') > 0",
    "like": f"{LONG} LIKE '%a{'_' * 490}b'",
    "glob": f"{LONG} GLOB '*a{'?' * 490}b'",
    "replace": f"length(replace(msg_text, {HALF} || 'b', '')) = 1",
    "trim": f"length(trim(msg_text, replace({HALF}, 'a', 'bc') || 'a')) = 1",
    "as a pattern": f"msg_text LIKE '%' || {HALF} || '_b'",
}
REFUSED = (
    "printf('%.*c', 900000000, 'x') <> ''",
    "format('%900000000d', 1) <> ''",
    "length(zeroblob(900000000)) > 0",
    "length(randomblob(900000000)) > 0",
    "load_extension('x') IS NULL",
    "fts3_tokenizer('x') IS NULL",
    "sqlite_compileoption_get(1) <> ''",
    "last_insert_rowid() = 1",
    "id = (PRAGMA user_version)",
    "1 IN (ATTACH 'x' AS y)",
)
HONEST = (
    "msg_text LIKE '%aab%' OR 1",
    "instr(msg_text, 'b') = 0",
    "length(replace(msg_text, 'a', 'bb')) > 1",
    "msg_text NOT LIKE '%x%' AND lower(msg_from) IN ('ci', 'nova')",
    "upper(substr(msg_text, 1, 2)) = 'AA'",
    "msg_delivered_to ->> 0 IS NULL OR 1",
    "EXISTS (SELECT 1 FROM json_each(msg_delivered_to)) OR trim(msg_from) = 'ci'",
    "timestamp > strftime('%Y', 'now', '-90 years') OR 1",
    "CAST(max(id, 1) AS TEXT) = coalesce(id || '', '')",
    "(SELECT group_concat(instance) FROM events_v) <> ''",
)


class Statements(Stored):
    def setUp(self):
        super().setUp()
        self.text = "a" * MIB
        mail.send(self.db(), Sender("ci", "external"), self.text, [], Envelope(), 1.0)

    def ask(self, sieve, expression: str):
        return events.latest_where(sieve, expression, (), 5)

    def test_one_step_without_an_end_is_killed(self):
        for name, expression in ENDLESS.items():
            with self.subTest(name), Sieve(self.home, 0.1) as sieve:
                with self.assertRaises(HcomError) as caught:
                    self.ask(sieve, expression)
                self.assertRegex(caught.exception.message, "took longer|memory|LIKE")
                if "took longer" in caught.exception.message:
                    self.assertEqual(sieve._process.wait(), -signal.SIGALRM)
                    with self.assertRaises(HcomError):  # and stays so
                        self.ask(sieve, "1")

    def test_what_may_not_be_called_is_refused_and_the_next_may_ask(self):
        with Sieve(self.home, 5.0) as sieve:
            for expression in REFUSED:
                with self.subTest(expression), self.assertRaises(HcomError):
                    self.ask(sieve, expression)
            for expression in HONEST:
                with self.subTest(expression):
                    found = self.ask(sieve, expression)
                    self.assertEqual([e.data["text"] for e in found], [self.text])

    def test_values_and_rows_have_bounds(self):
        with Sieve(self.home, 5.0) as sieve:
            for expression in (
                "length(replace(msg_text, 'a', msg_text)) > 0",
                "(WITH RECURSIVE c(x, n) AS (SELECT msg_text, 1 UNION ALL SELECT x || x, n + 1 "
                "FROM c WHERE n < 40) SELECT max(length(x)) FROM c) > 0",
            ):
                with self.subTest(expression), self.assertRaises(HcomError):
                    self.ask(sieve, expression)

    def test_a_database_that_cannot_be_read_is_no_fault_of_the_statement(self):
        elsewhere = Home(os.path.join(self.place, "file"), self.place)
        with open(elsewhere.root, "w", encoding="utf-8"):
            pass
        with Sieve(elsewhere, 0.1) as sieve, self.assertRaises(StoreError):
            sieve.execute("SELECT 1")

    def test_the_process_ends_with_who_asks(self):
        with Sieve(self.home, 5.0) as sieve:
            self.ask(sieve, "1")
        self.assertIsNotNone(sieve._process.returncode)
        with Sieve(self.home, 5.0) as sieve:
            sieve._process.stdin.close()  # as by the death of who asks
            self.assertEqual(sieve._process.wait(20), 0)
            sieve._process.stdin = None


class Ours(unittest.TestCase):
    def test_what_we_wrote_is_known_by_its_words(self):
        for text in ("created", "stopped:luna", "idle:luna", "user_input:luna", "file_edits:luna"):
            where = filters.preset(text, str)
            self.assertTrue(filters.is_ours(where.sql, where.params), text)
        for text in ('cmd:"x"', 'cmd-starts:luna:"x"', 'cmd-exact:"x"', "collision"):
            where = filters.preset(text, str)
            self.assertTrue(filters.is_ours(where.sql, where.params), text)
        given = {"agent": "luna", "type": "status", "file": "/a", "cmd": "x", "after": "#4"}
        where = filters.flags(given, str, str, 1.0)
        self.assertTrue(filters.is_ours(where.sql, where.params))
        where = filters.flags({"file": "a.py", "before": "10m"}, str, str, 1e9)
        self.assertTrue(filters.is_ours(where.sql, where.params))

    def test_nothing_else_is(self):
        for sql, params in (
            ("type = 'message'", []),
            ("(instance = ?", ["x"]),
            ("(instance = ?) OR (instance = ?)", ["x", "x"]),
            ("(instance = ?) AND (1)", ["x"]),
            ("-instance = ?-", ["x"]),
            (") AND (", []),
            ("(instance = ?) AND ", ["x"]),
            (filters.PRESETS["created"].everyone + " OR 1", []),
            (filters.preset('cmd:"x"', str).sql, ["x" * 2000]),
        ):
            with self.subTest(sql):
                self.assertFalse(filters.is_ours(sql, params))


class Subscribed(unittest.TestCase):
    def setUp(self):
        self.home = sealed.Home()
        self.addCleanup(self.home.remove)

    def off(self) -> "list[tuple]":
        return self.home.sql("SELECT owner FROM subscriptions WHERE off <> '' ORDER BY owner")

    def test_who_overruns_is_off_and_nobody_waits_for_it(self):
        luna, nova, kira, milo = (self.home.start() for _ in range(4))
        self.home.said("events", "sub", "--from", "ci", "--name", luna)
        for text in ("instr", "trim"):
            self.home.said("events", "sub", ENDLESS[text], "--name", nova)
        self.home.said("events", "sub", ENDLESS["replace"], "--for", nova, "--name", kira)
        self.home.said("events", "sub", "msg_from = 'ci'", "--name", milo)
        self.home.said("send", "--from", "ci", "--stdin", stdin="a" * (MIB - 9))
        told = {}
        self.home.until(lambda: len(self.off()) == 3, "all are off")
        for name in (luna, nova, milo):
            self.home.until(lambda: self.home.notices(name), "told")  # noqa: B023
            told[name] = self.home.notices(name)
        self.assertEqual(self.off(), [(nova,)] * 3)
        self.assertEqual(len(told[luna]), 1)
        self.assertTrue(all("takes too long" in said for said in told[nova]), told[nova])
        self.assertEqual(len(told[milo]), 1, "and each notice comes once")
        order = [
            name
            for (name,) in self.home.sql(
                "SELECT agent FROM deliveries JOIN events e ON e.id = event_id "
                "WHERE e.instance = 'hcom' ORDER BY event_id"
            )
        ]
        self.assertEqual((order[0], order[-1]), (luna, nova), "who overran before is last")

    def test_ones_own_sql_ends_with_ctrl_c(self):
        luna = self.home.start()
        self.home.said("send", "--from", "ci", "--stdin", stdin="a" * (MIB - 9))
        for command in (("events", "--sql"), ("listen", "--name", luna, "--sql")):
            with self.subTest(command):
                asking = subprocess.Popen(
                    ["hcom", *command, ENDLESS["instr"]],
                    env=self.home.env,
                    cwd=self.home.work,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
                self.addCleanup(asking.kill)
                self.home.until(lambda: len(self.sieves()) == 1, "it is asked")
                os.killpg(asking.pid, signal.SIGINT)
                _, errors = asking.communicate(timeout=30)
                self.assertEqual((asking.returncode, errors), (130, ""))
                self.assertEqual(self.sieves(), [])

    def sieves(self) -> "list[int]":
        """The processes of this home that run SQL of users."""
        found = []
        for pid in self.home.inmates():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
                if b"\0sift\0" in stream.read():
                    found.append(pid)
        return found


if __name__ == "__main__":
    unittest.main()
