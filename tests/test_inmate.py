"""An agent in a sandbox that may write every row and all of run/marks, mail, bells, wake and locks:
what commands outside do by what it wrote there. A canary each, which nothing may touch.
"""

import contextlib
import importlib
import json
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from hcom import home as homes
from hcom.delivery import marks
from hcom.process import leave_behind, program, start_of
from hcom.store import agents, events, kept
from hcom.store.connect import open_db, transaction
from hcom.store.restricted import open_sandboxed
from hcom.store.schema import MIGRATIONS
from tests.racing import PLANTED
from tests.sealed import ROOT, Sealed

PAGE = os.path.join(ROOT, "docs/security.md")


class Inmate(Sealed):
    def setUp(self):
        super().setUp()
        self.hcom = homes.locate(self.home.env)
        self.evil = Path(self.home.work, "evil")
        self.evil.mkdir()
        self.canary = Path(self.home.root, "canary")
        self.client = self.living()
        self.home.said("list")

    def living(self) -> subprocess.Popen:
        """A process of the person's, in a group of its own."""
        process = subprocess.Popen(["sleep", "600"], start_new_session=True)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def forge(self, table: str, **columns) -> None:
        """The inmate writes a row."""
        with open_db(self.hcom) as db:
            marks = ", ".join("?" * len(columns))
            db.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
                tuple(columns.values()),
            )

    def agent(self, **columns) -> None:
        """The inmate writes the row of an idle agent @prey, of a process that lives."""
        now = time.time()
        self.forge(
            "agents",
            **{
                "name": "prey",
                "tool": "codex",
                "session": "s-prey",
                "status": "listening",
                "status_at": now,
                "created_at": now,
                "pid": self.client.pid,
                "pid_start": start_of(self.client.pid),
                **columns,
            },
        )

    def launch(self, launch: str = "l1", **columns) -> None:
        """And says that it was launched."""
        with open_db(self.hcom) as db:
            db.execute(
                "INSERT INTO launches (id, batch, agent, tool, state, at) "
                "VALUES (?, '', 'prey', 'codex', 'ready', 1)",
                (launch,),
            )
            for column, value in columns.items():
                db.execute(f"UPDATE launches SET {column} = ?", (value,))
        self.forge("bindings", kind="launch", id=launch, agent="prey")

    def send(self) -> None:
        self.home.said("send", "--from", "ci", "@prey", "--", "hi", timeout=20)

    def probe(self, name: str) -> None:
        """A program of the person's that shows when it is run, with what, and where."""
        self.home.program(name, f'echo "$PWD $CODEX_HOME $TMUX $*" >> {self.canary}')

    def fifo(self, path: Path) -> None:
        """Who opens this for reading hangs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    def said(self, *words: str) -> str:
        """All that a command says, which may fail but not hang."""
        done = self.home.run(*words, timeout=20)
        return done.stdout + done.stderr

    def settle(self) -> None:
        """Whatever was left behind has ended."""
        self.home.until(lambda: not self.home.inmates(), "nobody at work")

    def untouched(self) -> None:
        """No program ran, and no process of the person's ended."""
        self.settle()
        self.assertFalse(self.canary.exists(), self.canary.exists() and self.canary.read_text())
        self.assertIsNone(self.client.poll())

    def test_the_home_of_a_row_is_nobodys_and_no_program_is_started_with_it(self):
        self.probe("codex")
        self.agent(client=json.dumps({"home": str(self.evil)}))
        self.send()
        self.send()
        self.untouched()

    def test_nor_with_what_a_hook_told_of_another_session(self):
        self.probe("codex")
        kept.note(self.hcom, "s-other", tool="codex", client={"home": str(self.evil)})
        self.agent(session="../known/s-other", client=json.dumps({"home": str(self.evil)}))
        self.send()
        self.untouched()

    def test_the_program_of_a_wake_is_the_sessions_own(self):
        self.probe("codex")  # in front of it on the PATH, where an agent may write
        own = self.evil / "own"
        own.write_bytes(Path("/bin/sleep").read_bytes())
        own.chmod(0o700)
        client = subprocess.Popen([own, "600"])
        self.addCleanup(lambda: (client.kill(), client.wait()))
        start = self.home.until(lambda: start_of(client.pid), "a start")
        kept.note(
            self.hcom,
            "s-prey",
            tool="codex",
            pid=client.pid,
            pid_start=start,
            client={"home": str(self.home.root)},
        )
        self.agent(pid=client.pid, pid_start=start)
        self.send()
        log = Path(self.home.hcom_dir, "logs/hcom.log").read_text()
        self.assertIn('"wake.done", ', log.replace('"event": ', ""))
        self.assertTrue(os.path.samefile(program(client.pid), own))
        client.kill()
        self.untouched()

    def test_what_is_left_behind_does_not_run_in_the_callers_directory(self):
        where = Path(self.home.root, "where")
        words = [sys.executable, "-c", f"import os; open({str(where)!r}, 'w').write(os.getcwd())"]
        leave_behind(words, self.home.env)
        self.home.until(lambda: where.exists() and where.read_text(), "it ran")
        self.assertEqual(where.read_text(), "/")

    def test_the_config_of_a_row_is_not_read_and_no_socket_of_its_is_connected_to(self):
        sessions = self.evil / "sessions"
        sessions.mkdir()
        path = str(sessions / "s")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.setblocking(False)
            facts = {"sessionId": "s-prey", "status": "idle", "messagingSocketPath": path}
            (sessions / f"{self.client.pid}.json").write_text(json.dumps(facts))
            self.agent(tool="claude", client=json.dumps({"config": str(self.evil)}))
            self.send()
            self.settle()
            with self.assertRaises(BlockingIOError):
                listener.accept()

    def test_nothing_hangs_on_what_a_row_names(self):
        self.fifo(self.evil / "sessions" / f"{self.client.pid}.json")
        self.agent(tool="claude", client=json.dumps({"config": str(self.evil)}))
        self.home.said("list", timeout=20)
        self.send()
        self.untouched()

    def test_nothing_hangs_on_a_relative_one(self):
        self.fifo(Path(self.home.work, "sessions", f"{self.client.pid}.json"))
        self.agent(tool="claude")
        self.home.said("list", timeout=20)

    def test_the_transcript_of_a_row_is_no_evidence(self):
        name = self.claude("s1")
        self.hook("s1", "Stop")
        self.home.said("send", "--from", "ci", f"@{name}", "--", "hello there")
        self.assertIn("hello there", self.hook("s1", "UserPromptSubmit", prompt="x"))
        [(number,)] = self.home.sql("SELECT event_id FROM deliveries")
        answered = Path(ROOT, "tests/data/claude/transcripts/parallel.jsonl").read_text()
        forged = self.evil / "transcript"
        forged.write_text(answered.replace("#5 ", f"#{number} "))
        self.home.change(f"UPDATE agents SET transcript = '{forged}'")
        self.home.change(f"UPDATE deliveries SET transcript = '{forged}', since = 0")
        self.hook("s1", "Notification")
        self.hook("s1", "SessionStart", source="compact")
        self.assertEqual(self.home.sql("SELECT state FROM deliveries"), [("delivered",)])

    def test_the_process_of_a_row_is_not_ended(self):
        self.agent()
        self.launch(
            wrapper=self.client.pid,
            wrapper_start=start_of(self.client.pid),
            window=json.dumps(
                ["xterm", shlex.join(["born=" + start_of(self.client.pid)]), self.client.pid]
            ),
        )
        self.assertEqual(self.home.run("kill", "prey").stdout, "nothing to kill\n")
        self.assertEqual(self.home.run("kill", "all").stdout, "nothing to kill\n")
        self.untouched()

    def test_the_window_of_a_row_is_not_closed(self):
        self.probe("tmux")
        self.agent(pid=0)
        ident = shlex.join(["server=1", "pane=%1", f"socket={self.evil}/socket"])
        self.launch(window=json.dumps(["tmux-window", ident, None]))
        self.home.run("kill", "prey")
        self.untouched()

    def test_the_screen_of_a_launch_is_read_by_no_path_of_a_row(self):
        os.makedirs(self.hcom.run("screens"), exist_ok=True)
        self.fifo(self.evil / "screen")
        self.agent()
        self.launch(
            os.path.relpath(self.evil / "screen", self.hcom.run("screens")),
            wrapper=self.client.pid,
            wrapper_start=start_of(self.client.pid),
        )
        self.assertIn("no terminal", self.home.run("term", "prey", timeout=20).stderr)

    def test_a_session_is_resumed_where_a_hook_saw_it(self):
        self.probe("codex")
        self.agent(pid=0, ended_at=1.0, status="inactive", directory=str(self.evil))
        self.assertIn("no session to go on", self.home.run("resume", "prey", "--headless").stderr)
        self.untouched()
        kept.note(self.hcom, "s-prey", tool="codex", directory=self.home.root)
        self.home.run("resume", "prey", "--headless")
        self.settle()
        lines = [s for s in self.canary.read_text().splitlines() if "resume s-prey" in s]
        self.assertRegex(lines[0], f"^{re.escape(self.home.root)} ")

    def test_a_process_is_a_number(self):
        self.fifo(self.evil / "stat")
        self.agent()
        self.home.change(f"UPDATE agents SET pid = '..{self.evil}'")
        for words in (("list",), ("status",), ("kill", "prey")):
            with self.subTest(words):
                self.assertIn("corrupt", self.said(*words))
        self.untouched()

    def test_a_ring_writes_to_nothing_but_a_doorbell(self):
        self.agent()
        self.canary.write_text("mine")
        os.link(self.canary, self.hcom.run("bells", "prey.1"))
        self.send()
        self.assertEqual(self.canary.read_text(), "mine")

    def test_a_mark_is_written_into_no_file_of_another_name(self):
        self.canary.write_text("mine")
        for part, key in (("marks", "s1=prey"), ("mail", "prey")):
            os.link(self.canary, self.hcom.run(part, key))
        marks.mark(self.hcom, ["s1"], "prey")
        marks.raise_flag(self.hcom, ["prey"])
        self.assertEqual(self.canary.read_text(), "mine")
        self.assertEqual(marks.marked(self.hcom, "s1"), "prey")

    def test_no_hook_waits_for_what_is_in_the_place_of_a_mark(self):
        name = self.claude("s1")
        self.home.program("claude", "")
        self.home.said("hooks", "add", "claude")
        text = Path(self.home.root, ".claude/settings.json").read_text()
        hooks = json.loads(text)["hooks"]["PostToolUse"]
        command = hooks[0]["hooks"][0]["command"]
        for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)):
            for mark in Path(self.hcom.run("marks")).iterdir():
                mark.rmdir() if mark.is_dir() else mark.unlink()
                make(mark)
            subprocess.run(
                ["sh", "-c", command],
                env={**self.home.env, "CLAUDE_CODE_SESSION_ID": "s1"},
                input=json.dumps({"session_id": "s1", "hook_event_name": "PostToolUse"}).encode(),
                timeout=20,
                check=True,
            )
            self.assertEqual(marks.marked(self.hcom, "s1"), name)

    def test_what_would_run_by_itself_in_the_database_does_not(self):
        """A trigger or a view without an end: not where it was there before, nor in a connection
        that was open when it came; and ours, in its other form, ends in time."""
        for name, sql in PLANTED.items():
            with self.subTest(name):
                with open_db(self.hcom) as db, open_sandboxed(self.hcom, 0.1) as asked:
                    with contextlib.closing(sqlite3.connect(self.hcom.db_file)) as other:
                        other.executescript(sql)
                    with contextlib.suppress(sqlite3.Error), transaction(db):
                        events.append(db, "life", "luna", {}, 1.0)
                    with contextlib.suppress(sqlite3.Error):
                        asked.execute("SELECT id FROM events_v").fetchall()
                for words in (["list"], ["send", "--from", "ci", "hi"], ["events", "--sql", "1"]):
                    self.assertIn("not a database of hcom's", self.said(*words))
                self.home.said("reset")
                self.home.said("start")

    def test_what_is_kept_goes_with_a_reset(self):
        kept.note(self.hcom, "s-gone", tool="codex")
        name = self.claude("s1")
        self.hook("s1", "Stop")
        self.home.said("reset")
        self.assertEqual(self.home.names(), [name])
        self.assertEqual(os.listdir(self.hcom.kept("known")), ["s1.json"])
        self.assertEqual(os.stat(self.hcom.kept("known", "s1.json")).st_mode & 0o777, 0o600)


