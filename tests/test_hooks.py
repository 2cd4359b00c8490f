"""A hook call from payload to reply, with recorded payloads of Claude Code and a real database."""

import contextlib
import json
import os
import subprocess
import sys
import time
import unittest
import unittest.mock

from hcom.adapters.base import (
    BLOCKED,
    END,
    NOTHING,
    PROMPT,
    START,
    SUB_ASKS,
    SUB_END,
    SUB_START,
    SUB_TOOL,
    TOOL,
    TURN_END,
    TURN_FAILED,
    parsed,
)
from hcom.adapters.claude import hook, stream
from hcom.adapters.claude.hook import STOP_CAP, WAKE_SIGN
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.delivery import marks
from hcom.home import Home as Place
from hcom.hooks import handle, spool
from hcom.hub import mail, people
from hcom.store import agents, events, kept
from hcom.store.connect import open_db
from tests.sealed import ROOT, Home

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "claude")
WAKE = f'<cross-session-message from="uds:/x/hcom" from-name="hcom">\n{WAKE_SIGN} (#1)'


def sample(name: str, **changes) -> dict:
    with open(os.path.join(SAMPLES, name + ".json"), encoding="utf-8") as stream:
        return {**json.load(stream), **changes}


class Payloads(unittest.TestCase):
    TABLE = (
        ("SessionStart", START, "startup", "", ""), ("SessionStart.clear", START, "clear", "", ""),
        ("SessionStart.compact", START, "compact", "", ""),
        ("SessionStart.resume", START, "resume", "", ""), ("UserPromptSubmit", PROMPT, "", "", ""),
        ("UserPromptSubmit.rewake", PROMPT, "", "", ""),
        ("PostToolUse", TOOL, "", "Bash", "echo hi"),
        ("PostToolUse.Write", TOOL, "", "Write", "/home/dev/new.txt"),
        ("PostToolUse.subagent", SUB_TOOL, "", "Bash", None),
        ("PostToolUseFailure", TOOL, None, "Bash", None),
        ("PermissionRequest", BLOCKED, "", "Bash", None), ("Stop", TURN_END, "", "", ""),
        ("StopFailure", TURN_FAILED, "unknown", "", ""), ("SessionEnd", END, "other", "", ""),
        ("SubagentStart", SUB_START, "general-purpose", "", ""),
        ("SubagentStop", SUB_END, "", "", ""),
        ("PreToolUse.subagent", SUB_ASKS, "", "Bash", None),
    )  # fmt: skip

    def test_recorded(self):
        for name, kind, source, tool, detail in self.TABLE:
            with self.subTest(name):
                payload = sample(name)
                signal = hook.read(name.partition(".")[0], payload, {"HOME": "/work"}, 7, 5.0)
                self.assertEqual(
                    (signal.kind, signal.session, signal.pid, signal.at, signal.tool),
                    (kind, payload["session_id"], 7, 5.0, tool),
                )
                if source is not None:
                    self.assertEqual(signal.source, source)
                if detail is not None:
                    self.assertEqual(signal.detail, detail)
                self.assertEqual(bool(signal.subagent), "agent_id" in payload)
                self.assertFalse(signal.woken)

    def test_what_a_tool_did(self):
        def read(name, event="PostToolUse", **changes):
            return hook.read(event, sample(name, **changes), {}, 7, 5.0)

        self.assertEqual(read("PostToolUse").command, "echo hi")
        self.assertEqual(read("PostToolUse.Write").edited, ("/home/dev/new.txt",))
        self.assertEqual(read("PostToolUse.Write", "PostToolUseFailure").edited, ())
        for odd in (None, [], "x", 3, {}, {"command": ["x"]}, {"file_path": None}):
            self.assertEqual(read("PostToolUse", tool_input=odd).detail, "")
        self.assertEqual(hook.read("PreToolUse", sample("PostToolUse"), {}, 7, 5.0).kind, NOTHING)
        self.assertEqual(hook.read("Nonsense", sample("Stop"), {}, 7, 5.0).kind, NOTHING)

    def test_wakes(self):
        for prompt, woken in (
            (WAKE, True),
            ("hi " + WAKE, False),
            (WAKE_SIGN, False),
            (f"<task-notification>\n<summary>{WAKE_SIGN}</summary>", True),
            ("[SYSTEM NOTIFICATION - x] y\n\n<task-notification>\n<summary>" + WAKE_SIGN, True),
        ):
            payload = sample("UserPromptSubmit", prompt=prompt)
            signal = hook.read("UserPromptSubmit", payload, {}, 7, 5.0)
            self.assertEqual(signal.woken, woken, prompt)
        line = json.loads(stream.wake())["message"]["content"][0]["text"]
        payload = sample("UserPromptSubmit", prompt=line)
        self.assertTrue(hook.read("UserPromptSubmit", payload, {}, 7, 5.0).woken)
        self.assertNotIn("#", line)  # as if it were a message's

    def test_the_clients_own_notices_are_nobodys_words(self):
        for prompt, said in (
            ("<task-notification> <task-id>a1</task-id>", ""),
            ("[SYSTEM NOTIFICATION - x] <task-notification>", ""),
            ('Background agent "an errand" was stopped by the user.', ""),
            ("see <task-notification>", "see <task-notification>"),
        ):
            payload = sample("UserPromptSubmit", prompt=prompt)
            self.assertEqual(hook.read("UserPromptSubmit", payload, {}, 7, 5.0).prompt, said)

    def test_what_is_no_payload(self):
        for value in ([], "x", 3, None, {}, {"session_id": 3}, {"session_id": None}):
            with self.subTest(value), self.assertRaises(ValueError):
                hook.read("Stop", value, {}, 7, 5.0)

    def test_half_an_emoji(self):
        self.assertEqual(
            parsed(rb'{"a": "x\ud83d", "\uDE00": ["\ud83d\ude00"]}'), {"a": "x?", "?": ["😀"]}
        )
        self.assertEqual(parsed(b'{"a": "\\\\ud83d"}'), {"a": "\\ud83d"})


