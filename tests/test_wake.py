"""Waking with real wrappers, hooks and processes left behind, of stand-in clients: who is woken
when a launch turns out to be another agent's, and what it costs to wait for a client that works.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

from hcom import home as homes
from hcom.adapters.codex.hook import WAKE_SIGN
from hcom.hub import launches, people
from hcom.ops import handover
from hcom.ops.handover import Handover
from hcom.process import start_of
from hcom.store import agents, kept
from hcom.store.connect import open_db
from tests.sealed import CLIENT, ROOT, Begun, Sealed
from tests.test_launcher import counting

STANDIN = os.path.join(ROOT, "tests/rig/standin.py")
COUNT_S = 3.0  # long enough for what looks twice a second to show


class Socket:
    """What Claude Code says of a session in its file, and the socket that is named there."""

    def __init__(self, test: "Waking", session: str, pid: int):
        folder = Path(test.home.root, ".claude/sessions")
        folder.mkdir(parents=True, exist_ok=True)
        self.file, self.session = folder / f"{pid}.json", session
        self.path = str(folder / f"{pid}.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        test.addCleanup(self.listener.close)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(15)

    def says(self, status: str) -> None:
        facts = {"sessionId": self.session, "status": status, "messagingSocketPath": self.path}
        homes.write_private(str(self.file), json.dumps(facts))

    def rung(self) -> str:
        """What the next ring says, waited for."""
        connection, _ = self.listener.accept()
        with connection, connection.makefile() as stream:
            return stream.read()


class Standin:
    """A launch whose client is the stand-in, and whose hooks the test runs in its name."""

    def __init__(self, test: "Waking", agent: str, tool: str, streamed: bool = False):
        self.test, self.home, self.tool = test, test.home, tool
        self.launch, self.typed = uuid.uuid4().hex, Path(test.home.root, uuid.uuid4().hex)
        self.session = ""
        self.env = {**self.home.env, "HCOM_PROCESS_ID": self.launch, "HCOM_PROOF": "x"}
        with open_db(test.hcom) as db:
            made = people.join(db, tool, time.time(), name=agent, status="inactive")
            launches.begun(db, made, self.launch, "", "", time.time())
        how = "lines" if streamed else "screen"
        argv = [sys.executable, STANDIN, how, str(self.typed), CLIENT]
        lines = [] if streamed else None
        told = Handover(agent, tool, argv, self.env, self.home.work, True, lines)
        handover.leave(test.hcom, self.launch, told)
        self.wrapper = subprocess.Popen(
            [sys.executable, "-I", "-S", f"{ROOT}/hcom", "wrapped", self.launch],
            env=self.env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        test.addCleanup(self.end)
        self.home.until(self.typed.exists, "a client")
        self.pid = self.home.until(self._client, "its process")
        self.runs = socket.socket(socket.AF_UNIX)
        test.addCleanup(self.runs.close)
        self.runs.connect(f"{self.typed}.run")
        self.stdin, self.stdout = self.runs.makefile("w"), self.runs.makefile()
        test.addCleanup(lambda: (self.stdin.close(), self.stdout.close()))
        self.home.clients[self.pid] = self

    def _client(self) -> int:
        found = self.home.sql("SELECT pid FROM agents WHERE launch = ?", self.launch)
        return found[0][0] if found else 0

    def poll(self) -> "int | None":
        return None if start_of(self.pid) else 0

    def end(self) -> None:
        self.wrapper.terminate()
        self.wrapper.wait(20)

    def hook(self, event: str, **payload) -> str:
        """What a hook of the client prints."""
        return self.home.hook(
            self.tool,
            event,
            {
                "session_id": self.session,
                "cwd": self.home.work,
                "hook_event_name": event,
                "transcript_path": "",
                **payload,
            },
            pid=self.pid,
            env=self.env,
        )

    def begin(self, session: str) -> None:
        """The client's session begins, or goes on."""
        self.session = session
        self.hook("SessionStart", source="resume")

    def prompts(self) -> list[str]:
        """What was submitted to it so far."""
        return self.typed.read_text().splitlines()

    def until_woken(self, count: int = 1) -> None:
        self.home.until(lambda: len(self.prompts()) >= count, "a wake")


