"""hcom is a guest: what it leaves behind holds nothing open, keeps no file, and minds no clock."""

import os
import subprocess

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
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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


if __name__ == "__main__":
    import unittest

    unittest.main()