class Session(unittest.TestCase):
    """handle.run, as the hook process runs it, for luna's session s1."""

    def setUp(self):
        self.world = Home()
        self.addCleanup(self.world.remove)
        self.home = Place(self.world.hcom_dir, self.world.root)
        self.env = {"HOME": self.world.root, "HCOM_DIR": self.world.hcom_dir}
        told = unittest.mock.patch.dict(os.environ, AI_AGENT=self.world.env["AI_AGENT"])
        told.start()  # what the hook process itself is told of its client
        self.addCleanup(told.stop)
        self.db = open_db(self.home)
        self.addCleanup(self.db.connection.close)
        people.join(self.db, "claude", 1.0, name="luna", session="s1")
        people.join(self.db, "claude", 1.0, name="nova", session="s2")
        marks.mark(self.home, ["s1"], "luna")

    def hook(self, name: str, emit=None, pid: int = 0, at: float = 0.0, **changes) -> dict:
        """What the hook of a recorded payload answers."""
        payload, said = sample(name, **{"session_id": "s1", **changes}), []
        event = name.partition(".")[0]
        signal = hook.read(event, payload, self.env, pid or os.getpid(), at or time.time())
        raw = json.dumps(payload).encode()
        code = handle.run(hook, "claude", event, signal, raw, self.env, emit or said.append)
        self.assertEqual(code, 0)
        return json.loads(said[0]) if said else {}

    def told(self, *args, **kwargs) -> str:
        return self.hook(*args, **kwargs).get("hookSpecificOutput", {}).get("additionalContext", "")

    def send(self, text: str = "hello", to: str = "luna", intent: str = "") -> int:
        return mail.send(self.db, Sender("ci", EXTERNAL), text, [to], Envelope(intent), 1.0).id

    def state(self, number: int) -> str:
        return self.db.execute(
            "SELECT state FROM deliveries WHERE event_id = ?", (number,)
        ).fetchone()[0]

    @contextlib.contextmanager
    def locked(self):
        """Another process writes to the database for so long that no hook waits for it."""
        self.addCleanup(setattr, handle, "HOOK_BUSY_S", handle.HOOK_BUSY_S)
        handle.HOOK_BUSY_S = 0.1
        code = (
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); "
            "db.execute('BEGIN IMMEDIATE'); print(flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", code, self.home.db],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        holder.stdout.read(1)
        try:
            yield
        finally:
            holder.communicate()

    def recorded(self) -> None:
        """Nothing waits in the spool any more: somebody takes it by itself."""
        self.world.until(lambda: not os.listdir(self.home.path("run", "spool")), "recorded")