class Waking(Sealed):
    def setUp(self):
        super().setUp()
        self.hcom = homes.locate(self.home.env)
        homes.create(self.hcom)

    def known(self, name: str, tool: str, session: str) -> None:
        """An agent whose session has ended."""
        with open_db(self.hcom) as db:
            people.join(db, tool, time.time(), name=name, session=session)
            agents.end_session(db, name, "exit:quit", time.time())

    def send(self, name: str) -> None:
        self.home.said("send", "--from", "ci", f"@{name}", "--", "hello there")

    # Of a client that starts a waiter.
    ENV = {"AI_AGENT": "claude-code_2-1-197_harness", "CLAUDE_CODE_ENTRYPOINT": "cli"}

    def waiter(self, session: str, pid: int = 0, **env: str) -> Begun:
        pid = pid or self.clients[session].pid
        argv = [sys.executable, "-I", "-S", f"{ROOT}/hcom", "hook", "wait", "claude", str(pid)]
        taken, given = os.pipe()
        heard, said = os.pipe()
        env = {**self.home.env, **self.ENV, **env}
        process = Begun(self.home.clients[pid], argv, env, taken, said, said)
        os.close(taken)
        os.close(said)
        with open(given, "w") as stream:
            stream.write(json.dumps({"session_id": session}))
        process.stderr = os.fdopen(heard)
        self.addCleanup(lambda: (process.kill(), process.stderr.close()))
        return process

    def assert_reached(self, client: Standin, name: str) -> None:
        """Mail for `name` wakes the client, its screen can be seen, and it can be ended."""
        self.assertEqual(self.home.names(), [name])
        self.send(name)
        client.until_woken()
        told = client.hook("UserPromptSubmit", prompt=client.prompts()[0])
        self.assertIn("hello there", told)
        client.hook("Stop")
        self.assertEqual(self.wakers(), [client.wrapper.pid])
        if client.tool == "codex":
            self.assertEqual(client.prompts(), [WAKE_SIGN])
            self.assertIn("Ask Codex", self.home.said("term", name))
        self.assertIn(f"killed {name}", self.home.said("kill", name))
        client.wrapper.wait(20)

    def wakers(self) -> list[int]:
        """The processes that have woken anybody."""
        log = Path(self.home.hcom_dir, "logs/hcom.log").read_text().splitlines()
        return sorted({e["pid"] for e in map(json.loads, log) if e["event"] == "wake.done"})

    def left_behind(self) -> list[int]:
        """The processes that see to wakes."""
        found, here = [], f"HCOM_DIR={self.home.hcom_dir}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"wake" in words and here in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


