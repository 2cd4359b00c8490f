"""Launching real Claude Code in windows and headless, and ending it."""

import json
import os
import random
import signal
import unittest
from pathlib import Path

from tests.rig.clients import requires
from tests.rig.pane import IN_TMUX
from tests.rig.room import Room, descendants, entered, ours
from tests.rig.world import READY

HOSTILE = "SAY: $(touch pwned) `touch pwned` \"q\" 'q' \\ \n  ; touch pwned # é🙂 %s {script} !x"


@requires("claude")
class Launch(unittest.TestCase):
    def room(self) -> Room:
        return entered(self, Room())

    def shell(self, room: Room, **env):
        """A person's shell in a pane of the private tmux."""
        pane = room.world.pane(
            "shell",
            ["sh", "-i"],
            cwd=room.world.project("p-shell"),
            env={**IN_TMUX, "PS1": "$ ", **env},
            cols=160,
            rows=50,
        )
        pane.until(r"^\$")
        return pane

    def panes(self, room: Room) -> int:
        return len(room.world.tmux("list-panes", "-a", "-F", "#{pane_id}").splitlines())

    def test_three_panes_ready_and_gone(self):
        room = self.room()
        shell = self.shell(room)
        before = self.panes(room)
        shell.submit("hcom 3 claude")
        shell.until("launched 3 claude: luna, nova, kira")
        self.assertEqual(self.panes(room), before + 3)
        done = room.world.run(["hcom", "events", "launch"], timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(done.stdout.count("ready"), 3)
        sent = room.send("@nova hello")
        room.received(room.session("nova"), sent)
        self.assertIn("killed luna, nova, kira", room.hcom("kill", "all"))
        room.until(lambda: self.panes(room) == before)
        self.assertEqual(room.listed(), {})
        room.until(lambda: not [p for p in ours(room.world) if "claude" in p])
        self.assertEqual(list((room.world.hcom_dir / ".agents/launch").iterdir()), [])

    def test_headless_stays_reachable_until_it_is_killed(self):
        room = self.room()
        shell = self.shell(room)
        shell.submit("hcom 2 claude --headless; hcom claude -p --autocompact auto 'SAY: task-done'")
        shell.until(r"launched 2 claude.*(.|\n)*launched 1 claude: kira")
        self.assertEqual(room.world.run(["hcom", "events", "launch"], timeout=60).returncode, 0)
        room.world.model.until("task-done")
        room.until_status("kira", "listening")
        (log,) = (room.world.hcom_dir / "logs").glob("kira-*.log")
        room.until(lambda: log.read_text() == "task-done\n")
        self.assertEqual(room.hcom("term", "kira"), "task-done\n")
        for name in ("luna", "nova", "kira"):
            room.until_status(name, "listening")
            sent = room.send(f"@{name} more")
            room.received(room.session(name), sent)
        self.assertIn("❯", room.hcom("term", "luna"))
        room.until_status("kira", "listening")
        room.hcom("kill", "all")
        self.assertEqual(room.listed(), {})
        room.until(lambda: not ours(room.world))

    def test_arguments_and_environment_arrive_byte_for_byte(self):
        room = self.room()
        room.world.shim(
            "claude",
            '#!/bin/sh\nfor a in "$@"; do printf \'%s\\0\' "$a"; done'
            ' >args.txt\nprintf %s "$ONLY_HERE" >env.txt\nexec sleep 600\n',
        )
        shell = self.shell(room, ONLY_HERE="a secret $x")
        (room.world.project("p-shell") / "prompt").write_text(HOSTILE)
        shell.submit('hcom 1 claude --model "a b" "$(cat prompt)"')
        shell.until("launched 1 claude")
        folder = room.world.project("p-shell")
        room.until(lambda: (folder / "env.txt").exists())
        self.assertEqual(
            (folder / "args.txt").read_text().split("\0"), ["--model", "a b", HOSTILE, ""]
        )
        self.assertEqual((folder / "env.txt").read_text(), "a secret $x")
        titles = room.world.tmux("list-panes", "-a", "-F", "#{pane_title}").split()
        self.assertIn("luna", titles)
        self.assertFalse((folder / "pwned").exists())
        for path in room.world.hcom_dir.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"a secret", path.read_bytes(), path)
        room.hcom("kill", "all")

    def test_a_client_that_fails_leaves_no_agent_and_says_why(self):
        room = self.room()
        room.world.shim("claude", "#!/bin/sh\necho no such model; exit 3\n")
        shell = self.shell(room)
        shell.submit("hcom 1 claude || echo not-ok")
        shell.until(r"not launched: luna: exit 3\n +no such model(.|\n)*not-ok")
        self.assertNotIn("launched 1 ", shell.screen())
        done = room.world.run(["hcom", "events", "launch"], timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "luna +claude +failed: exit 3\n +no such model")
        self.assertEqual(room.listed(), {})

    def test_bad_launches_say_so_and_leave_nothing(self):
        room = self.room()
        table = {
            ("0", "claude"): (2, "cannot launch 0"),
            ("10000", "claude"): (2, "cannot launch 10000"),
            ("2", "nonesuch"): (2, "no tool 'nonesuch'"),
            ("1", "claude"): (1, "no terminal|cannot|display|headless"),
        }
        for words, (code, said) in table.items():
            with self.subTest(words=words):
                done = room.world.run(["hcom", *words])
                self.assertEqual(done.returncode, code, done)
                self.assertRegex(done.stderr, said)
                self.assertEqual(done.stderr.count("\n"), 1)
        settings = {"nonesuch-preset": 2, "false {script}": 1, "true {script}": 1}
        for setting, code in settings.items():
            with self.subTest(setting=setting):
                done = room.world.run(
                    ["hcom", "1", "claude"], env={"HCOM_TERMINAL": setting}, timeout=60
                )
                self.assertEqual(done.returncode, code)
                self.assertRegex(done.stderr, "^hcom: ")
        (room.world.bin / "claude").unlink()
        done = room.world.run(["hcom", "1", "claude", "--headless"])
        self.assertIn("claude is not installed", done.stderr)
        self.assertEqual(room.listed(), {})

    def test_an_agent_launches_only_when_it_asks_twice(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask(
            "RUN: hcom 2 claude --headless\nRUN: HCOM_GO=1 hcom 2 claude --headless\nSAY: all-over"
        )
        told = room.world.model.until("Nothing was launched", since=asked.t)
        self.assertIn("HCOM_GO=1", told.fresh)
        told = room.world.model.until("launched 2 claude: nova, kira", 60, since=asked.t)
        room.until_status("nova", "listening")
        room.until_status("kira", "listening")
        log = [
            json.loads(x)["data"]
            for x in room.hcom(
                "events", "--sql", "life_action in ('created', 'batch_launched')"
            ).splitlines()
        ]
        self.assertEqual([x["by"] for x in log], ["bigboss", "luna", "luna", "luna"])

    def test_resume_and_fork_by_name(self):
        room = self.room()
        luna = room.agent("luna")
        luna.ask("SAY: first answer")
        room.until_status("luna", "listening")
        luna.submit("/exit")
        luna.until_ended()
        sent = room.send("@luna while away")
        room.world.pane("again", ["hcom", "resume", "luna"])
        room.received(room.session("luna"), sent)
        room.world.pane("copy", ["hcom", "fork", "luna"])
        room.until(lambda: len(room.listed()) == 2)
        room.hcom("stop", "luna")
        room.until(lambda: "luna" not in room.listed())
        done = room.world.run(["hcom", "resume", "luna", "--headless"])
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("still runs", done.stderr)

    def test_the_wrapper_is_killed_and_nothing_stays(self):
        room = self.room()
        for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(sig=sig):
                name = f"a{int(sig)}"
                pane = room.agent(name)
                below = descendants(pane.pid)
                pane.kill(sig)
                room.until(
                    lambda: (
                        not any(os.path.exists(f"/proc/{p}") and _state(p) != b"Z" for p in below)
                    )
                )
                room.until(lambda: {a["status"] for a in room.reported()} == {"inactive"})

    def test_random_kills_leave_nothing_behind(self):
        """A stand-in for the client, so that a hundred take a minute; the real one above."""
        room = self.room()
        told = "[ $1 = --version ] && exec echo 9.9.9"
        room.world.shim("claude", f"#!/bin/sh\n{told}\nexec sleep 600\n")
        rng = random.Random(7)
        for count in range(100):
            front = room.world.pane(f"k{count}", ["hcom", "claude"]).pid
            room.until(lambda: len(descendants(front)) == 2)
            below = descendants(front)
            victim = rng.choice(["wrapper", "client", "terminal"])
            client = sorted(below)[1]
            if victim == "terminal":
                room.world.tmux("kill-session", "-t", f"=k{count}")
            else:
                os.kill(
                    front if victim == "wrapper" else client,
                    rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]),
                )
            with self.subTest(victim=victim, count=count):
                room.until(lambda: not [p for p in below if _state(p) != b"Z"])
        room.until(lambda: all(a["status"] == "inactive" for a in room.reported()), 5)
        self.assertEqual(ours(room.world), [])

    def test_the_terminal_is_sane_after_a_kill(self):
        room = self.room()
        shell = self.shell(room)
        before = room.world.run(["stty", "-a", "-F", shell.fact("#{pane_tty}")]).stdout
        shell.submit("hcom claude")
        shell.until(READY["claude"], 40)
        # the shell that a hook began may end meanwhile, the wrapper does not
        wrapper = next(p for p in descendants(shell.pid) if b"wrapped" in _words(p))
        os.kill(wrapper, signal.SIGKILL)
        shell.until(r"Killed(.|\n)*\$")
        room.until(
            lambda: room.world.run(["stty", "-a", "-F", shell.fact("#{pane_tty}")]).stdout == before
        )
        shell.submit("echo still-$((40+2))")  # pasted: the terminal no longer marks pastes
        shell.until("still-42")


def _words(pid: int) -> bytes:
    """What the process was begun with; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _state(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0]
    except OSError:
        return b"Z"


if __name__ == "__main__":
    unittest.main()