class Driven(Session):
    def test_bootstrap(self):
        for name, has in (
            ("SessionStart", "Commands"),
            ("SessionStart.clear", "Commands"),
            ("SessionStart.compact", "Commands"),
            ("SessionStart.resume", "still"),
        ):
            text = self.told(name)
            self.assertIn("'luna'", text)
            self.assertIn(has, text)

    def test_the_first_hook_that_is_heard_of_who_joined_by_a_command_says_so(self):
        for name in ("PostToolUse", "UserPromptSubmit"):
            self.assertIn("messages arrive by themselves", self.told(name))
            self.assertEqual(self.told(name), "")
            kept.drop(self.home, ["s1"])
        self.assertEqual(self.hook("PostToolUse", agent_id="a1"), {})
        people.join(self.db, "claude", 1.0, name="kira", session="s3", launch="l3")
        self.env["HCOM_PROCESS_ID"] = "l3"
        self.assertEqual(self.told("PostToolUse", session_id="s3"), "")

    def test_delivery_on_each_channel_once(self):
        for name in ("UserPromptSubmit", "PostToolUse", "Stop", "PostToolUseFailure"):
            with self.subTest(name):
                number = self.send(name)
                text = self.told(name)
                self.assertIn(f"[hcom message #{number} from ci", text)
                self.assertNotIn("[hcom message", self.told("PostToolUse"))
                self.assertEqual(self.hook("Stop"), {})
                self.assertEqual(self.state(number), "seen")

    def test_the_end_of_a_turn_of_a_version_that_takes_no_context_there(self):
        for version, channel in (
            ("2-1-163", "hookSpecificOutput"),
            ("2-1-162", "reason"),
            ("", ""),
        ):
            os.environ["AI_AGENT"] = version and f"claude-code_{version}_harness"
            with self.subTest(version):
                number = self.send(version)
                said = self.hook("Stop")
                self.assertIn(f"#{number} from ci", str(said[channel or "reason"]))
                self.assertEqual(said.get("decision"), None if "hook" in channel else "block")
                self.hook("Stop")

    def test_a_client_that_is_gone_gets_it_later(self):
        number = self.send()

        def broken(_text):
            raise BrokenPipeError

        for name in ("PostToolUse", "Stop", "UserPromptSubmit"):
            self.hook(name, emit=broken)
            self.assertEqual(self.state(number), "queued")
            self.assertTrue(os.path.exists(self.home.path("run", "mail", "luna")))
        self.assertIn("hello", self.told("PostToolUse"))

    def test_a_bug_behind_the_claim_gives_it_back(self):
        number = self.send()

        def bug(_text):
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            self.hook("PostToolUse", emit=bug)
        self.assertEqual(self.state(number), "queued")

    def test_subagents_never_take_their_parents_mail(self):
        number = self.send()
        for name in (
            "PostToolUse.subagent",
            "SubagentStart",
            "SubagentStop",
            "PreToolUse.subagent",
        ):
            with self.subTest(name):
                self.assertNotIn("hello", json.dumps(self.hook(name)))
        for name in ("Stop", "UserPromptSubmit", "PermissionRequest"):
            self.assertEqual(self.hook(name, agent_id="a1"), {})
        self.assertEqual(self.state(number), "queued")
        self.assertEqual(agents.find(self.db, "luna").status, "listening")

    def test_a_tool_of_a_subagent_hides_no_turn_end(self):
        self.hook("UserPromptSubmit")
        began = time.time()
        self.hook("PostToolUse.subagent", agent_id="a1")
        self.hook("Stop", at=began)
        self.assertEqual(agents.find(self.db, "luna").status, "listening")

    def test_the_cap_of_continued_turn_ends(self):
        for turn in range(STOP_CAP - 1):
            self.send(f"no {turn}")
            self.assertIn(f"no {turn}", self.told("Stop"))
        kept = self.send("kept")
        self.assertEqual(self.hook("Stop"), {})
        self.assertEqual(self.state(kept), "queued")
        self.assertEqual(agents.find(self.db, "luna").status, "listening")
        self.assertIn("kept", self.told("UserPromptSubmit"))
        self.send("again")
        self.assertIn("again", self.told("Stop"))

    def test_a_wake_without_mail_is_dropped(self):
        self.hook("Stop")
        self.assertEqual(self.hook("UserPromptSubmit", prompt=WAKE).get("decision"), "block")
        self.assertEqual(agents.find(self.db, "luna").status, "listening")
        number = self.send()
        self.assertIn(f"#{number}", self.told("UserPromptSubmit", prompt=WAKE))
        self.assertEqual(self.hook("UserPromptSubmit", prompt="hi"), {})

    def test_the_text_of_a_wake_is_no_detail(self):
        self.send()
        self.hook("UserPromptSubmit", prompt=WAKE)
        luna = agents.find(self.db, "luna")
        self.assertEqual((luna.context, luna.detail), ("woken", ""))

    def test_an_ack_wakes_nobody_and_comes_with_the_next_turn(self):
        number = self.send()
        ack = mail.send(
            self.db, Sender("nova", "instance"), "ok", ["luna"], Envelope("ack", str(number)), 2.0
        )
        self.assertIn(f"#{ack.id}", self.told("UserPromptSubmit"))

    def test_statuses(self):
        for name, status, context in (
            ("UserPromptSubmit", "active", "prompt"),
            ("PostToolUse", "active", "tool:Bash"),
            ("PermissionRequest", "blocked", "approval"),
            ("PostToolUse", "active", "tool:Bash"),
            ("Stop", "listening", "stop"),
            ("StopFailure", "listening", "error"),
            ("SessionEnd", "inactive", "exit:other"),
            ("SessionStart.resume", "listening", "start"),
        ):
            with self.subTest(name):
                self.hook(name)
                luna = agents.find(self.db, "luna")
                self.assertEqual((luna.status, luna.context), (status, context))

    def test_nobody_of_ours(self):
        self.send()
        last = events.last_id(self.db)
        for name in ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"):
            self.assertEqual(self.hook(name, session_id="s-other", pid=1), {})
        self.assertEqual(events.last_id(self.db), last)

    def test_a_death_with_mail_offered_and_unseen(self):
        number = self.send()
        self.told("PostToolUse")
        self.hook("SessionEnd")
        self.assertEqual(self.state(number), "queued")
        self.hook("SessionStart.resume")
        self.assertIn("hello", self.told("UserPromptSubmit"))

    def test_who_retired_comes_back_with_its_session(self):
        number = self.send()
        agents.end_session(self.db, "luna", "exit:other", 2.0)
        people.gone(self.db, time.time())
        self.assertEqual(self.state(number), "undeliverable")
        self.hook("SessionStart.resume")
        self.assertIn("luna", [a.name for a in agents.every(self.db)])
        self.assertIn("hello", self.told("UserPromptSubmit"))

    def test_a_fork_is_a_new_agent_and_the_mail_stays(self):
        number = self.send()
        config = os.path.join(self.world.root, ".claude", "sessions")
        os.makedirs(config)
        with open(os.path.join(config, "1.json"), "w", encoding="utf-8") as stream:
            json.dump({"sessionId": "s-fork"}, stream)
        luna = agents.find(self.db, "luna")
        agents.configure(self.db, luna._replace(subagent_timeout=77))
        text = self.told("SessionStart.resume", pid=1)
        self.assertIn("fork", text)
        self.assertEqual(agents.bound(self.db, "session", "s-fork").subagent_timeout, 77)
        self.assertNotIn("'luna'", text)
        self.assertEqual(self.state(number), "queued")
        self.assertNotIn("hello", self.told("UserPromptSubmit", session_id="s-fork", pid=1))
        self.assertIn("hello", self.told("UserPromptSubmit"))

    def test_a_tool_that_meets_a_lock_is_recorded_and_nothing_is_lost(self):
        number = self.send()
        with self.locked():
            self.assertEqual(self.hook("PostToolUse"), {})
            self.assertEqual(self.state(number), "queued")
            self.assertEqual(len(os.listdir(self.home.path("run", "spool"))), 1)
            self.assertTrue(os.path.exists(self.home.path("run", "mail", "luna")))
        self.recorded()
        self.assertEqual(events.latest(self.db, 1)[0].data["context"], "tool:Bash")
        self.assertIn("hello", self.told("Stop"))