class KnownByTheLaunch(Waking):
    def test_a_launch_that_goes_on_with_a_known_session(self):
        self.known("luna", "codex", "s-luna")
        client = Standin(self, "nova", "codex")
        client.begin("s-luna")
        self.assert_reached(client, "luna")

    def test_a_client_that_takes_up_another_name(self):
        self.known("luna", "codex", "s-luna")
        client = Standin(self, "nova", "codex")
        client.begin("s-nova")
        self.home.said("start", "--as", "luna", env={**client.env, "CODEX_THREAD_ID": "s-nova"})
        self.assert_reached(client, "luna")

    def test_one_whose_commands_do_not_know_its_session(self):
        self.known("luna", "claude", "s-luna")
        client = Standin(self, "nova", "gemini")
        client.begin("s-nova")
        self.home.said("start", "--as", "luna", env={**client.env, "GEMINI_CLI": "1"})
        self.assertEqual(self.home.names(), ["luna"])
        self.send("luna")
        self.assertIn("hello there", client.hook("BeforeAgent", prompt="hi"))
        self.assertIn("killed luna", self.home.said("kill", "luna"))
        client.wrapper.wait(20)

    def test_a_client_that_goes_on_with_another_agents_session(self):
        self.known("luna", "codex", "s-luna")
        client = Standin(self, "nova", "codex")
        client.begin("s-nova")
        client.begin("s-luna")
        self.assertEqual(self.home.said("list", "nova", "status"), "inactive\n")
        self.assertEqual(self.home.run("kill", "nova").stdout, "nothing to kill\n")
        self.home.said("stop", "nova")
        self.assert_reached(client, "luna")

    def test_mail_that_waited_for_the_session_is_for_the_wrapper(self):
        self.known("luna", "claude", "s-luna")
        self.send("luna")
        client = Standin(self, "nova", "claude")
        said = Socket(self, "s-luna", client.pid)
        said.says("idle")
        client.begin("s-luna")
        self.assertIn("hcom: new mail", said.rung())
        self.assertEqual(self.wakers(), [client.wrapper.pid])
        self.assertEqual(self.left_behind(), [])

    def test_a_fed_client(self):
        self.known("luna", "claude", "s-luna")
        client = Standin(self, "nova", "claude", streamed=True)
        client.begin("s-luna")
        self.assert_reached(client, "luna")

    def test_one_that_left_and_came_back(self):
        client = Standin(self, "nova", "codex")
        client.begin("s-nova")
        self.home.said("stop", "nova")
        self.home.said("start", "--as", "nova", env={**client.env, "CODEX_THREAD_ID": "s-nova"})
        client.hook("Stop")
        self.assert_reached(client, "nova")

    def test_that_its_session_is_closed_is_no_news_while_its_wrapper_lives(self):
        client = Standin(self, "nova", "codex")
        client.begin("s-nova")
        lock = Path(self.home.root, ".codex/thread-writer-locks/s-nova.lock")
        lock.parent.mkdir(parents=True)
        lock.touch()  # nobody holds it
        self.assertEqual(self.home.said("list", "nova", "status"), "listening\n")
        os.kill(client.wrapper.pid, signal.SIGSTOP)
        os.kill(client.pid, signal.SIGKILL)
        self.home.until(lambda: not start_of(client.pid), "its end")
        self.assertEqual(self.home.said("list", "nova", "status"), "listening\n")
        os.kill(client.wrapper.pid, signal.SIGCONT)
        client.wrapper.wait(20)
        said = self.home.said("list", "nova", "status_context")
        self.assertEqual(said, "exit:killed_by_signal_9\n")

    def test_the_name_of_the_moment_is_shown_where_launches_are(self):
        self.known("luna", "codex", "s-luna")
        client = Standin(self, "nova", "codex")
        client.begin("s-luna")
        with open_db(self.hcom) as db:
            [found] = launches.launches.of_batch(db, "")
        self.assertEqual((found.agent, found.state), ("luna", "ready"))


class Waited(Waking):
    """The waiter of a client without a socket, as that starts one at each turn's end."""

    def owned(self, name: str, process: subprocess.Popen) -> None:
        """The waiter listens."""
        bells = Path(self.home.hcom_dir, "run/bells")
        self.home.until(lambda: [*bells.glob(f"{name}.*.{process.pid}")], "its bell")

    def test_it_ends_with_mail_but_not_while_a_turn_brings_it(self):
        name = self.claude("s1")
        process = self.waiter("s1")
        self.owned(name, process)
        self.send(name)  # the session is in the turn in which it joined
        self.assertIn("hello there", self.hook("s1", "PostToolUse", tool_name="Bash"))
        self.hook("s1", "Stop")
        self.assertIsNone(process.poll())
        self.send(name)
        self.assertEqual(process.wait(15), 2)
        self.assertEqual(process.stderr.read(), "hcom: new mail\n")

    def test_the_newest_waits_alone_and_ends_with_its_client(self):
        name = self.claude("s1")
        self.hook("s1", "Stop")
        first = self.waiter("s1")
        self.owned(name, first)
        second = self.waiter("s1")
        self.assertEqual(first.wait(15), 0)
        self.owned(name, second)
        self.clients["s1"].kill()
        self.home.until(lambda: not start_of(second.pid), "its end")

    def test_it_ends_when_its_agent_leaves(self):
        name = self.claude("s1")
        process = self.waiter("s1")
        self.owned(name, process)
        self.home.said("stop", name)
        self.assertEqual(process.wait(15), 0)

    def test_a_wrapper_steps_aside_for_it(self):
        client = Standin(self, "luna", "claude", streamed=True)
        client.begin("s-luna")
        process = self.waiter("s-luna", client.pid, HCOM_PROCESS_ID=client.launch)
        self.owned("luna", process)
        self.send("luna")
        self.assertEqual(process.wait(15), 2)
        self.assertEqual(client.prompts(), [])


