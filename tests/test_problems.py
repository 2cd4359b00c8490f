"""What `hcom status` finds wrong: each row of its table is found where it holds, and nowhere else;
the page docs/troubleshooting.md is the table. `python3 -m tests.test_readme` rewrites it."""

import contextlib
import json
import os
import re
import sqlite3
import sys
import unittest
from pathlib import Path
from unittest import mock

from hcom import home as homes
from hcom import log
from hcom.demo.terminal import Terminal
from hcom.errors import StoreError
from hcom.ops import problems
from hcom.process import start_of
from hcom.store import connect, kept, schema
from hcom.store.connect import open_db
from tests.sealed import ROOT, Home
from tests.test_homes import foreign

SAID = {"database": "ok", "permissions": "700", "tools": {}, "foreign": ""}
HINTS = {"database": "", "terminal": ""}
TOOL = {"program": "/bin/claude", "hooks": True, "advice": ""}
# What sqlite says, and the row that explains it.
DATABASE = {
    "database is locked": "The database is locked",
    "database or disk is full": "The disk is full",
    "attempt to write a readonly database": "The same, of the database",
    "unable to open database file": "The same, of the database",
    "file is not a database": "The database is damaged",
    "database disk image is malformed": "The database is damaged",
    "no such table: events": "The database is damaged",
    "something new": "The database cannot be used for another reason",
}


def shown(facts: problems.Facts) -> list[str]:
    """The names of the rows that hold."""
    return [row.name for row in problems.PROBLEMS if row.check and list(row.check(facts))]