class Spooled(Session):
    """What the recorder makes of the launcher's files."""

    def put(self, body: bytes, name: str = "luna.1", last: bytes | None = None) -> str:
        path = self.home.path("run", "spool", name)
        if last is None:
            last = f"\n#hcom claude PostToolUse - {os.getpid()}\n".encode()
        with open(path, "wb") as stream:
            stream.write(body + last)
        return path

    def test_in_the_order_of_their_events(self):
        for n in range(9):
            path = self.put(
                json.dumps(
                    sample("PostToolUse", session_id="s1", tool_input={"command": f"echo {n}"})
                ).encode(),
                f"luna.{100 - n}",
            )
            os.utime(path, (2e9 + n, 2e9 + n))
        self.assertEqual(len(spool.drain(self.home, self.db, "luna")), 9)
        details = [e.data["detail"] for e in events.latest(self.db, 9)]
        self.assertEqual(details, [f"echo {n}" for n in range(9)])

    def test_what_cannot_be_read_holds_nothing_up(self):
        deep = b"[" * 200_000 + b"]" * 200_000
        for n, body in enumerate(
            (
                b"",
                b"junk",
                b"[]",
                b"\xff\xfe",
                b'{"session_id": "s1", "x": ' + deep + b"}",
                json.dumps(
                    sample("PostToolUse", session_id="s1", tool_input={"command": "\ud83d"})
                ).encode(),
            )
        ):
            self.put(body, f"luna.{n}")
        good = json.dumps(sample("PostToolUse", session_id="s1")).encode()
        self.put(good, "luna.9", b"\n#hcom x\n")
        self.put(good, "luna.99")
        number = self.send()
        self.assertIn(f"#{number}", self.told("Stop"))
        self.assertEqual(os.listdir(self.home.path("run", "spool")), [])
        details = [e.data.get("detail") for e in events.latest(self.db, 9)]
        self.assertIn("echo hi", details)
        self.assertIn("?", details)

    def test_a_file_that_is_still_written_waits(self):
        path = self.put(b'{"session_id": "s1"', last=b"")
        spool.drain(self.home, self.db)
        self.assertTrue(os.path.exists(path))
        os.utime(path, (1e9, 1e9))
        spool.drain(self.home, self.db)
        self.assertFalse(os.path.exists(path))

    def test_the_bell_of_a_killed_recorder_is_buried(self):
        bell = self.home.path("run", "recorder")
        os.mkfifo(bell)
        self.hook("Stop")
        self.assertFalse(os.path.exists(bell))

    def test_a_lock_keeps_the_files_until_it_is_gone(self):
        self.put(json.dumps(sample("PostToolUse", session_id="s1")).encode())
        with self.locked():
            self.hook("PostToolUse")
            self.assertEqual(len(os.listdir(self.home.path("run", "spool"))), 2)
        self.recorded()
        tools = [e for e in events.latest(self.db, 9) if e.data.get("context") == "tool:Bash"]
        self.assertEqual(len(tools), 2)