class Unwrapped(Waking):
    def test_it_is_rung_again_until_it_takes_its_mail(self):
        name = self.claude("s1")
        said = Socket(self, "s1", self.clients["s1"].pid)
        said.says("busy")  # the file is behind the hook
        self.hook("s1", "Stop")
        self.send(name)
        first, second = said.rung(), said.rung()
        self.assertNotEqual(first, second)  # twice the same would be dropped
        self.assertIn("hello there", self.hook("s1", "UserPromptSubmit", prompt="hcom: new mail"))
        self.home.until(lambda: not self.left_behind(), "its end")
        self.assertEqual(self.home.sql("SELECT wake_failure FROM agents"), [("",)])

    def test_what_the_turns_end_leaves_is_rung_for_by_its_hook(self):
        name = self.claude("s1")
        said = Socket(self, "s1", self.clients["s1"].pid)
        said.says("busy")
        self.send(name)
        with open_db(self.hcom) as db:  # no turn can be continued so often
            db.execute("UPDATE agents SET stop_streak = 99")
        self.assertEqual(self.hook("s1", "Stop"), "")
        self.assertIn("hcom: new mail", said.rung())

    def test_a_client_that_has_another_session_now_is_not_rung(self):
        name = self.claude("s1")
        Socket(self, "s2", self.clients["s1"].pid).says("idle")
        self.hook("s1", "Stop")
        self.send(name)
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(self.home.said("list", name, "status"), "inactive\n")

    def test_one_that_nothing_can_wake_says_so(self):
        client = subprocess.Popen(["sleep", "600"])
        self.addCleanup(lambda: (client.kill(), client.wait()))
        with open_db(self.hcom) as db:
            people.join(
                db,
                "gemini",
                time.time(),
                name="luna",
                session="s1",
                pid=client.pid,
                pid_start=start_of(client.pid),
                status="active",
            )
        kept.note(self.hcom, "s1", pid=client.pid, pid_start=start_of(client.pid))
        self.send("luna")
        self.assertNotIn("not woken", self.home.said("list"))
        with open_db(self.hcom) as db:
            agents.set_status(db, "luna", "listening", "stop", "", time.time())
        self.send("luna")
        self.assertRegex(self.home.said("list"), "not woken: the wake cannot be .* no channel")


class FromElsewhere(Waking):
    """Commands that run where no process of the client can be seen, as in a container."""

    def setUp(self):
        super().setUp()
        if not counting():
            self.skipTest("no process-id namespace to be had")
        self.name = self.claude("s1")
        self.said = Socket(self, "s1", self.clients["s1"].pid)
        self.said.says("idle")
        self.hook("s1", "Stop")

    def elsewhere(self, line: str) -> None:
        subprocess.run(
            [*counting(), "--mount-proc", "sh", "-ec", line],
            env=self.home.env,
            check=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )

    def is_as_before(self) -> None:
        self.assertEqual(
            self.home.sql("SELECT status, wake_failure, ended_at FROM agents WHERE session = 's1'"),
            [("listening", "", None)],
        )

    def test_who_can_reach_the_client_wakes_it(self):
        self.elsewhere(f"hcom list; hcom status; hcom send --from ci @{self.name} -- hi")
        self.assertIn("hcom: new mail", self.said.rung())
        self.is_as_before()

    def test_for_who_cannot_the_next_hook_of_anybody_does(self):
        other = self.claude("s2")
        hide = f"mount -t tmpfs none {self.home.root}/.claude"
        self.elsewhere(f"{hide}; hcom send --from ci @{self.name} -- hi")
        self.is_as_before()
        self.assertEqual(self.left_behind(), [])
        told = {"session_id": "s2", "cwd": self.home.work, "tool_name": "Bash"}
        last = f"\n#hcom claude PostToolUse - {self.clients['s2'].pid}\n"
        homes.write_private(self.hcom.run("spool", f"{other}.1"), json.dumps(told) + last)
        self.home.said("hook", "record")
        self.assertIn("hcom: new mail", self.said.rung())


