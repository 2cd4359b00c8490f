"""hcom is a guest: what it leaves behind holds nothing open, keeps no file, and minds no clock."""

import os
import subprocess
import time

from hcom import home as homes
from hcom.delivery import bell, marks, owner, sweep
from hcom.store import agents
from hcom.store.connect import open_db
from tests.sealed import Sealed
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
        for fd in os.listdir(f"/proc/{pid}/fd"):
            self.assertNotIn(os.readlink(f"/proc/{pid}/fd/{fd}"), ("/dev/zero", "/dev/full"))


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

    def found(self) -> list[str]:
        return [name for _, name in sweep.there(self.place)]


if __name__ == "__main__":
    import unittest

    unittest.main()
