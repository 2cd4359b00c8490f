"""What the dashboard costs, counted: wake-ups, bytes, modules, statements, memory. And that its
terminal is sane whatever becomes of it."""

import os
import re
import signal
import sqlite3
import sys
import time
import unittest
from contextlib import suppress
from pathlib import Path

from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.demo.terminal import Terminal
from hcom.home import locate
from hcom.ops import look, talk
from hcom.store.connect import open_db
from hcom.tui import feed
from hcom.tui.keys import View
from hcom.tui.moves import moved
from hcom.tui.state import State
from tests.sealed import ROOT, Sealed
from tests.test_plans import BY_TIME, FLAGS, FROM_ID, LARGE, SMALL, Traced
from tests.waiting import looks

WATCHED_S = float(os.environ.get("HCOM_TEST_WATCHED_S", "25"))  # two of the dashboard's own looks
BYTES_S = 6  # of ages
WAKES_S, SPARE = 0.1, 2  # a second may wake it so often; a page may have to be read from the disk
MOST_KB = 40_000
SETTLED_S = 5.0  # what ages alone change comes less often
MILLION = """
INSERT INTO events (timestamp, type, instance, data)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000)
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 1760000000 + i, 'unixepoch'),
    CASE WHEN i % 10 THEN 'status' ELSE 'message' END, CASE WHEN i % 2 THEN 'luna' ELSE 'nova' END,
    CASE WHEN i % 10 THEN '{"val": "active", "context": "tool:Bash", "detail": "make test"}'
        ELSE '{"from": "nova", "tag": "", "text": "how is the build?", "scope": "mentions",
          "sender_kind": "instance", "delivered_to": ["luna"], "mentions": ["luna"],
          "intent": "inform", "thread": null, "reply_to": null}' END FROM n
"""
LAST = "SELECT max(id) FROM events"
CROWD = """
INSERT INTO agents (name, tool, status, status_at, created_at, directory)
WITH RECURSIVE n (i, at) AS (SELECT 1, strftime('%s', 'now') - 1 UNION ALL
    SELECT i + 1, at - 1 FROM n LIMIT 200)
SELECT printf('a%03d', i), 'adhoc', 'listening', at, at, '/srv/api' FROM n
"""
# What draws tells at SIGUSR1 which modules it has.
TELLS = """
import signal, sys
sys.path.insert(0, sys.argv.pop(1))
def tell(*_):
    with open("modules", "w") as stream:
        print(*sys.modules, "end", file=stream)
signal.signal(signal.SIGUSR1, tell)
from hcom.cli import main
sys.exit(main([]))
"""
# A bug, planted.
CRASHES = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from hcom.tui import views
drawn = views.frame
def frame(state, data, place):
    if data.agents and data.agents[0].agent.tag == "crash":
        raise ValueError("planted")
    return drawn(state, data, place)