class WhatWaitingCosts(Waking):
    """A process that waits for a client that works, or for a person before a dialog, sleeps."""

    def wakeups(self, pid: int) -> int:
        """How often the process is woken, while nothing happens."""

        def so_far() -> int:
            status = Path(f"/proc/{pid}/status").read_text()
            return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

        before = so_far()
        time.sleep(COUNT_S)
        return so_far() - before

    def assert_it_sleeps(self, pid: int) -> None:
        time.sleep(1)  # what it does once about the mail
        # One may be the look for a ring that was lost, which is due every 30 s.
        self.assertLessEqual(self.wakeups(pid), 3)

    def test_a_dialog_before_a_wrapped_client(self):
        client = Standin(self, "luna", "codex")
        client.begin("s-luna")
        for hooked in (False, True):
            with self.subTest(hooked=hooked):
                os.kill(client.pid, signal.SIGUSR1)
                if hooked:
                    client.hook("PermissionRequest", tool_name="Bash")
                self.send("luna")
                self.assert_it_sleeps(client.wrapper.pid)
                self.assertEqual(client.prompts(), [])
        self.assertEqual(client.hook("Stop").count("hello there"), 2)
        client.hook("Stop")
        os.kill(client.pid, signal.SIGUSR2)
        self.send("luna")
        client.until_woken()

    def test_a_turn_of_a_wrapped_client(self):
        client = Standin(self, "luna", "codex")
        client.begin("s-luna")
        client.hook("UserPromptSubmit", prompt="work")
        os.kill(client.pid, signal.SIGUSR1)
        self.send("luna")
        self.assert_it_sleeps(client.wrapper.pid)

    def test_a_fed_client_in_its_turn(self):
        client = Standin(self, "luna", "claude", streamed=True)
        client.begin("s-luna")
        client.hook("UserPromptSubmit", prompt="work")
        self.send("luna")
        self.assert_it_sleeps(client.wrapper.pid)
        self.assertEqual(client.prompts(), [])
        self.assertIn("hello there", client.hook("Stop"))

    def test_a_dialog_before_a_client_that_has_a_socket(self):
        client = Standin(self, "luna", "claude")
        client.begin("s-luna")
        said = Socket(self, "s-luna", client.pid)
        said.says("waiting")
        client.hook("PermissionRequest", tool_name="Bash")
        self.send("luna")
        self.assert_it_sleeps(client.wrapper.pid)
        said.says("idle")
        os.kill(client.pid, signal.SIGUSR2)  # Esc: the screen changes, and no hook tells
        self.assertIn("hcom: new mail", said.rung())
        self.assertEqual(self.wakers(), [client.wrapper.pid])

    def test_a_dialog_before_a_client_that_hcom_did_not_launch(self):
        name = self.claude("s1")
        Socket(self, "s1", self.clients["s1"].pid).says("waiting")
        self.hook("s1", "PermissionRequest", tool_name="Bash")
        self.send(name)
        [pid] = self.home.until(self.left_behind, "a process that waits")
        self.assert_it_sleeps(pid)
        self.assertIn("hello there", self.hook("s1", "PostToolUse", tool_name="Bash"))
        self.home.until(lambda: not self.left_behind(), "its end")

    def test_a_turn_that_no_hook_but_its_end_could_end_leaves_no_process(self):
        env = {"CODEX_THREAD_ID": "s1", "CODEX_HOME": os.path.join(self.home.root, ".codex")}
        self.home.said("start", env=env)
        [name] = self.home.names()
        self.send(name)
        time.sleep(1)
        self.assertEqual(self.left_behind(), [])


if __name__ == "__main__":
    import unittest

    unittest.main()