class Rows(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.place = homes.Home(self.home.hcom_dir, self.home.root)

    def facts(self, **more) -> problems.Facts:
        tools = {"claude": TOOL}
        facts = problems.Facts(self.place, {}, {**SAID, "tools": tools}, [], [], HINTS)
        return facts._replace(**more)

    def said(self, **more) -> problems.Facts:
        facts = self.facts()
        return facts._replace(said={**facts.said, **more})

    def told(self, error: str) -> problems.Facts:
        found = connect.translated(sqlite3.OperationalError(error), self.place)
        return self.said(database=found.message)._replace(hints={**HINTS, "database": found.hint})

    def test_nothing_is_wrong(self):
        self.assertEqual(shown(self.facts()), [])

    def test_what_the_database_says(self):
        for error, name in DATABASE.items():
            with self.subTest(error):
                self.assertEqual(shown(self.told(error)), [name])

    def test_each_of_the_rest(self):
        def tool(**more) -> problems.Facts:
            return self.said(tools={"claude": {**TOOL, **more}})

        newer = self.said(database="the database is of a newer hcom (format 99)")
        table = {
            "The home is read-only, or there is none": self.said(permissions="500, read-only"),
            "Others can read the messages": self.said(permissions="755"),
            "Another program named hcom has its own ~/.hcom": self.said(foreign="/x/.hcom"),
            "The database is of a newer hcom": newer._replace(hints={**HINTS, "database": "x"}),
            "A setting cannot be read": self.facts(config=["config.env line 2 is ignored"]),
            "A client has no hooks": tool(hooks=False),
            "A client's hooks are old, off or not trusted": tool(advice="codex trusts none"),
            "Over ssh, in no multiplexer": self.facts(env={"SSH_CONNECTION": "x"}),
            "No window can be opened (in a container, over ssh, without a display)": self.facts(
                hints={**HINTS, "terminal": "use --headless"}
            ),
        }
        for name, facts in table.items():
            with self.subTest(name):
                self.assertEqual(shown(facts), [name])
        self.assertEqual(shown(self.facts(env={"SSH_CONNECTION": "x", "TMUX": "y"})), [])
        gone = tool(program="")
        self.assertEqual(
            shown(gone), ["No client is installed", "Hooks are there, and their client is not"]
        )
        with mock.patch.dict(sys.modules, {"curses": None}):
            self.assertEqual(shown(self.facts()), ["There is no dashboard"])
        self.home.said("list")
        with mock.patch.object(problems, "LOW_BYTES", 1 << 80):
            self.assertEqual(shown(self.facts()), ["The disk is nearly full"])


class Status(unittest.TestCase):
    """The command itself, where it is so."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def todo(self, **env) -> str:
        return "\n".join(json.loads(self.home.said("status", "--json", env=env))["todo"])

    def test_hooks_that_run_what_is_gone(self):
        self.home.program("claude", "echo 2.1.332")
        self.home.said("hooks", "add", "claude")
        self.assertNotIn("gone", self.todo())
        hook = Path(self.home.hcom_dir, ".agents/hook")
        hook.write_text(hook.read_text().replace("hcom_main=", "hcom_main=/gone"))
        self.assertRegex(self.todo(), r"hooks run /gone/.*, which is gone: hcom hooks add")
        self.home.said("hooks", "add", "claude")
        self.assertNotIn("gone", self.todo())

    def test_an_agent_that_is_deaf(self):
        name = self.home.start()
        self.assertNotIn(name, self.todo())
        self.home.change("UPDATE agents SET tool = 'codex', session = 'x', launch = 'l'")
        self.assertNotIn(name, self.todo())  # its first hook comes with its first prompt
        self.home.change("UPDATE agents SET launch = ''")  # it joined in a prompt
        self.assertRegex(self.todo(), f"no hook of {name} was heard: see to .*, end it, and resume")
        self.home.change("UPDATE agents SET wake_failure = 'no hooks heard yet'")
        self.assertIn(f"no hook of {name} was heard: see to its", self.todo())
        self.assertIn(f"{name} was not woken: no hooks heard yet; see to its", self.todo())
        self.assertNotIn("hcom term", self.todo())  # it has no terminal of ours, nothing to kill
        self.home.change("UPDATE agents SET launch = 'launch-l'")
        self.wrapped("launch-l")
        self.assertIn(f"no hook of {name} was heard: hcom term {name} shows", self.todo())
        self.assertIn(f"{name} was not woken: no hooks heard yet; hcom term", self.todo())

    def wrapped(self, launch: str, pid: int = 0) -> None:
        """The process, or this one, is the wrapper of that launch."""
        pid = pid or os.getpid()
        place = homes.Home(self.home.hcom_dir, self.home.root)
        kept.note(place, launch, wrapper=pid, wrapper_start=start_of(pid) or "1")

    def test_an_agent_of_before_an_update(self):
        name = self.home.start()
        self.home.change("UPDATE agents SET tool = 'claude', session = 'x', launch = 'launch-l'")
        self.wrapped("launch-l")
        self.addCleanup(log.to, "")
        log.to(self.home.hcom_dir)
        log.log("wake.unknown", agent=name, error="the database is locked")
        self.assertNotIn("older", self.todo())
        self.home.change("PRAGMA user_version = 999")
        with self.assertRaises(StoreError) as said:
            open_db(homes.Home(self.home.hcom_dir, self.home.root))
        self.home.change(f"PRAGMA user_version = {schema.VERSION}")
        log.log("wake.unknown", agent=name, error=said.exception.message)
        wanted = f"{name} was launched by an older hcom, which wakes it no more: hcom kill {name}; "
        self.assertIn(wanted, self.todo())
        self.wrapped("launch-l", 4_200_000)
        self.assertNotIn("older", self.todo())

    def test_hooks_of_another_hcom(self):
        other = Path(self.home.root, "other/hcom/__main__.py")
        other.parent.mkdir(parents=True)
        other.touch()
        self.home.program("claude", "echo 2.1.332")
        self.home.said("hooks", "add", "claude")
        self.assertNotIn("hooks run", self.home.said("status"))
        hook = Path(self.home.hcom_dir, ".agents/hook")
        hook.write_text(re.sub("hcom_main=.*", f"hcom_main={other}", hook.read_text()))
        wanted = f"note       hooks run {other}, not {ROOT}/hcom: hcom hooks add"
        self.assertIn(wanted, self.home.said("status"))
        self.home.said("hooks", "add", "claude")
        self.assertNotIn("hooks run", self.home.said("status"))

    def test_a_relay_that_is_turned_off(self):
        self.assertRegex(self.home.said("status"), "(?m)^relay      off$")
        self.home.said("config", "relay", "http://127.0.0.1:1")
        self.assertRegex(self.home.said("status"), "(?m)^relay      http://127.0.0.1:1$")
        self.home.said("relay", "off")
        self.assertRegex(
            self.home.said("status"), r"(?m)^relay      off \(hcom relay on\): http://127.0.0.1:1$"
        )

    def test_a_newer_and_a_damaged_database(self):
        self.home.said("list")
        self.home.change("PRAGMA user_version = 999")
        self.assertRegex(self.todo(), r"of a newer hcom \(format 999, .*: update this one")
        self.assertRegex(self.home.said("status"), r"(?m)^database .*this one knows \d+\)$")
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.home.hcom_dir, "db", "hcom.db" + end))
        Path(self.home.hcom_dir, "db/hcom.db").write_bytes(b"junk" * 5000)
        self.assertRegex(self.todo(), "the database is corrupt: .*: hcom reset moves it")

    def test_a_python_without_curses(self):
        code = (
            "import sys; sys.modules['_curses'] = sys.modules['curses'] = None;"
            f"sys.path.insert(0, {ROOT!r}); from hcom.cli import main; sys.exit(main([]))"
        )
        env = {name: said for name, said in self.home.env.items() if name != "AI_AGENT"}
        terminal = Terminal([sys.executable, "-I", "-S", "-c", code], env, self.home.work)
        self.addCleanup(terminal.close)
        self.home.until(lambda: terminal.pump() or terminal.ending, "its end")
        self.assertIn(b"no agents; start one with: hcom claude", terminal.output)
        self.assertIn(b"hcom: this Python has no curses for the dashboard", terminal.output)

    def test_no_home_at_all(self):
        for env in ({"HOME": "/proc/nowhere", "HCOM_DIR": ""}, {"HCOM_DIR": "/proc/nowhere"}):
            with self.subTest(env):
                self.assertRegex(self.todo(**env), "cannot use /proc/.*: export HCOM_DIR=")

    def test_notes_are_not_to_be_done(self):
        foreign(os.path.join(self.home.root, ".hcom"))
        said = json.loads(self.home.said("status", "--json", env={"SSH_CONNECTION": "x"}))
        self.assertEqual([note.partition(":")[0] for note in said["notes"]], [
            f"{self.home.hcom_dir} is another program's of this name",
            "over ssh, what runs in this terminal ends with the connection",
        ])  # fmt: skip
        self.assertRegex(self.home.said("status"), "(?m)^note       .* is another program's")


if __name__ == "__main__":
    unittest.main()
