"""Each command as a real process, as people and agents run it: results, errors, exit codes."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import unittest

from hcom.cli import catalog
from tests.sealed import Home

NOBODY = ["setpriv", "--reuid=65534", "--clear-groups"]


def allowed(*prefix: str) -> bool:
    """Whether this machine lets us run a command behind `prefix`."""
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, timeout=20).returncode == 0
    except FileNotFoundError:
        return False


INSIDE = {"GEMINI_CLI": "1"}  # a client that hcom did not start, whose hooks bring no mail


class Commands(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.addCleanup(self.assertNotEqual, self.home.root, os.path.expanduser("~"))

    def refused(self, *args, code: int = 1, said: str = "", **kwargs) -> str:
        """The command fails with `code`, one line on stderr and nothing on stdout; the line."""
        done = self.home.run(*args, **kwargs)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done)
        self.assertRegex(done.stderr, r"\Ahcom: [^\n]+\n\Z")
        self.assertNotIn("this is a bug", done.stderr)
        self.assertIn(said, done.stderr)
        return done.stderr

    def shell(self, line: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["/bin/sh", "-c", line],
            env=self.home.env,
            cwd=self.home.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )

    def states(self, agent: str) -> list[str]:
        return [
            s
            for (s,) in self.home.sql(
                "SELECT state FROM deliveries WHERE agent = ? ORDER BY event_id", agent
            )
        ]

    def events(self) -> int:
        return self.home.sql("SELECT count(*) FROM events WHERE type = 'message'")[0][0]


class Sending(Commands):
    def setUp(self):
        super().setUp()
        self.luna, self.nova = self.home.start(), self.home.start()

    def test_nothing_is_sent_that_is_wrong(self):
        ack = self.home.said("send", "--from", "ci", f"@{self.luna} x")
        number = ack.split("#")[1].split()[0]
        self.home.said("send", "--from", "ci", "--intent", "ack", "--reply-to", number, "ok")
        before = self.events()
        second = str(int(number) + 1)
        here = [
            "no agent @nobody",
            f"did you mean @{self.luna}? Else text",
            "ack of an ack",
            "#1 is not a message",
            "not a message",
        ]
        big = "x" * (1024 * 1024 + 1)
        for args, stdin, said in (
            (("@nobody hi",), None, "no agent @nobody"),
            ((f"@{self.luna[:3]} hi",), None, f"did you mean @{self.luna}? Else text"),
            (("",), None, "empty"),
            ((), None, "empty"),
            (("--",), None, "empty"),
            (("--stdin",), "", "empty"),
            (("--stdin",), big, "more than 1048576 bytes"),
            (("--stdin",), "ä" * 600_000, "more than 1048576 bytes"),
            (("--stdin",), "é" + big * 3, "more than 1048576 bytes"),
            ((f"@{self.luna}",), None, "an address and no text"),
            (("--stdin",), f" @{self.luna} @{self.nova}\n", "an address and no text"),
            (("a\x1b[2J",), None, "U+001B"),
            (("--stdin",), "a\0b", "U+0000"),
            (("a\u202eb",), None, "U+202E"),
            (("a\rb",), None, "U+000D"),
            (("--reply-to", "1", "x"), None, "#1 is not a message"),
            (("--reply-to", "999999", "x"), None, "not a message"),
            (("--reply-to", f"{number}:BOXE", "x"), None, "not a message"),
            (("--reply-to", "x", "x"), None, "not a message id"),
            (("--intent", "ack", "x"), None, "needs --reply-to"),
            (("--intent", "ack", "--reply-to", second, "x"), None, "ack of an ack"),
            (("--intent", "shout", "x"), None, "not an intent"),
            (("--thread", "a b", "x"), None, "not a thread name"),
        ):
            code = 1 if said in here else 2  # what is wrong whoever is here is wrong usage
            with self.subTest(args=[a[:20] for a in args], stdin=(stdin or "")[:5]):
                self.refused("send", "--from", "ci", *args, stdin=stdin, said=said, code=code)
        self.assertEqual(self.events(), before)

    def test_binary_and_bytes_that_are_no_text(self):
        done = subprocess.run(
            ["hcom", "send", "--from", "ci", "--stdin"],
            env=self.home.env,
            input=b"\xff\xfe\x00",
            capture_output=True,
            timeout=60,
        )
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"not UTF-8", done.stderr)
        for line in (
            "hcom send --from ci \"$(printf 'a\\377')\"",
            "hcom list \"$(printf 'a\\377')\"",
            "hcom events --sql \"$(printf '\\377')\"",
            "hcom send --name \"$(printf '\\377')\" x",
            "hcom \"$(printf '\\377')\"",
            "HCOM_PROCESS_ID=$(printf '\\377') hcom list",
        ):
            with self.subTest(line):
                done = self.shell(line)
                self.assertIn(done.returncode, (1, 2))
                self.assertRegex(done.stderr, r"\Ahcom: [^\n]+\n\Z")
                self.assertNotIn("this is a bug", done.stderr)
        self.assertEqual(self.events(), 0)

    def test_closed_standard_streams(self):
        self.home.said("send", "--from", "ci", f"@{self.luna} hi")
        for line in (
            f"hcom list --name {self.luna} >&-",
            f"hcom list --name {self.luna} >/dev/full",
            f"hcom listen --name {self.luna} 1 >&-",
            "hcom --help >&-",
            "hcom send --from ci --stdin <&-",
        ):
            with self.subTest(line):
                done = self.shell(line)
                self.assertEqual(done.returncode, 2 if "--stdin" in line else 1, done)
                self.assertRegex(done.stderr, r"\Ahcom: [^\n]+\n\Z")
                self.assertNotIn("bug", done.stderr)
        self.assertEqual(self.states(self.luna), ["queued"])
        self.assertEqual(self.shell("hcom list 2>&- >/dev/null").returncode, 0)
        self.assertEqual(self.shell("hcom list nobody 2>&-").returncode, 1)

    def test_any_command_bears_closed_streams(self):
        self.home.program("claude", "exit 0")
        lines = [name for name in catalog.COMMANDS if name != "listen"]
        for line in [*lines, "listen 1", "claude -p hi", "claude", "gemini", "config tag x"]:
            for closed in ("<&-", ">&-", "<&- >&- 2>&-"):
                with self.subTest(f"hcom {line} {closed}"):
                    done = self.shell(f"hcom {line} {closed}")
                    self.assertIn(done.returncode, (0, 1, 2), done)
                    self.assertNotRegex(done.stdout + done.stderr, "bug|Traceback|Error")
        log = os.path.join(self.home.hcom_dir, "logs", "hcom.log")
        if os.path.exists(log):
            with open(log, encoding="utf-8") as stream:
                self.assertNotIn("cli.failed", stream.read())

    def test_names_from_outside(self):
        ours = (self.luna, self.luna.upper())
        for name in ("bigboss", "hcom", "hcom-x", self.luna, self.luna.upper(), "[hcom", "a b"):
            with self.subTest(name):
                self.refused("send", "--from", name, "hi", code=1 if name in ours else 2)
        tagged = self.home.said("start", env={"HCOM_TAG": "dev"})
        display = tagged.split("'")[1]
        self.assertTrue(display.startswith("dev-"))
        for name in (display, "dev"):
            self.refused("send", "--from", name, "hi", said="an agent's name")
        self.assertEqual(self.events(), 0)

    def test_who_are_you(self):
        self.refused("send", "hi", said="who are you")
        self.refused("send", "--name", "nobody", "hi", said="no agent")
        self.refused("stop", said="stop whom")
        self.refused("list", "self")
        self.home.said("stop", self.nova)
        self.refused("send", "--name", self.nova, "hi", said="has left")
        self.assertEqual(self.events(), 0)

    def test_who_ended_or_left_is_said_with_the_way_back(self):
        session = {"session_id": "s1", "cwd": self.home.work, "prompt": "hi"}
        inside = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "s1"}
        kira = self.home.new(lambda: self.home.said("start", env=inside))
        self.home.hook("claude", "SessionEnd", {**session, "reason": "other"})
        done = self.home.run("send", "--from", "ci", f"@{kira} hi")
        self.assertIn(f"to {kira}", done.stdout)
        self.assertEqual(done.stderr, f"hcom: ended, read on return: {kira} (hcom resume {kira})\n")
        for name, way in ((kira, "resume"), (self.nova, "start --as")):
            self.home.said("stop", name)
            said = self.refused("send", "--from", "ci", f"@{name} hi", said=f"{name} has left")
            self.assertIn(f"(hcom {way} {name})", said)
            self.refused("list", name, said=f"(hcom {way} {name})")
        self.assertEqual(self.states(kira), ["queued"])

    def test_a_reply_goes_to_the_author_and_stays_in_its_thread(self):
        sent = self.home.said("send", "--name", self.luna, "--thread", "t1", f"@{self.nova} q?")
        number = sent.split("#")[1].split()[0]
        self.assertIn(
            f"to {self.luna}",
            self.home.said("send", "--name", self.nova, "--reply-to", number, "yes"),
        )
        newest = "SELECT data FROM events WHERE type = 'message' ORDER BY id DESC LIMIT 1"
        reply = json.loads(self.home.sql(newest)[0][0])
        self.assertEqual((reply["thread"], reply["delivered_to"]), ("t1", [self.luna]))


class Reading(Commands):
    def setUp(self):
        super().setUp()
        self.luna = self.home.start()

    def send(self, *texts: str) -> None:
        for text in texts:
            self.home.said("send", "--from", "ci", "--stdin", stdin=f"@{self.luna} {text}")

    @unittest.skipUnless(os.path.isdir("/proc/self"), "nobody tells here who reads an output")
    def test_mail_comes_behind_the_output_of_each_command_once(self):
        self.home.env.update(INSIDE)
        self.send("one", "two")
        name = ("--name", self.luna)
        first = self.home.said("list", *name)
        self.assertTrue(first.index("[hcom message") > first.index(self.luna))
        self.assertEqual(first.count("[hcom message #"), 2)
        for command in (
            ("list",),
            ("events", "--last", "1"),
            ("status",),
            ("list", "self"),
            ("send", "@bigboss hi"),
            ("hooks",),
        ):
            self.assertNotIn("[hcom message #", self.home.said(*command, *name))
        self.send("three")
        shown = self.home.said("events", "--last", "1", *name)
        self.assertIn("three", shown.split("[hcom message")[1])
        self.assertNotIn("three", self.home.said("start", "--as", self.luna))
        self.home.said("list", *name)
        self.assertEqual(self.states(self.luna), ["seen"] * 3)

    @unittest.skipUnless(os.path.isdir("/proc/self"), "nobody tells here who reads an output")
    def test_it_comes_only_where_all_of_the_output_is_read(self):
        self.home.env.update(INSIDE)
        self.send("one", "two")
        told = f"hcom: 2 messages wait: hcom listen --name {self.luna}\n"
        os.mkfifo(os.path.join(self.home.work, "fifo"))
        for line in (
            "hcom list {} --json",
            "hcom list {} luna --sh",
            "hcom list {} | cat",
            "hcom list {} | grep luna",
            "hcom list {} | (sleep 0.1; head -1)",
            "hcom list {} >out; cat out",
            "hcom list {} >/dev/null",
            'said=$(hcom list {}); echo "$said"',
            "cat fifo & hcom list {} >fifo; wait",
            "cat fifo & sh -c 'exec hcom list {} >fifo'; wait",
            "exec >out; hcom list {}",
        ):
            with self.subTest(line):
                line = line.replace("luna", self.luna)
                done = self.shell(line.format(f"--name {self.luna}"))
                self.assertEqual(done.stderr, told)
                self.assertNotIn("[hcom message", done.stdout)
                self.assertEqual(self.states(self.luna), ["queued", "queued"])
        for line in ("hcom list {}", "cd / && (hcom list {}); true", "timeout 60 hcom list {}"):
            with self.subTest(line):
                done = self.shell(line.format(f"--name {self.luna}"))
                self.assertEqual((done.stderr, done.stdout.count("[hcom message #")), ("", 2))
            self.home.change("UPDATE deliveries SET state = 'queued'")

    def test_a_tool_that_is_not_known_is_read_at_its_terminal_only(self):
        self.send("one")
        done = self.home.run("list", "--name", self.luna)
        self.assertIn("hcom: 1 message waits: ", done.stderr)
        self.assertNotIn("[hcom message", done.stdout)
        ours, theirs = pty.openpty()
        argv = ["hcom", "list", "--name", self.luna]
        shown = subprocess.run(argv, env=self.home.env, stdin=theirs, stdout=theirs, timeout=60)
        self.assertEqual((shown.returncode, os.read(ours, 65536).count(b"[hcom message #")), (0, 1))
        os.close(ours), os.close(theirs)

    def test_the_person_is_told_of_mail_and_reads_it(self):
        self.home.said("send", "--name", self.luna, "@bigboss", "--", "one")
        ours, theirs = pty.openpty()
        shown = []
        for words in (("list",), ("listen", "1"), ("list",)):
            argv = ["hcom", *words]
            subprocess.run(argv, env=self.home.env, stdin=theirs, stdout=theirs, timeout=60)
            shown.append(os.read(ours, 65536).decode())
        os.close(ours), os.close(theirs)
        self.assertIn("you: 1 unread (read with: hcom listen)", shown[0])
        self.assertIn("\r\none\r\n", shown[1])
        self.assertNotIn("you:", shown[2])
        self.assertNotIn("you:", self.home.said("list"))

    def test_the_reply_line_can_be_run_as_it_stands(self):
        nova = self.home.start()
        self.home.said("send", "--name", nova, "--intent", "request", f"@{self.luna} hi")
        said = self.home.said("listen", "--name", self.luna, "1").splitlines()
        line = said[-1].partition(": ")[2].rstrip("]").replace("TEXT", "yes")
        self.assertTrue(line.startswith(f"hcom send @{nova} --name {self.luna} --reply-to "), line)
        done = self.shell(line)
        self.assertIn(f"to {nova}", done.stdout, done)

    def test_a_reader_that_leaves_early_has_seen_nothing(self):
        self.send("one", "two")
        name = f"--name {self.luna}"
        for line in (
            f"hcom listen {name} | head -1",
            f"hcom listen --json {name} 5 | head -1",
            f"hcom listen {name} | true",
            f"hcom listen {name} | (sleep 0.3; head -1)",
        ):
            with self.subTest(line):
                done = self.shell(line)
                self.assertEqual(done.stderr, "")
                self.assertEqual(self.states(self.luna), ["queued", "queued"])
        done = self.shell(f"hcom listen {name} | cat")
        self.assertEqual(done.stdout.count("[hcom message"), 2)

    def test_listen(self):
        self.refused("listen", "1", said="who are you")
        self.refused("listen", "--name", self.luna, "x", code=2, said="not a number")
        self.refused("listen", "--name", self.luna, "nan", code=2)
        self.refused("listen", "--name", self.luna, "1", "2", code=2)
        self.refused("listen", "--name", self.luna, "0", said="no message within 0 s")
        self.refused("listen", "--sql", "id < 0", "0.1", said="no event within 0.1 s")
        waiting = subprocess.Popen(
            ["hcom", "listen", "--json", "--name", self.luna, "30"],
            env=self.home.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        bells = os.path.join(self.home.hcom_dir, "run", "bells")
        self.home.until(lambda: any(b.startswith(self.luna) for b in os.listdir(bells)), "a bell")
        self.send("hello")
        out, _ = waiting.communicate(timeout=20)
        self.assertEqual((waiting.returncode, json.loads(out)["text"]), (0, f"@{self.luna} hello"))
        self.assertEqual(os.listdir(bells), [])

    def test_interrupted(self):
        waiting = subprocess.Popen(
            ["hcom", "listen", "--name", self.luna, "30"],
            env=self.home.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        bells = os.path.join(self.home.hcom_dir, "run", "bells")
        self.home.until(lambda: any(b.startswith(self.luna) for b in os.listdir(bells)), "a bell")
        waiting.send_signal(signal.SIGINT)
        self.assertEqual(waiting.communicate(timeout=20), ("", ""))
        self.assertEqual(waiting.returncode, 130)

    def test_nothing_in_a_name_or_a_status_reaches_the_terminal_raw(self):
        self.home.hook("claude", "UserPromptSubmit", {"session_id": "x", "prompt": "hi"})
        db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
        db.execute(
            "UPDATE agents SET context = ?, detail = ?, directory = ?, wake_failure = ?",
            ("a\x1b]0;x\a", "b\nc\x9b2J\u202e", "/d\x1b[31m\ne", "f\r\x1b"),
        )
        db.commit()
        db.close()
        for args in (
            ("list",),
            ("list", "-v"),
            ("list", self.luna),
            ("list", self.luna, "--sh"),
            ("list", self.luna, "directory"),
            ("list", "--json"),
        ):
            out = self.home.said(*args)
            self.assertNotRegex(out, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", args)
        self.assertEqual(len(self.home.said("list").splitlines()), 1)
        (luna,) = map(json.loads, self.home.said("list", "--json").splitlines())
        self.assertEqual(luna["status_detail"], "b\nc\x9b2J\u202e")

    def test_letters_in_json_are_not_escaped(self):
        name = self.home.start()
        self.home.said("send", "--from", "ci", f"@{name} “größer” 你好 \U0001f680")
        for args in (("events", "--type", "message"), ("listen", "--name", name, "--json")):
            self.assertIn("“größer” 你好 \U0001f680", self.home.said(*args))

    def test_sql(self):
        for sql in (
            "nosuch = 1",
            "1; DROP TABLE events",
            "1 -- x",
            "1) OR (1",
            "DELETE FROM events",
            "id IN (DELETE FROM events RETURNING id)",
            "ATTACH 'x' AS y",
            "PRAGMA user_version",
            "load_extension('x')",
            "",
            "(",
            "id = ?",
        ):
            with self.subTest(sql):
                self.refused("events", "--sql", sql, code=2)
                self.refused("listen", "--name", self.luna, "--sql", sql, "1", code=2)
        self.refused(
            "events",
            "--sql",
            "id IN (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT "
            "x + 1 FROM c) SELECT x FROM c)",
            said="took longer",
        )
        self.assertEqual(len(self.home.said("events", "--sql", "type = 'life'").splitlines()), 1)

    def test_no_events(self):
        other = {"HCOM_DIR": os.path.join(self.home.root, "other")}
        for args, env, said in (
            (("--agent", self.luna, "--type", "message"), {}, "no such events"),
            ((), other, "nothing has happened yet"),
        ):
            done = self.home.run("events", *args, env=env)
            self.assertEqual((done.returncode, done.stdout), (0, ""))
            self.assertEqual(done.stderr, f"hcom: {said}\n")


class Usage(Commands):
    def test_wrong_usage_is_2(self):
        for args, said in (
            (("nosuch",), "no command"),
            (("sned", "x"), "did you mean send?"),
            (("list", "--nosuch"), "hcom list --help"),
            (("list", "a", "b", "c"), "unexpected"),
            (("hooks", "frob"), "unexpected"),
            (("events", "--last"), "--help"),
            (("events", "--last", "0"), "not a count"),
            (("hooks", "add", "vim"), "no tool"),
            (("start", "x"), "unexpected"),
            (("\u00b2", "claude"), "no command"),
            (("--",), "no command"),
            (("0", "claude"), "cannot launch"),
            (("3", "vim"), "no tool"),
            (("9999999", "claude"), "cannot launch"),
            (("kill",), "kill whom"),
            (("term",), "whose terminal"),
            (("term", "luna", "extra"), "unexpected argument: 'extra'"),
            (("start", "--as", ""), "not a name"),
            (("config", "--edit"), "needs a terminal"),
            (("config", "tag", "a b"), "not a tag"),
            (("config", "subagent_timeout", "x"), "not a number"),
            (("config", "terminal", "nosuch"), "no terminal"),
            (("config", "hints", "a\nb"), "control character"),
            (("config", "relay_allow", "stop,all"), "not to be allowed: 'all'"),
            (("config", "-i", "luna", "--reset"), "-i goes with"),
            (("send", "--stdin", "@nova", "--", "hi"), "exclude each other"),
            (("events", "sub", "idle:luna", "--sql", "1"), "exclude each other"),
            (("events", "--sql", "nosuch:luna"), "no preset"),
            (("events", "--sql", "1; 2"), "wrong SQL"),
        ):
            with self.subTest(args):
                self.refused(*args, code=2, said=said)

    def test_names(self):
        for name in ("x", "bigboss", "a b", "../x", "hcom", "x" * 40, "lun\u0430"):
            with self.subTest(name):
                self.refused("start", "--as", name, code=2)
        self.refused("start", "--as", "luna", said="no agent")

    def test_help_needs_no_home(self):
        for args in (
            ("--help",),
            ("-h",),
            ("help",),
            ("--version",),
            ("send", "--help"),
            ("list", "-h"),
        ):
            done = self.home.run(*args, env={"HCOM_DIR": "/proc/nowhere"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), args)
            self.assertIn("hcom", done.stdout)
        done = self.home.run(env={"HCOM_DIR": "/proc/nowhere"})
        self.assertRegex(done.stderr, r"\Ahcom: cannot use /proc/nowhere: .*HCOM_DIR=.*\n\Z")
        self.assertFalse(os.path.exists(self.home.hcom_dir))

    def test_the_trace_is_for_those_who_ask(self):
        self.refused("list", "nobody")
        done = self.home.run("list", "nobody", env={"HCOM_DEBUG": "1"})
        self.assertIn("Traceback", done.stderr)
        self.assertTrue(done.stderr.splitlines()[-1].startswith("hcom: no agent"))
