"""Hooks killed with mail in their hand, of each client: the next hook or wake brings it."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time

from hcom.hooks import spool
from hcom.hub import mail, people
from hcom.store import agents, deliveries
from hcom.store.connect import open_db, transaction
from hcom.store.deliveries import Into
from tests.sealed import ROOT, Begun
from tests.test_evidence import CLAUDE, CLIENTS, DATA, STANDING, Client, Sessions
from tests.test_wake import Socket, Standin, Waking


def payload(client: str, name: str, **changes) -> bytes:
    """What such a hook of the client is told."""
    with open(os.path.join(DATA, client, name + ".json"), encoding="utf-8") as stream:
        told = {**json.load(stream), "transcript_path": "", "cwd": "/", **changes}
    return json.dumps(told).encode()


@contextlib.contextmanager
def held_up(client: str, name: str, env: dict, pid: int, host=None, **changes):
    """A hook process, of a recorded payload, that cannot print: the pipe it prints to is full. The
    process, which `host` runs where one is given, and the pipe's other end."""
    read, write = os.pipe()
    with open(read, "rb") as told:
        os.set_blocking(write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write, b" " * 4096)
        os.set_blocking(write, True)
        argv = [sys.executable, "-I", "-S", f"{ROOT}/hcom", "hook", client]
        argv += [name.partition(".")[0], str(pid)]
        taken, given = os.pipe()
        process: Begun | subprocess.Popen[bytes]
        if host:
            process = Begun(host, argv, env, taken, write, 2)
        else:
            process = subprocess.Popen(argv, stdin=taken, stdout=write, env=env)
        os.close(taken)
        os.close(write)
        with open(given, "wb") as stream:
            stream.write(payload(client, name, **changes))
        try:
            yield process, told
        finally:
            process.kill()
            process.wait()


class Killed(Sessions):
    def hold(self, name: str, number: int):
        """The hook `name`, held up when it has taken the message."""
        env = {**self.world.env, "HCOM_DIR": self.home.root}
        hook = held_up(
            self.client.tool, name, env, os.getpid(), session_id="s1", transcript_path=self.old
        )
        return hook, lambda: self.state(number) == "leased"

    def killed(self, name: str) -> int:
        """A message that the hook `name` had taken when it was killed."""
        number = self.send()
        hook, taken = self.hold(name, number)
        with hook:
            self.world.until(taken, "taken")
        self.assertEqual(deliveries.unread(self.db), {"luna": 1})
        self.assertTrue(self.is_flagged())
        return number

    def is_flagged(self) -> bool:
        """Whether the launcher asks an interpreter at the next tool."""
        return os.path.exists(self.home.run("mail", "luna"))

    def times(self, number: int, *hooks: str) -> int:
        """How often these hooks, one after the other, show the message."""
        return sum(self.hook(name).count(f"[hcom message #{number} ") for name in hooks)

    def ways(self, client: Client):
        """Each hook that takes mail, of a session of its own."""
        for name in (client.prompt, client.tool_end, client.turn_end):
            with self.subTest(killed=name):
                self.session(client)
                yield name

    def test_before_it_wrote_the_next_hook_brings_it_once(self):
        for client in CLIENTS:
            for then in (client.prompt, client.tool_end, client.turn_end):
                for first in self.ways(client):
                    number = self.killed(first)
                    self.assertEqual(self.times(number, then), 1, then)
                    self.assertFalse(self.is_flagged())
                    self.record(self.old, "parallel", 5, number)
                    self.assertEqual(self.times(number, then, client.turn_end), 0)

    def test_before_the_sessions_end(self):
        for client in CLIENTS:
            for first in self.ways(client):
                number = self.killed(first)
                self.hook(client.end)
                self.assertEqual(self.state(number), "queued")
                self.hook(client.start, source="resume")
                self.assertEqual(self.times(number, client.prompt, client.turn_end), 1)

    def test_what_it_wrote_without_a_word_is_looked_up(self):
        for client in CLIENTS:
            for first in self.ways(client):
                number = self.send()
                hook, taken = self.hold(first, number)
                with hook as (process, told), sqlite3.connect(self.home.db) as holder:
                    self.world.until(taken, "taken")
                    holder.execute("BEGIN IMMEDIATE")
                    os.set_blocking(told.fileno(), False)
                    shown = f"[hcom message #{number} ".encode()
                    self.world.until(
                        lambda told=told, shown=shown: shown in (told.read() or b""), "written"
                    )
                    process.kill()
                    process.wait()
                    holder.execute("ROLLBACK")
                self.assertEqual(self.state(number), "leased")
                self.record(self.old, "parallel", 5, number, STANDING)
                self.assertEqual(self.times(number, client.tool_end, client.prompt), 0)
                self.record(self.old, "parallel", 5, number)
                self.assertEqual(self.times(number, client.turn_end), 0)
                self.assertEqual(self.state(number), "seen")
                self.assertFalse(self.is_flagged())

    def test_what_another_has_taken_since_stays_with_it(self):
        self.session(CLAUDE)
        number = self.killed(CLAUDE.tool_end)
        dead = deliveries.held(self.db, "luna")
        with transaction(self.db):
            mail.settle(self.db, "luna", [], dead)
            mail.lease(self.db, agents.find(self.db, "luna"), Into("tool"), 0, time.time())
            mail.settle(self.db, "luna", [], dead)
        self.assertEqual(self.state(number), "leased")

    def test_a_late_record_takes_it_from_the_dead_and_flags_it(self):
        for client in CLIENTS:
            self.session(client)
            number = self.killed(client.tool_end)
            os.unlink(self.home.run("mail", "luna"))
            told = payload(client.tool, client.tool_end, session_id="s1", transcript_path=self.old)
            event = client.tool_end.partition(".")[0]
            with open(self.home.run("spool", "luna.1"), "wb") as stream:
                stream.write(told + f"\n#hcom {client.tool} {event} - {os.getpid()}\n".encode())
            spool.drain(self.home, self.db)
            self.assertEqual(self.state(number), "queued")
            self.assertTrue(self.is_flagged())
            self.assertEqual(self.times(number, client.tool_end), 1)