class Kept(Sealed):
    """What a hook tells is kept, whatever the row says already."""

    def setUp(self):
        super().setUp()
        homes.create(homes.locate(self.home.env))

    def test_a_row_that_knows_it_does_not_keep_a_hook_from_telling(self):
        self.claude("s1")
        hcom = homes.locate(self.home.env)
        self.hook("s1", "Stop", transcript_path="/t")
        kept.drop(hcom, ["s1"])
        self.hook("s1", "Stop", transcript_path="/t")
        said = kept.of(hcom, "s1")
        self.assertEqual((said.tool, said.transcript), ("claude", "/t"))
        self.hook("s1", "Stop", transcript_path="/u")
        self.assertEqual(kept.of(hcom, "s1").transcripts, ["/u", "/t"])

    def test_what_a_hook_does_not_say_stays(self):
        name = self.claude("s1")
        hcom = homes.locate(self.home.env)
        self.hook("s1", "Stop", transcript_path="/t", permission_mode="bypassPermissions")
        self.hook("s1", "SessionStart", source="compact")
        said = kept.of(hcom, "s1")
        self.assertEqual((said.transcript, said.client["mode"]), ("/t", "bypassPermissions"))
        with open_db(hcom) as db:
            self.assertEqual(kept.proven(hcom, agents.find(db, name)).pid, said.pid)

    def test_what_only_the_launch_knows_counts_too(self):
        hcom = homes.locate(self.home.env)
        agent = agents.blank("luna", "claude", 1.0, session="s1", launch="l1")
        kept.note(hcom, "l1", directory="/l", client={"mode": "bypassPermissions", "config": "/l"})
        kept.note(hcom, "s1", directory="/s", client={"config": "/s"})
        said = kept.proven(hcom, agent)
        self.assertEqual(said.client, {"mode": "bypassPermissions", "config": "/s"})
        self.assertEqual(said.directory, "/s")

    def test_an_id_that_would_be_a_path_is_none(self):
        hcom = homes.locate(self.home.env)
        for key in ("", "..", "../x", "a/b", "-x", ".x", "x" * 200):
            with self.subTest(key):
                kept.note(hcom, key, tool="codex")
                self.assertEqual(kept.of(hcom, key), kept.NOTHING)
        with contextlib.suppress(FileNotFoundError):
            self.assertEqual(os.listdir(hcom.kept("known")), [])


