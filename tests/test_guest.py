"""hcom is a guest: what it leaves behind holds nothing open, keeps no file, and minds no clock."""

import os
import subprocess
import time
from contextlib import suppress

from hcom import home as homes
from hcom.bus import notice
from hcom.bus.message import INSTANCE, REQUEST, Envelope, Sender
from hcom.delivery import bell, marks, owner, sweep
from hcom.hub import mail, people, subscriptions
from hcom.store import agents, filters
from hcom.store.connect import open_db, transaction
from hcom.store.deliveries import Into
from tests.sealed import Sealed
from tests.test_evidence import CLAUDE, Sessions
from tests.test_launcher import SHELLS
from tests.test_wake import Socket, Waking


class LeftBehind(Waking):
    """The process that waits for a busy client has nothing of who sent."""

    def setUp(self):
        super().setUp()
        self.name = self.claude("s1")
        self.said = Socket(self, "s1", self.clients["s1"].pid)
        self.said.says("waiting")
        self.hook("s1", "PermissionRequest", tool_name="Bash")

    def sent(self, script: str, shell: str) -> list[int]:
        """The processes that stay behind the script, whose output has ended."""
        command = f"hcom send --from ci @{self.name} -- x"
        subprocess.run(
            [shell, "-c", script.replace("SEND", command)],
            env=self.home.env,
            cwd=self.home.work,
            capture_output=True,
            timeout=30,
            check=True,
        )
        return self.home.until(self.left_behind, "a process that waits")

    def test_a_pipes_reader_gets_its_end(self):
        for shell in SHELLS:
            for script in ("SEND | cat", "exec 3>&1; SEND | cat", "{ SEND; } 7>&1 8<&0 | cat"):
                with self.subTest(shell, script=script):
                    self.sent(script, shell)

    def test_a_lock_is_let_go(self):
        lock = os.path.join(self.home.root, "lock")
        for shell in SHELLS:
            with self.subTest(shell):
                self.sent(f"(flock 9; SEND) 9>{lock}", shell)
                subprocess.run(["flock", "-n", lock, "true"], check=True)

    def test_it_has_no_descriptor_but_its_own(self):
        [pid] = self.sent("SEND 5</dev/zero 6>>/dev/full", "/bin/sh")
        held = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # it opens and closes while it is looked at
                held.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        self.assertTrue(held)
        self.assertFalse({"/dev/zero", "/dev/full"}.intersection(held))


class Swept(Sealed):
    """What nobody uses any more is gone when somebody joins."""

    def setUp(self):
        super().setUp()
        self.home.start()
        self.place = homes.locate(self.home.env)

    def test_what_sessions_that_are_over_left(self):
        name = self.claude("s1")
        pid = self.clients["s1"].pid
        marks.mark(self.place, ["s1", f"pid-{pid}", "sub-a1"], name)
        marks.mark(self.place, ["s0", "pid-1", "launch0", "sub-a0"], "nobody")
        marks.raise_flag(self.place, [name, "nobody"])
        for lock in (name, "nobody", "held"):
            owner.give_up(owner.take(self.place, lock))
        dead = self.place.run("bells", "nobody.999")
        os.mkfifo(dead)
        held = owner.take(self.place, "held")
        with bell.Bell(self.place, name) as lives:
            self.home.start()
            self.assertEqual((os.path.exists(dead), os.path.exists(lives.path)), (False, True))
        found = set(self.found())
        gone = {"pid-1", "s0", "launch0", "sub-a0", "nobody", "nobody.lock"}
        kept = {"s1", f"pid-{pid}", "sub-a1", name, f"{name}.lock", "held.lock"}
        self.assertEqual((found & gone, kept - found), (set(), set()))
        owner.give_up(held)
        with open_db(self.place) as db:
            agents.end_session(db, name, "exit:other", time.time())
        self.home.start()
        self.assertIn("s1", self.found())  # it may be resumed
        self.assertEqual({f"pid-{pid}", "sub-a1", "held.lock"} & set(self.found()), set())

    def test_a_mark_that_is_another_agents_by_now(self):
        marks.mark(self.place, ["s0"], "nobody")
        found = sweep.there(self.place)
        marks.mark(self.place, ["s0"], "newcomer")
        sweep.sweep(self.place, found, [], set())
        self.assertIn("s0", self.found())

    def found(self) -> list[str]:
        return [name for _, name, _ in sweep.there(self.place)]