class Woken(Waking):
    """The turn's end is the last hook there is: who wakes the agent brings what that one took."""

    def killed(self, name: str, tool: str, pid: int, **told) -> None:
        """Mail waits for the agent, whose client is at its turn's end when that hook is killed."""
        self.send(name)
        env = {**self.home.env, "HCOM_PROCESS_ID": told.pop("launch", "")}
        with held_up(tool, "Stop", env, pid, self.home.clients.get(pid), **told):
            self.home.until(
                lambda: self.home.sql("SELECT 1 FROM deliveries WHERE state = 'leased'"), "taken"
            )

    def test_of_a_client_with_a_socket(self):
        name = self.claude("s1")
        pid = self.clients["s1"].pid
        said = Socket(self, "s1", pid)
        said.says("busy")
        self.hook("s1", "UserPromptSubmit", prompt="work")
        self.killed(name, "claude", pid, session_id="s1")
        said.says("idle")
        self.assertIn("hcom: new mail", said.rung())
        told = self.hook("s1", "UserPromptSubmit", prompt="hcom: new mail")
        self.assertEqual(told.count("hello there"), 1)
        self.home.until(lambda: not self.left_behind(), "its end")

    def test_of_a_wrapped_client(self):
        for tool, streamed in (("codex", False), ("claude", True)):
            with self.subTest(tool):
                client = Standin(self, tool, tool, streamed)
                client.begin("s-" + tool)
                client.hook("UserPromptSubmit", prompt="work")
                told = {"session_id": client.session, "launch": client.launch}
                self.killed(tool, tool, client.pid, **told)
                client.until_woken()
                shown = client.hook("UserPromptSubmit", prompt=client.prompts()[0])
                self.assertEqual(shown.count("hello there"), 1)
                client.hook("Stop")

    def test_of_a_client_with_a_waiter(self):
        name = self.claude("s1")
        pid = self.clients["s1"].pid
        self.hook("s1", "UserPromptSubmit", prompt="work")
        process = self.waiter("s1")  # started by the same event as the hook that is killed
        self.killed(name, "claude", pid, session_id="s1")
        self.assertEqual(process.wait(15), 2)
        told = self.hook("s1", "UserPromptSubmit", prompt="hcom: new mail")
        self.assertEqual(told.count("hello there"), 1)

    def test_of_a_client_that_nobody_watches(self):
        """Whoever sends next finds the turn over."""
        with open_db(self.hcom) as db:
            people.join(db, "codex", 1.0, name="luna", session="s1", status="active")
        self.killed("luna", "codex", os.getpid(), session_id="s1")
        self.assertEqual(self.home.said("list", "luna", "status"), "active\n")
        self.send("luna")
        self.assertEqual(self.home.said("list", "luna", "status"), "listening\n")
        self.assertTrue(self.wakers())


if __name__ == "__main__":
    import unittest

    unittest.main()