class Page(Sealed):
    def test_each_test_that_it_names_is_there(self):
        tests = re.findall(r"`test_[\w.]+`", Path(PAGE).read_text(encoding="utf-8"))
        self.assertGreater(len(tests), 30)
        for named in tests:
            with self.subTest(named):
                module, *names = named.strip("`").split(".")
                found = importlib.import_module(f"tests.{module}")
                for name in names:
                    found = getattr(found, name)

    def test_each_claim_names_a_test(self):
        text = Path(PAGE).read_text(encoding="utf-8")
        head = "| who | what they may try | what stops it | the test |\n|---|---|---|---|\n"
        rows = text.partition(head)[2].partition("\n\n")[0].split("\n")
        self.assertGreater(len(rows), 30)
        for row in rows:
            with self.subTest(row[:60]):
                self.assertRegex(row, r"\| [^|]*`test_\w+[^|]* \|$")

    def test_the_table_has_every_column(self):
        """Of every table, as the newest schema has them."""
        text = Path(PAGE).read_text(encoding="utf-8")
        hcom = homes.locate(self.home.env)
        with open_db(hcom) as db:
            tables = db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            columns = {
                f"{table}.{column}"
                for (table,) in tables
                for _, column, *_ in db.execute(f"PRAGMA table_info({table})")
            }
        self.assertTrue(MIGRATIONS and columns)
        said = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", text))
        self.assertEqual(columns - said, set())