class Clocks(Sessions):
    """The clock is set back a day, or forward, while something is under way: nothing waits for it.
    What was stored before is moved instead: a test cannot set the clock."""

    DAYS = (-1, 1)
    TIMES = (
        ("agents", "status_at, turn_at, created_at, ended_at"),
        ("deliveries", "leased_at, delivered_at"),
        ("subscriptions", "fired_since"),
    )

    def jump(self, days: int) -> None:
        """The clock is set, by so many days."""
        for table, columns in self.TIMES:
            moved = ", ".join(f"{c} = {c} - {days * 86_400}" for c in columns.split(", "))
            self.db.execute(f"UPDATE {table} SET {moved}")
        self.db.execute(
            "UPDATE events SET timestamp = strftime('%Y-%m-%dT%H:%M:%fZ', timestamp, ?)",
            (f"{-days} days",),
        )
        for entry in os.scandir(self.home.run("spool")):
            at = entry.stat().st_mtime - days * 86_400
            os.utime(entry.path, (at, at))

    def jumps(self):
        for days in self.DAYS:
            for client in self.each():
                with self.subTest(client.tool, days=days):
                    yield client, days

    def status(self) -> str:
        return agents.find(self.db, "luna").status

    def test_statuses_go_on(self):
        for client, days in self.jumps():
            for name, status in (
                (client.start, "listening"),
                (client.prompt, "active"),
                (client.turn_end, "listening"),
                (client.prompt, "active"),
                (client.tool_end, "active"),
                (client.end, "inactive"),
                (client.start, "listening"),
            ):
                self.hook(name, **({"source": "resume"} if name == client.start else {}))
                self.assertEqual(self.status(), status, name)
                self.assertIs(agents.find(self.db, "luna").ended_at is None, name != client.end)
                self.jump(days)

    def test_what_was_given_is_proven(self):
        for client, days in self.jumps():
            for before, after in ((days, 0), (0, days)):
                self.hook(client.prompt)
                self.jump(before)
                number = self.given(client.tool_end)
                self.jump(after)
                self.hook(client.turn_end)
                self.assertEqual(self.state(number), "seen" if client.hooks_prove else "delivered")

    def test_what_an_idle_session_lost_comes_again(self):
        for client, days in self.jumps():
            number = self.given(client.tool_end)
            with open(self.old, "wb") as stream:
                stream.write(client.recorded("parallel")[0])
            agents.set_status(self.db, "luna", "listening", "interrupted", "", time.time())
            self.jump(days)
            self.assertIn(f"[hcom message #{number} ", self.hook(client.prompt))

    def test_what_is_in_a_hand_that_nobody_can_judge_does_not_wait_a_day(self):
        for client, days in self.jumps():
            number = self.send()
            with transaction(self.db):
                mail.lease(self.db, agents.find(self.db, "luna"), Into("tool"), 0, time.time())
                self.db.execute("UPDATE deliveries SET holder_start = '1@elsewhere'")
            self.jump(days)
            self.assertIn(f"[hcom message #{number} ", self.hook(client.prompt))

    def test_a_request_that_was_taken_in_silence_is_told(self):
        for days in self.DAYS:
            self.session(CLAUDE)
            people.join(self.db, "claude", 1.0, name="nova", session="s2")
            asks = Sender("nova", INSTANCE)
            mail.send(self.db, asks, "do it", ["luna"], Envelope(REQUEST), time.time())
            self.hook("UserPromptSubmit")
            self.jump(days)
            self.hook("Stop")
            told = subscriptions.settle(self.home, self.db, time.time())
            self.assertEqual(told, ["nova"])

    def test_a_burst_is_over(self):
        for days in self.DAYS:
            self.session(CLAUDE)
            people.join(self.db, "claude", 1.0, name="nova", session="s2")
            where = filters.preset("idle:luna", str)
            subscriptions.subscribe(self.home, self.db, "nova", "nova", where, False, 1.0)
            self.db.execute(
                "UPDATE subscriptions SET fired = ?, fired_since = ?", (notice.BURST, time.time())
            )
            self.jump(days)
            self.hook("Stop")
            subscriptions.settle(self.home, self.db, time.time())
            self.assertEqual(
                self.db.execute("SELECT fired, off FROM subscriptions").fetchone()[:], (1, "")
            )


if __name__ == "__main__":
    import unittest

    unittest.main()