class Processes(unittest.TestCase):
    """Real hook processes: whatever they are given, they are silent and end with 0."""

    def test_junk(self):
        world = Home()
        self.addCleanup(world.remove)
        world.said("list")
        last = world.sql("SELECT coalesce(max(id), 0) FROM events")
        for junk in (
            b"",
            b"\0",
            b"not json",
            b"[]",
            b"3",
            b"{}",
            b'{"session_id": 3}',
            b"[" * 100_000,
            b"\xff" * 100,
            b'"' + b"x" * 5_000_000 + b'"',
            b"x" * 5_000_000,
        ):
            for event in ("PostToolUse", "Stop", "SessionStart", "Nonsense"):
                done = subprocess.run(
                    [sys.executable, "-I", "-S", f"{ROOT}/hcom", "hook", "claude", event, "1"],
                    env=world.env,
                    input=junk,
                    capture_output=True,
                    timeout=60,
                    check=False,
                )
                said = done.returncode, done.stdout, done.stderr
                self.assertEqual(said, (0, b"", b""), junk[:9])
        self.assertEqual(world.sql("SELECT coalesce(max(id), 0) FROM events"), last)
        for words in ([], ["claude"], ["nosuch", "Stop", "1"], ["claude", "Stop", "x"], ["record"]):
            done = world.run("hook", *words, stdin="{}")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), words)


if __name__ == "__main__":
    unittest.main()
