"""No one speaks for another: who a command speaks for is proven by the processes around it, not by
what its environment or its options say."""

import json
import os
import pty
import re
import shutil
import subprocess
import time
import unittest

from hcom.home import Home as Place
from hcom.hub import people
from hcom.process import start_of
from hcom.store.connect import open_db
from tests.sealed import Sealed
from tests.test_cli import Commands

SPEAKING = (
    ("send", "@bigboss hi"),
    ("listen", "0"),
    ("list",),
    ("events", "--last", "1"),
    ("events", "sub", "type = 'message'"),
    ("config", "-i", "self", "tag", "x"),
)
# What of a session stands in the environment of its commands.
SIGNS = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "s1"}


class Speaking(Sealed):
    def setUp(self):
        super().setUp()
        self.luna = self.claude("s1")
        self.home.said("send", "--from", "ci", f"@{self.luna} for you only")

    def assert_untouched(self) -> None:
        """The agent is who it was, and its mail waits for it."""
        self.assertEqual(self.home.sql("SELECT state FROM deliveries"), [("queued",)])
        [[name]] = self.home.sql("SELECT agent FROM bindings WHERE id = 's1'")
        self.assertEqual(name, self.luna)
        self.assertNotIn(self.luna, self.senders())
        self.assertIn("for you only", self.hook("s1", "UserPromptSubmit", prompt="hi"))

    def senders(self) -> list[str]:
        said = "SELECT instance FROM events WHERE type = 'message'"
        return [name for (name,) in self.home.sql(said)]

    def other(self, session: str = "", env=None):
        """What runs commands in a process that is no part of luna's; as another Claude Code where a
        `session` is named."""
        client = self.home.client(env)
        self.addCleanup(lambda: (client.kill(), client.communicate()))
        return lambda *argv, **more: self.home.within(client, *argv, session=session, **more)

    def test_a_shell_with_its_name(self):
        for argv in SPEAKING:
            with self.subTest(argv):
                done = self.home.run(*argv, "--name", "s1" if argv[0] == "list" else self.luna)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"{self.luna} is a session that still runs, and not", done.stderr)
                self.assertIn("hcom start for a name of your own", done.stderr)
        self.assertEqual(self.home.run("start", "--as", self.luna).returncode, 1)
        self.assert_untouched()

    def test_an_environment_that_is_its(self):
        claimed = {**SIGNS, "CLAUDE_PID": str(self.clients["s1"].pid)}
        for env in (SIGNS, claimed, {**claimed, "CLAUDE_CODE_SESSION_ID": "s-new"}):
            with self.subTest(env):
                for argv in (("send", "@bigboss hi"), ("listen", "0")):
                    done = self.home.run(*argv, env=env)
                    self.assertIn("who are you", done.stderr)
                done = self.home.run("list", "self", env=env)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                for wanted in (("list", "--name", self.luna), ("start", "--as", self.luna)):
                    self.assertEqual(self.home.run(*wanted, env=env).returncode, 1)
                self.home.new(lambda: self.home.said("start", env=env))
        self.assert_untouched()

    def test_another_client(self):
        run = self.other("s2")
        self.home.new(lambda: run("hcom", "start"))
        for argv in (*SPEAKING, ("start", "--as", self.luna)):
            with self.subTest(argv):
                words = argv if argv[0] == "start" else (*argv, "--name", self.luna)
                done = run("hcom", *words)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
        done = run("hcom", "listen", "0", env={"CLAUDE_CODE_SESSION_ID": "s1"})
        self.assertIn("who are you", done.stderr)
        self.assert_untouched()

    def test_a_client_inside_its_client(self):
        inner = "CLAUDE_CODE_SESSION_ID=s2 CLAUDE_PID=$$ hcom"
        for words in (f"start --as {self.luna}", f"send --name {self.luna} @bigboss hi"):
            with self.subTest(words):
                done = self.within("sh", "-c", f"{inner} {words}; exit $?", session="s1")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assert_untouched()

    def within(self, *argv: str, session: str = "", env=None):
        return self.home.within(self.clients["s1"], *argv, session=session, env=env)

    def test_its_own_commands_however_they_are_run(self):
        for argv in (
            ("hcom", "list", "self", "base_name"),
            ("sh", "-c", "cd /; (timeout 60 hcom list self base_name); true"),
            ("sh", "-c", "echo $(hcom list self base_name) | cat"),
        ):
            with self.subTest(argv):
                done = self.within(*argv, session="s1")
                # Its mail stands behind that, for no hook of it was heard yet.
                said = done.stdout.split("\n")[0]
                self.assertEqual((said, done.stderr), (self.luna, ""))
        # An environment that was emptied says nothing, and nothing wrong.
        done = self.within("hcom", "list", "self", "base_name", "--name", self.luna)
        self.assertEqual(done.stdout, f"{self.luna}\n")

    def test_a_subagent(self):
        self.hook("s1", "SubagentStart", agent_id="key1")
        done = self.other("s2")("hcom", "start", "--name", "key1")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        joined = ("hcom", "start", "--name", "key1")
        sub = self.home.new(lambda: self.within(*joined, session="s1"))
        said = self.within("hcom", "send", "--name", sub, "@bigboss hi", session="s1")
        self.assertEqual((said.returncode, self.senders()[-1]), (0, sub))
        done = self.home.run("listen", "0", "--name", sub)
        self.assertIn("still runs, and not yours", done.stderr)

    def test_who_has_no_session_that_lives(self):
        adhoc = self.home.start()
        self.home.said("send", "--name", adhoc, "@bigboss hi")
        self.clients["s1"].kill()
        self.clients["s1"].wait()
        self.home.said("send", "--name", self.luna, "@bigboss hi")
        run = self.other("s2")
        self.assertEqual(run("hcom", "start", "--as", self.luna).returncode, 0)
        self.assertEqual(self.senders()[1:], [adhoc, self.luna])
        self.assertEqual(run("hcom", "list", "self", "base_name").stdout, f"{self.luna}\n")
        self.assertEqual(self.home.run("listen", "0", "--name", self.luna).returncode, 1)

    def test_a_sandbox_that_shows_no_process_ends_nobody(self):
        within = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
        if not shutil.which("unshare") or subprocess.run([*within, "true"], check=False).returncode:
            self.skipTest("no namespaces here")
        argv = [*within, "hcom", "list"]
        said = subprocess.run(argv, env=self.home.env, capture_output=True, text=True, timeout=60)
        self.assertIn(self.luna, said.stdout)
        self.assertNotIn("exit:killed", said.stdout + self.home.said("list"))
        self.assertEqual(self.home.run("start", "--as", self.luna).returncode, 1)
        self.home.change("UPDATE agents SET status_at = status_at - 900000")  # days of silence
        self.clients["s1"].kill()
        self.clients["s1"].wait()
        said = subprocess.run(argv, env=self.home.env, capture_output=True, text=True, timeout=60)
        self.assertNotIn("exit:killed", said.stdout)  # who cannot see does not judge
        self.assertIn("exit:killed", self.home.said("list"))

    def test_a_person_is_asked(self):
        answers = (("n\n", 1), ("\n", 1), ("y\n", 0))
        for answer, code in answers:
            with self.subTest(answer):
                ours, theirs = pty.openpty()
                os.write(ours, answer.encode())
                done = subprocess.run(
                    ["hcom", "send", "--name", self.luna, "@bigboss hi"],
                    env=self.home.env,
                    stdin=theirs,
                    stdout=theirs,
                    stderr=subprocess.PIPE,
                    text=True,
                    timeout=60,
                )
                os.close(theirs), os.close(ours)
                self.assertEqual(done.returncode, code)
                self.assertIn("Go on all the same? [y/N]", done.stderr)
        self.assertEqual(self.senders(), ["ci", self.luna])