views.frame = frame
from hcom.cli import main
sys.exit(main([]))
"""
# Not imported when the first screen stands: what acts, starts, or reads one thing whole.
LATER = re.compile(
    r"hcom\.(tui\.(acts|pages)|ops\.(launch|kill|transcripts|screens|setup|settings|problems)|relay"
    r"|api|demo|wrap|terminal\.\w+|adapters\.\w+\.\w+|delivery\.sweep)$|subprocess|tempfile|inspect"
    r"|pathlib|email|http|asyncio|socket|dataclasses|logging|typing|shutil"
)
MODULES = 190


class Drawn(Sealed):
    """Dashboards on terminals of ours."""

    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in self.home.env.items() if k != "AI_AGENT"}
        self.env["TERM"] = "xterm-256color"
        self.luna = self.home.start()

    def terminal(self, *argv: str) -> Terminal:
        found = Terminal(argv or ("hcom",), self.env, self.home.work, 80, 24)
        self.addCleanup(found.close)
        return found

    def until(self, terminal: Terminal, pattern: str, seconds: float = 30.0) -> None:
        """The screen shows that."""
        for _ in looks(seconds):
            terminal.pump()
            if re.search(pattern, terminal.text):
                return
        self.fail(f"not within {seconds} s: {pattern}\n{terminal.text}")

    def begun(self, *argv: str) -> Terminal:
        found = self.terminal(*argv)
        self.until(found, rf"(?s)-- agents --.*{self.luna}.*-- stream --.*q quit")
        return found

    def settled(self, terminal: Terminal) -> None:
        for _ in looks(60):
            terminal.pump()
            if terminal.still(SETTLED_S):
                return
        self.fail(f"the screen does not come to rest\n{terminal.text}")

    def watched(self, terminal: Terminal, seconds: float) -> bytes:
        """What is written to the terminal in that time."""
        before, end = len(terminal.output), time.monotonic() + seconds
        for _ in looks(seconds):
            terminal.pump()
            if time.monotonic() > end:
                break
        return terminal.output[before:]


def below(pid: int) -> int:
    """The one child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def counted(pid: int, key: str) -> int:
    """What the kernel has counted for the process."""
    found = re.search(rf"^{key}:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) if found else 0


@unittest.skipUnless(os.path.isdir("/proc/self/task"), "there is no /proc")
class Counted(Drawn):
    def test_nothing_happens_and_nothing_runs(self):
        terminal = self.begun()
        self.settled(terminal)
        front = terminal.child.pid
        pids, key = (front, below(front)), "voluntary_ctxt_switches"
        before = sum(counted(pid, key) for pid in pids)
        written = self.watched(terminal, WATCHED_S)
        wakes = sum(counted(pid, key) for pid in pids) - before
        self.assertLessEqual(wakes, WAKES_S * WATCHED_S + SPARE)
        self.assertLess(len(written), BYTES_S * WATCHED_S, written)
        said = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\(B|[\b\r]", b"", written)
        self.assertRegex(said, rb"\A[0-9smh ]*\Z", written)

    def test_little_is_loaded_before_the_first_screen(self):
        terminal = self.begun(sys.executable, "-I", "-S", "-c", TELLS, ROOT)
        os.kill(below(terminal.child.pid), signal.SIGUSR1)
        told = Path(self.home.work, "modules")
        self.home.until(lambda: told.exists() and told.read_text().endswith(" end\n"), "it tells")
        modules = set(told.read_text().split())
        self.assertIn("hcom.tui.feed", modules)
        self.assertEqual([name for name in sorted(modules) if LATER.match(name)], [])
        self.assertLess(len(modules), MODULES, sorted(modules))

    def test_a_million_events_and_two_hundred_agents(self):
        self.home.change(MILLION)
        self.home.change(CROWD)
        terminal = self.begun()
        for keys, shown in (
            ("\t", r"-- stream -+$"),
            ("g", r">\+#1 "),
            (" ", r"more behind it"),
            ("G", r"#1000001 "),
            ("/type:life\r", r"(?s)/type:life .*>\+#1 "),
            ("\x1b", r"#1000001 "),
            ("/tool:Bash\r", r"/tool:Bash "),
            ("g", r">.#2 "),
            ("\tG", r">. a200"),
            ("\r", r"-- agent a200 -"),
        ):
            with self.subTest(keys):
                terminal.type(keys)
                self.until(terminal, "(?m)" + shown)
        front = terminal.child.pid
        for pid in (front, below(front)):
            self.assertLess(counted(pid, "VmHWM"), MOST_KB)

    def test_a_burst_of_messages(self):
        terminal = self.begun()
        home, sender = locate(self.env), Sender("ci", EXTERNAL)
        began = time.monotonic()
        with open_db(home) as db:
            for number in range(1000):
                text = f"@{self.luna} message {number}"
                talk.send(db, sender, text, text, Envelope("", "", ""), time.time())
                terminal.pump()
                left = began + number / 200 - time.monotonic()  # 200 a second at most
                time.sleep(max(left, 0))
        self.until(terminal, rf"(?s){self.luna} .* 1k unread.*message 998\b.*message 999\b")
        self.settled(terminal)


class Queries(Traced):
    def test_no_filter_reads_a_whole_log(self):
        for flag, value in {**FLAGS, "": ""}.items():
            for at in (0, 1):
                with self.subTest(flag, at=at):
                    self.asked.clear()
                    text = f"{flag}:{value}" if flag else ""
                    feed.read(self.home, State(event=at, filter=text), time.time())
                    for statement, plan in self.plans().items():
                        if flag in BY_TIME or not flag:
                            plan = [step for step in plan if not FROM_ID.search(step)]
                        bad = [s for s in plan if LARGE.search(s) and not SMALL.search(s)]
                        self.assertFalse(bad, statement)

    def test_what_is_rare_is_looked_for_part_by_part(self):
        log = MILLION.replace("LIMIT 1000000", f"LIMIT {5 * look.SPAN}")
        said = '{"val": "blocked", "context": "tool:Bash", "detail": "Wrapped up"}'
        with sqlite3.connect(self.home.db) as db:
            db.execute(log)
            db.execute("UPDATE events SET type = 'status', data = ? WHERE id = 9", (said,))
        db.close()
        for name, value in (("WHOLE", look.SPAN), ("NEAR_S", -1.0)):  # a part for each reading
            self.addCleanup(setattr, look, name, getattr(look, name))
            setattr(look, name, value)
        for asked in ("status:blocked", "wrap", "wrap LUNA blocked"):
            state, looks = State(View.STREAM, filter=asked), 0
            while not (data := feed.read(self.home, state, time.time())[0]).events:
                self.assertTrue(data.low)  # there is more to be looked through
                state, looks = moved(state, data, -1), looks + 1
                self.assertEqual(state.event, data.low)
            self.assertGreater(looks, 2)
            self.assertEqual([event.id for event in data.events], [9])
            oldest = State(View.STREAM, event=1, filter=asked)
            data, _ = feed.read(self.home, oldest, time.time())
            self.assertEqual([event.id for event in data.events], [9])
            self.assertEqual(moved(oldest, data, 1).event, 1 + look.SPAN)
        self.addCleanup(setattr, look, "LOOK_S", look.LOOK_S)
        look.WHOLE, look.LOOK_S = 1 << 62, 0.0  # in which nothing can be found
        data, _ = feed.read(self.home, State(View.STREAM, filter="status:blocked"), time.time())
        self.assertEqual((data.events, data.low), ((), self.db.execute(LAST).fetchone()[0]))

    def test_a_reading_has_its_number_of_statements(self):
        for count in (feed.COUNT, 3 * feed.COUNT):
            for _ in range(count):
                self.send()
            self.asked.clear()
            feed.read(self.home, State(), time.time())
            self.assertLess(len(self.asked), feed.COUNT + 30)


class Sane(Drawn):
    """The terminal after the dashboard, however that ended."""

    def after(self, terminal: Terminal, code: int) -> None:
        self.until(terminal, rf"ended with {code}\b")
        work = Path(self.home.work)
        self.home.until((work / "after").exists, "the modes are told")
        self.home.until(lambda: (work / "after").read_text(), "the modes are told")
        self.assertEqual((work / "after").read_text(), (work / "before").read_text())
        self.assertNotIn("-- agents --", terminal.text)
        self.assertFalse(terminal.mirror.screen.alternate)
        self.assertFalse(terminal.mirror.screen.hidden)
        for mode in (b"\x1b[?2004", b"\x1b[?1049"):
            self.assertEqual(terminal.output.rpartition(mode)[2][:1], b"l", mode)

    def within(self, *argv: str) -> Terminal:
        """The dashboard in a shell."""
        if os.path.exists(os.path.join(self.home.work, "after")):
            os.unlink(os.path.join(self.home.work, "after"))
        code = '"$@"; echo "ended with $?"; stty -a >part; mv part after; exec cat'
        return self.begun("sh", "-c", f"stty -a >before; {code}", "sh", *(argv or ("hcom",)))

    @unittest.skipUnless(os.path.isdir("/proc/self/task"), "there is no /proc")
    def test_after_signals(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(number):
                terminal = self.within()
                front = below(terminal.child.pid)
                os.kill(front, number)
                self.after(terminal, 128 + number)

    @unittest.skipUnless(os.path.isdir("/proc/self/task"), "there is no /proc")
    def test_after_the_end_of_what_draws(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            with self.subTest(number):
                terminal = self.within()
                front = below(terminal.child.pid)
                os.kill(below(front), number)
                self.after(terminal, 128 + number)
                with suppress(ProcessLookupError):
                    os.kill(front, 0)
                    self.fail("it has not ended")

    def test_after_a_bug(self):
        terminal = self.within(sys.executable, "-I", "-S", "-c", CRASHES, ROOT)
        self.home.change("UPDATE agents SET tag = 'crash'")
        self.home.said("send", "--from", "ci", "go on")  # it looks
        self.after(terminal, 1)
        self.assertIn("planted", Path(self.home.hcom_dir, "logs", "hcom.log").read_text())

    def test_after_quitting(self):
        terminal = self.within()
        terminal.type("q")
        self.after(terminal, 0)


if __name__ == "__main__":
    unittest.main()
