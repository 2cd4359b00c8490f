"""Facts about processes, and what is left behind: nobody's child, with nothing of its starter's."""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from hcom import process

PATIENCE_S = 10.0


class LeftBehind(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)

    def left(self, code: str, keep=()) -> list[int]:
        return process.leave_behind([sys.executable, "-I", "-S", "-c", code], os.environ, keep)

    def until(self, said: Path) -> str:
        end = time.monotonic() + PATIENCE_S
        while not said.exists():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return said.read_text()

    def test_it_is_nobodys_child_and_leads_a_session_of_its_own(self):
        said = self.place / "said"
        self.left(
            f"import os; t = '%d %d' % (os.getsid(0), os.getppid()); p = {str(said)!r}\n"
            "open(p + '.tmp', 'w').write(t); os.rename(p + '.tmp', p)"
        )
        session, parent = map(int, self.until(said).split())
        self.assertNotEqual(session, os.getsid(0))
        self.assertNotEqual(parent, os.getpid())
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_it_holds_none_of_our_descriptors(self):
        """A reader of our pipe gets its end, and a lock of ours is let go, while it runs."""
        lock = self.place / "lock"
        code = (
            "import fcntl, os, sys; sys.path.insert(0, sys.argv[1]); from hcom import process\n"
            "fd = os.open(sys.argv[2], os.O_CREAT | os.O_RDWR); os.set_inheritable(fd, True)\n"
            "fcntl.flock(fd, fcntl.LOCK_EX); os.dup2(1, 7)\n"
            "process.leave_behind(['/bin/sh', '-c', 'sleep 5'], os.environ)"
        )
        began = time.monotonic()
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(root), str(lock)],
            capture_output=True, timeout=PATIENCE_S, check=True,
        )  # fmt: skip
        self.assertLess(time.monotonic() - began, 4, "the pipe's end came only with sleep's")
        self.assertEqual(done.stdout + done.stderr, b"")
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_what_it_is_to_keep_it_keeps(self):
        path = self.place / "lock"
        fd = os.open(path, os.O_CREAT | os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX)
        go = self.place / "go"
        kept = self.left(
            f"import os, time\nos.fstat({process.FIRST_KEPT})\n"
            f"while not os.path.exists({str(go)!r}): time.sleep(0.01)", [fd]
        )  # fmt: skip
        self.assertEqual(kept, [process.FIRST_KEPT])
        os.close(fd)
        again = os.open(path, os.O_RDWR)
        self.addCleanup(os.close, again)
        with self.assertRaises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        go.touch()
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)

    def test_where_there_can_be_no_process_it_is_not_there(self):
        self.assertEqual(process.leave_behind(["/nonexistent"], os.environ), [])


if __name__ == "__main__":
    unittest.main()