class Launched(Sealed):
    def setUp(self):
        super().setUp()
        self.launch = {"HCOM_PROCESS_ID": "launch1", "HCOM_PROOF": "secret"}
        self.client = self.home.client(self.launch)
        self.addCleanup(lambda: (self.client.kill(), self.client.communicate()))
        with open_db(Place(self.home.hcom_dir, self.home.root)) as db:
            people.join(
                db,
                "gemini",
                time.time(),
                name="luna",
                launch="launch1",
                pid=self.client.pid,
                pid_start=start_of(self.client.pid),
            )

    def me(self, env) -> str:
        """Who a command with that in its environment, and nothing else to say it, speaks for."""
        return self.home.run("list", "self", "base_name", env=env).stdout.strip()

    def test_its_id_alone_is_no_proof(self):
        for env in (
            {"HCOM_PROCESS_ID": "launch1"},
            {"HCOM_PROCESS_ID": "launch1", "GEMINI_CLI": "1"},
            {"HCOM_PROCESS_ID": "launch1", "HCOM_PROOF": ""},
            {"HCOM_PROCESS_ID": "launch1", "HCOM_PROOF": "guessed"},
            {"HCOM_PROCESS_ID": "launch1", "CODEX_THREAD_ID": "s9"},
        ):
            with self.subTest(env):
                self.assertEqual(self.me(env), "")
        if os.path.isdir("/proc/self"):  # so that one which outlived its shell is still known
            self.assertEqual(self.me(self.launch), "luna")
        argv = ("hcom", "list", "self", "base_name")
        self.assertEqual(self.home.within(self.client, *argv, env=self.launch).stdout, "luna\n")

    def test_what_list_says_for_a_shell_makes_nobody_the_agent(self):
        said = self.home.said("list", "luna", "--sh")
        self.assertEqual(
            re.findall("export ([A-Z_]+)=", said),
            ["HCOM_INSTANCE_NAME", "HCOM_SID", "HCOM_STATUS", "HCOM_DIRECTORY"],
        )
        self.assertIn("export HCOM_INSTANCE_NAME=luna\n", said)
        self.assertNotIn("launch1", said)
        line = 'eval "$(hcom list luna --sh)"; hcom list self'
        done = subprocess.run(
            ["sh", "-c", line], env=self.home.env, capture_output=True, text=True, timeout=60
        )
        self.assertIn("no agent of hcom", done.stderr)
        self.home.said("config", "-i", "luna", "tag", "dev")
        self.home.said("config", "-i", "luna", "hints", "be brief")
        for line in ("", 'eval "$(hcom list luna --sh)"; '):
            line += "hcom config --json"
            found = subprocess.run(["sh", "-c", line], env=self.home.env, capture_output=True)
            self.assertNotIn(b"environment", found.stdout)


class Claude(Commands):
    """A command in a Claude Code session is that session's agent, and no other."""

    def claude(self, session: str, **more) -> dict[str, str]:
        return {
            "CLAUDECODE": "1",
            "CLAUDE_CODE_SESSION_ID": session,
            "CLAUDE_PID": str(os.getpid()),
            "CLAUDE_CONFIG_DIR": os.path.join(self.home.root, ".claude"),
            **more,
        }

    def test_a_session_that_reads_as_an_option_is_not_resumed(self):
        for session in ("--settings=x", "-cnotify=[]", "a b"):
            self.home.run("start", env=self.claude(session))
            self.refused("fork", self.home.names()[-1], "--headless", said="no session to go on")

    def test_a_session_speaks_for_itself_only(self):
        one, two = self.claude("s-1"), self.claude("s-2", CLAUDE_PID="1")
        none = self.claude("s-3", CLAUDE_PID="0")
        names = []
        for env in (one, two):
            before = set(self.home.names())
            self.home.said("start", env=env)
            names += set(self.home.names()) - before
        adhoc = self.home.start()
        self.assertIn("sent", self.home.said("send", f"@{names[1]} hi", env=one))
        said = self.home.sql("SELECT instance FROM events WHERE type = 'message'")
        self.assertEqual(said, [(names[0],)])
        self.refused("send", "--name", names[1], "hi", env=one, said="another session")
        self.refused("listen", "--name", names[1], "0", env=one, said="another session")
        self.refused("send", "--name", names[0], "hi", env=none, said="another session")
        self.refused("send", "hi", env=none, said="who are you")
        self.home.said("send", "--name", names[0], "hi", env=one)
        self.home.said("send", "--name", adhoc, "hi", env=one)
        self.refused("start", "--as", names[1], env=one, said="still runs")
        self.home.said("start", env=one)
        self.assertEqual(self.home.said("list", "self", "base_name", env=one), f"{names[0]}\n")


@unittest.skipUnless(os.path.isdir("/proc/self"), "nobody tells which process the client is")
class ByProcess(Sealed):
    """A client that hcom did not launch and whose commands know no session: Gemini CLI."""

    def setUp(self):
        super().setUp()
        self.one, self.two = self.gemini(), self.gemini()
        self.name = self.home.new(lambda: self.one("hcom", "start"))

    def gemini(self):
        client = self.home.client()
        self.addCleanup(lambda: (client.kill(), client.communicate()))

        def run(*argv: str, given: str = ""):
            words = [str(client.pid) if word == "PID" else word for word in argv]
            env = {} if argv[1] == "hook" else {"GEMINI_CLI": "1"}
            return self.home.within(client, *words, env=env, given=given)

        return run

    def hooked(self, run, session: str) -> str:
        payload = {"session_id": session, "cwd": "/", "prompt": "hi", "transcript_path": ""}
        return run("hcom", "hook", "gemini", "BeforeAgent", "PID", given=json.dumps(payload)).stdout

    def test_it_is_one_agent_whatever_is_first(self):
        shell = ("sh", "-c", "(hcom list self base_name); true")
        for told in (f"You are {self.name!r}", ""):
            self.assertIn(f"You are {self.name!r}", self.one("hcom", "start").stdout)
            self.assertEqual(self.one(*shell).stdout, f"{self.name}\n")
            self.assertIn(told, self.hooked(self.one, "g1"))
        self.assertEqual(self.home.sql("SELECT session FROM agents"), [("g1",)])
        self.assertEqual(self.hooked(self.two, "g2"), "")
        self.assertIn("no agent", self.two("hcom", "list", "self").stderr)
        self.assertNotEqual(self.home.new(lambda: self.two("hcom", "start")), self.name)

    def test_nobody_else_is_it(self):
        env = {"GEMINI_CLI": "1"}
        self.assertIn("who are you", self.home.run("send", "hi", env=env).stderr)
        self.assertIn("not yours", self.home.run("listen", "0", "--name", self.name).stderr)
        self.assertIn("not yours", self.two("hcom", "start", "--as", self.name).stderr)

    def test_a_name_that_it_takes_up_is_its_own_then(self):
        other = self.home.start()
        for name in (other, self.name):
            self.one("hcom", "start", "--as", name)
            self.assertEqual(self.home.names(), [name])
            self.assertIn(f"You are {name!r}", self.hooked(self.one, f"g-{name}"))
            self.home.said("stop", name)


if __name__ == "__main__":
    unittest.main()
