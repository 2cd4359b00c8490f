"""The Codex adapter without Codex: payloads, settings, arguments, screens."""

import contextlib
import fcntl
import gzip
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from itertools import count, product
from pathlib import Path
from unittest import mock

from hcom import adapters
from hcom import home as homes
from hcom.adapters import base, flags, program, settings
from hcom.adapters.base import Reply
from hcom.adapters.codex import asked, hook, host, launch, screen, setup, toml, transcript, wake
from hcom.adapters.front import Look
from hcom.adapters.lines import Given
from hcom.bus.agent import Caller
from hcom.errors import HcomError
from hcom.home import Home
from hcom.ops import setup as tools
from hcom.process import start_of
from hcom.pty.screen import Screen
from hcom.store import agents
from tests import odd
from tests.rig import clients
from tests.rig.clients import REPO, requires

DATA = Path(__file__).parent / "data"
ENV = {"HOME": "/home/dev", "HCOM_PROCESS_ID": "launch1"}
PROCESSES = count()
TELLS = os.path.exists("/proc/locks")  # whether this system tells who holds a lock


@contextlib.contextmanager
def held(folder: str, session: str):
    """This process has the session open, as a Codex has it whose home is `folder`."""
    path = host.lock(folder, session)
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def payload(name: str) -> dict:
    return json.loads((DATA / "codex" / f"{name}.json").read_text())


class Payloads(unittest.TestCase):
    """What Codex 0.169.0 sent, and what is made of it."""

    TABLE = {
        "SessionStart.startup": (base.START, {"source": "startup"}),
        "SessionStart.clear": (base.START, {"source": "clear"}),
        "SessionStart.compact": (base.START, {"source": "compact"}),
        "SessionStart.resume": (base.START, {"source": "resume"}),
        "SessionStart.fork": (base.START, {"source": "fork", "forked_from": ""}),
        "UserPromptSubmit": (base.PROMPT, {"prompt": "SAY: queued while closed", "woken": False}),
        "PostToolUse.Bash": (
            base.TOOL,
            {"tool": "Bash", "detail": "echo zz", "command": "echo zz", "edited": ()},
        ),
        "PostToolUse.apply_patch": (
            base.TOOL,
            {
                "tool": "apply_patch",
                "detail": "/home/dev/proj/g-gpt-6-sol.txt",
                "command": "",
                "edited": ("/home/dev/proj/g-gpt-6-sol.txt",),
            },
        ),
        "PostToolUse.Bash.subagent": (
            base.SUB_TOOL,
            {"subagent": "01a202fa-42c7-75c1-80ad-2ce50a9d0a4a"},
        ),
        "PostToolUse.collaborationspawn_agent": (base.TOOL, {}),
        "PermissionRequest": (base.BLOCKED, {"tool": "Bash", "detail": "echo zz"}),
        "Stop": (base.TURN_END, {}),
        "Interrupt": (base.TURN_FAILED, {"source": "interrupt"}),
        "SessionEnd": (base.END, {"source": "other"}),
        "SubagentStart": (base.SUB_START, {}),
        "SubagentStop": (base.SUB_END, {}),
        "PostCompact": (base.NOTHING, {}),
    }

    def test_each_is_one_signal(self):
        for name, (kind, facts) in self.TABLE.items():
            with self.subTest(name=name):
                given = payload(name)
                got = hook.read(given["hook_event_name"], given, ENV, 7, 1.5)
                self.assertEqual(got.kind, kind)
                self.assertEqual(
                    (got.session, got.launch, got.pid, got.at),
                    (given["session_id"], "launch1", 7, 1.5),
                )
                self.assertEqual(got.client, {"home": "/home/dev/.codex"})
                self.assertEqual({k: getattr(got, k) for k in facts}, facts)

    def test_the_table_has_every_recorded_payload(self):
        self.assertEqual(set(self.TABLE), {p.stem for p in (DATA / "codex").glob("*.json")})

    def test_a_subagents_prompt_and_approval_are_nobodys(self):
        for name in ("UserPromptSubmit", "PermissionRequest"):
            got = hook.read(name, {**payload(name), "agent_id": "child"}, ENV, 7, 1.5)
            self.assertEqual(got.kind, base.NOTHING)

    def test_what_is_no_payload_is_refused(self):
        for given in ([], "x", {}, {"session_id": 3}, None):
            self.assertRaises(ValueError, hook.read, "Stop", given, ENV, 7, 1.5)
        odd = {"session_id": "s", "tool_name": 4, "tool_input": [], "cwd": None, "prompt": {}}
        for event in hook.KINDS:
            hook.read(event, odd, ENV, 7, 1.5)

    def test_a_patch_names_all_its_files_as_absolute_paths(self):
        patch = (
            "*** Begin Patch\n*** Add File: new dir/a.txt\n+*** Add File: not this\n"
            "*** Update File: ../other/b.py\n*** Move to: c.py\n@@\n-x\n+y\n"
            "*** Delete File: /abs/d\n*** Update File: new dir/a.txt\n*** End Patch\n"
        )
        given = {**payload("PostToolUse.apply_patch"), "tool_input": {"command": patch}}
        got = hook.read("PostToolUse", given, ENV, 7, 1.5)
        self.assertEqual(
            got.edited,
            (
                "/home/dev/proj/new dir/a.txt",
                "/home/dev/other/b.py",
                "/home/dev/proj/c.py",
                "/abs/d",
            ),
        )
        self.assertEqual(got.detail, "/home/dev/proj/new dir/a.txt (+3)")
        self.assertEqual(hook.read("PermissionRequest", given, ENV, 7, 1.5).edited, ())

    def test_only_the_very_wake_is_a_wake(self):
        for prompt, woken in (
            (hook.WAKE_SIGN, True),
            (hook.WAKE_SIGN + "\n", True),
            (hook.WAKE_SIGN + " and", False),
            ("x " + hook.WAKE_SIGN, False),
        ):
            given = {**payload("UserPromptSubmit"), "prompt": prompt}
            self.assertEqual(hook.read("UserPromptSubmit", given, ENV, 7, 1.5).woken, woken)

    def test_a_fork_knows_its_parent_unless_the_same_client_has_it_open(self):
        with tempfile.TemporaryDirectory() as folder:
            rollout = Path(folder) / "rollout.jsonl"
            rollout.write_text(json.dumps({"payload": {"forked_from_id": "parent"}}) + "\n{}\n")
            given = {**payload("SessionStart.fork"), "transcript_path": str(rollout)}
            env = {**ENV, "CODEX_HOME": folder}
            self.assertEqual(hook.read("SessionStart", given, env, 7, 1.5).forked_from, "parent")
            with held(folder, "parent"):
                for pid, parent in ((os.getpid(), ""), (os.getppid(), "parent")):
                    got = hook.read("SessionStart", given, env, pid, 1.5)
                    self.assertEqual(got.forked_from, parent if TELLS else "parent")


class Surroundings(unittest.TestCase):
    def test_a_command_knows_its_session(self):
        self.assertIsNone(hook.surroundings({"HOME": "/home/dev"}))
        said = hook.surroundings(
            {"CODEX_THREAD_ID": "t", "CODEX_SESSION_ID": "t", "CODEX_HOME": "/c"}
        )
        self.assertEqual(said, Caller("t", tool="codex"))

    def test_a_server_hosts_the_sessions_of_others_too(self):
        self.assertFalse(host.is_shared(os.getpid()))
        with subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()", "app-server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as server:
            server.stdout.readline()  # before its exec it is still this process
            self.assertEqual(host.is_shared(server.pid), os.path.exists("/proc"))
        with tempfile.TemporaryDirectory() as folder:
            rollout = Path(folder) / "rollout.jsonl"
            for source, shared in (("vscode", True), ("cli", False)):
                head = json.dumps({"payload": {"source": source, "x": "y" * 20_000}})
                rollout.write_text(head.replace(" ", "")[:-3])
                self.assertEqual(host.is_shared(0, str(rollout)), shared)

    def test_a_session_without_a_queue_says_so_and_what_has_one(self):
        with tempfile.TemporaryDirectory() as folder:
            package = Path(os.path.realpath(folder)) / "codex-linux-x64"
            codex = package / "vendor/x86_64-unknown-linux-musl/codex/codex"
            codex.parent.mkdir(parents=True)
            shutil.copy("/bin/sleep", codex)
            running = subprocess.Popen([codex, "600"])
            self.addCleanup(running.wait)
            self.addCleanup(running.kill)
            told = agents.blank(
                "luna", "codex", 0.0, session="s", pid=running.pid, pid_start=start_of(running.pid)
            )
            for version, lacks in (("0.148.0-linux-x64", True), ("0.149.1", False)):
                said = {"name": "@openai/codex", "version": version}
                (package / "package.json").write_text(json.dumps(said))
                with self.subTest(version), self.assertRaises((OSError, KeyError)) as caught:
                    wake.ring(told, 0, 0.0)  # of the second nobody said which home is its own
                self.assertEqual("0.149 or later does" in str(caught.exception), lacks)

    def test_older_versions_get_what_they_do_not_cut(self):
        with tempfile.TemporaryDirectory() as folder:
            rollout = Path(folder) / "rollout.jsonl"
            for version, most in (("0.144.6", 9_500), ("0.145.0", 300_000), ("", 300_000)):
                rollout.write_text(f'{{"payload":{{"cli_version":"{version}"}}}}\n')
                said = {**payload("UserPromptSubmit"), "transcript_path": str(rollout)}
                signal = hook.read("UserPromptSubmit", said, ENV, 1, 0.0)
                told = agents.blank("luna", "codex", 0.0, client=signal.client)
                with self.subTest(version):
                    self.assertEqual(hook.most(told), most)

    def test_a_subagent_is_not_its_parent(self):
        env = {"CODEX_THREAD_ID": "child", "CODEX_SESSION_ID": "root", "HCOM_PROCESS_ID": "p"}
        self.assertEqual(hook.surroundings(env), Caller("child", tool=adapters.ADHOC))

    def test_the_lock_tells_who_has_a_session_open(self):
        me = os.getpid(), start_of(os.getpid())
        with tempfile.TemporaryDirectory() as folder:
            told = agents.blank("luna", "codex", 0.0, session="s", client={"home": folder})
            self.assertEqual(host.holder(folder, "s"), 0)
            self.assertEqual((wake.state(told), wake.status(told)), ("idle", None))
            self.assertEqual(wake.state(told._replace(session="")), "gone")
            self.assertEqual(wake.status(told._replace(client={})), None)  # no hook told its home
            with held(folder, "s"):
                if not TELLS:
                    self.skipTest("this system does not tell who holds a lock")
                self.assertEqual(host.holder(folder, "s"), os.getpid())
                self.assertTrue(host.holds(os.getpid(), folder, "s"))
                self.assertFalse(host.holds(os.getppid(), folder, "s"))
                for pid, start in ((0, ""), me, (os.getppid(), "")):
                    told = told._replace(pid=pid, pid_start=start)
                    self.assertEqual(wake.state(told), "idle")
                    self.assertEqual(wake.state(told._replace(status="active")), "busy")
            with open(host.lock(folder, "s")):  # there, and nobody's
                self.assertFalse(host.holds(os.getpid(), folder, "s"))
                self.assertEqual(wake.status(told), ("inactive", "exit:closed"))
                elsewhere = told._replace(pid=2, pid_start="123@another namespace")
                self.assertEqual((wake.state(elsewhere), wake.status(elsewhere)), ("idle", None))
                with self.assertRaises(OSError):  # nor is a program of that number here started
                    wake.ring(elsewhere, 0, 0.0)

    @unittest.skipUnless(TELLS, "this system does not tell who holds a lock")
    def test_one_that_is_open_is_never_said_to_be_closed(self):
        code = (
            "import fcntl, random, sys\n"
            "files = [open(f'{sys.argv[1]}/{n}', 'w') for n in range(400)]\n"
            "print(flush=True)\n"
            "while True:\n"
            "    for n in fcntl.LOCK_EX, fcntl.LOCK_UN:\n"
            "        for file in random.sample(files, 100): fcntl.flock(file, n)\n"
        )
        with tempfile.TemporaryDirectory() as folder, held(folder, "s"):
            told = agents.blank("luna", "codex", 0.0, session="s", client={"home": folder})
            told = told._replace(pid=os.getpid(), pid_start=start_of(os.getpid()))
            argv = [sys.executable, "-c", code, folder]
            with subprocess.Popen(argv, stdout=subprocess.PIPE) as others:
                others.stdout.readline()  # their locks come and go from now on
                try:
                    self.assertEqual([wake.status(told) for _ in range(2000)], [None] * 2000)
                finally:
                    others.kill()


class Replies(unittest.TestCase):
    def test_each_channel_has_its_form(self):
        table = [
            (
                "PostToolUse",
                Reply(base.TOOL, "a\n🎉"),
                {
                    "hookSpecificOutput": {
                        "hookEventName": "PostToolUse",
                        "additionalContext": "a\n🎉",
                    }
                },
            ),
            (
                "SessionStart",
                Reply(base.START, "b"),
                {"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "b"}},
            ),
            ("Stop", Reply(base.TURN_END, "c"), {"decision": "block", "reason": "c"}),
            (
                "UserPromptSubmit",
                Reply(base.PROMPT, drop=True),
                {"decision": "block", "reason": "hcom: the mail is already delivered"},
            ),
        ]
        for event, reply, said in table:
            self.assertEqual(json.loads(hook.write(event, reply)), said)
        self.assertEqual(hook.write("Stop", Reply()), "")

    def test_a_turn_end_carries_only_what_comes_whole_and_as_it_is(self):
        for text, carried in (
            ("plain 🎉 ?!@file\n", True),
            ("a < b", False),
            ("a & b", False),
            ("x" * 9_800, True),
            ("x" * 9_801, False),
            ("🎉" * 2_500, False),
        ):
            with self.subTest(text=text[:10]):
                self.assertEqual(hook.carries(base.TURN_END, text), carried)
                self.assertTrue(hook.carries(base.PROMPT, text))


class Place(unittest.TestCase):
    """A home of its own for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")  # the sandbox leaves /tmp writable
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name).resolve()
        self.env = {"HOME": str(self.root), "PATH": "/nowhere"}
        patched = mock.patch.dict(os.environ, self.env)
        patched.start()
        self.addCleanup(patched.stop)
        self.home = Home(str(self.root / ".hcom"), str(self.root))
        (self.root / ".codex").mkdir()
        (self.root / ".hcom/run").mkdir(parents=True)
        self.hooks = self.root / ".codex/hooks.json"
        self.rules = self.root / ".codex/rules/hcom.rules"
        self.config = self.root / ".codex/config.toml"

    def afresh(self) -> dict:
        """The environment of what in life is another process, which asks Codex anew."""
        self.env["HCOM_PROCESS_ID"] = f"{self.id()} {next(PROCESSES)}"
        return self.env

    def add(self, allowed=tools.SAFE, home=None) -> bool:
        return settings.put(setup.files(home or self.home, self.env, allowed, tools.SAFE))

    def prepare(self, allowed=tools.SAFE, home=None) -> bool:
        return settings.put(setup.launch_files(home or self.home, self.env, allowed, tools.SAFE))

    def remove(self, home=None) -> bool:
        return bool(settings.take(setup.files(home or self.home, self.env, (), tools.SAFE)))

    def installed(self) -> bool:
        return setup.hooks_file(self.home, self.env).installed


FOREIGN = {"matcher": "Bash", "hooks": [{"type": "command", "command": "theirs"}]}
FILES = {
    "none": None,
    "empty object": "{}",
    "empty": "",
    "foreign groups": json.dumps({"hooks": {"Stop": [FOREIGN], "PreToolUse": [FOREIGN]}}, indent=1),
    "odd form": '\n{ "hooks" : {"PostToolUse":[ ] , "Stop" :[\n\t{"hooks": []} ] },\r\n "x": 1.0}',
}


class Setup(Place):
    def test_removal_leaves_every_file_as_it_was(self):
        for name, text in FILES.items():
            with self.subTest(name=name):
                self.hooks.unlink(missing_ok=True)
                if text is not None:
                    self.hooks.write_bytes(text.encode())
                self.assertTrue(self.add())
                self.assertTrue(self.installed())
                self.assertFalse(self.add())
                self.assertTrue(self.remove())
                self.assertEqual(
                    self.hooks.read_bytes() if text is not None else self.hooks.exists(),
                    text.encode() if text is not None else False,
                )
                self.assertFalse(self.rules.parent.exists())
                self.assertFalse(self.remove())

    def test_groups_that_came_later_stay(self):
        self.add()
        told = json.loads(self.hooks.read_text())
        told["hooks"]["Stop"].insert(0, FOREIGN)
        told["hooks"]["Stop"].append(FOREIGN)
        self.hooks.write_text(json.dumps(told))
        self.remove()
        self.assertEqual(
            json.loads(self.hooks.read_text()), {"hooks": {"Stop": [FOREIGN, FOREIGN]}}
        )

    def test_trust_goes_by_the_resolved_folder_where_codex_is_told_of_it(self):
        self.add()
        link = self.root / "link"
        link.symlink_to(self.root / ".codex")
        env = {**self.env, "CODEX_HOME": str(link)}
        self.assertEqual(setup.states(self.home, env), setup.states(self.home, self.env))

    def test_an_older_version_of_ours_is_replaced(self):
        self.add()
        self.hooks.write_text(self.hooks.read_text().replace("; exit 0", "; exit 9"))
        self.assertFalse(self.installed())
        self.assertTrue(self.prepare())
        self.assertTrue(self.installed())
        self.assertNotIn("exit 9", self.hooks.read_text())

    def test_what_cannot_be_edited_is_left_alone(self):
        for text in ("{ // a comment\n}", "[", "[]", '{"hooks": []}', '{"hooks": {"Stop": 3}}'):
            with self.subTest(text=text):
                self.hooks.write_text(text)
                self.assertRaises(HcomError, self.add)
                self.assertEqual(self.hooks.read_text(), text)
                self.assertFalse(self.rules.exists())

    def test_a_symlink_is_followed(self):
        real = self.root / "dotfiles.json"
        real.write_text("{}")
        self.hooks.symlink_to(real)
        self.add()
        self.assertTrue(self.hooks.is_symlink())
        self.assertIn("hcom_on", real.read_text())
        self.remove()
        self.assertEqual((real.read_text(), self.hooks.is_symlink()), ("{}", True))

    def test_a_client_that_is_missing_is_said_to_be(self):
        self.env["CODEX_HOME"] = str(self.root / "elsewhere")
        with self.assertRaisesRegex(HcomError, "codex is not installed"):
            self.add()
        self.assertFalse((self.root / "elsewhere").exists())

    def test_another_codex_home_and_another_hcom_dir(self):
        self.env["CODEX_HOME"] = str(self.root / "elsewhere")
        (self.root / "elsewhere").mkdir()
        self.assertEqual(
            setup.hooks_file(self.home, self.env).path, str(self.root / "elsewhere/hooks.json")
        )
        project = Home(str(self.root / "proj/.hcom"), str(self.root / "proj"))
        os.makedirs(project.path("run"))
        self.assertTrue(self.add(home=project))
        self.assertTrue((self.root / "proj/.codex/hooks.json").exists())
        self.assertTrue(self.remove(home=project))
        self.assertFalse((self.root / "proj/.codex").exists())  # an empty one makes Codex ask

    def test_a_launch_leaves_only_the_rules_behind(self):
        self.assertTrue(self.prepare())
        self.assertEqual([p.name for p in (self.root / ".codex").iterdir()], ["rules"])
        self.assertEqual(stat.S_IMODE(self.rules.stat().st_mode), 0o600)
        self.assertTrue(self.prepare(()))
        self.assertFalse(self.rules.parent.exists())
        project = Home(str(self.root / "proj/.hcom"), str(self.root / "proj"))
        self.assertFalse(self.prepare(home=project))
        self.assertFalse((self.root / "proj/.codex").exists())

    def test_without_auto_approval_there_are_no_rules(self):
        self.add()
        self.assertTrue(self.rules.exists())
        self.assertTrue(self.add(allowed=()))
        self.assertFalse(self.rules.exists())
        self.assertTrue(self.installed())

    def test_trust_is_what_config_toml_says_of_these_very_hooks(self):
        self.hooks.write_text(json.dumps({"hooks": {"Stop": [FOREIGN]}}))
        self.add()
        self.assertIn("Trust all", setup.advice(self.home, self.env, str(self.root)))
        states = setup.states(self.home, self.env)
        self.assertIn(f"{self.hooks}:stop:1:0", states)
        tables = [f'[hooks.state."{k}"] # x\ntrusted_hash = "{v}"\n' for k, v in states.items()]
        table = {
            "".join(tables): True,
            'x = 1\n[a]\nb = "[hooks.state]"\n' + "\n".join(tables) + "[z]\n": True,
            "".join(tables).replace('"]', "']").replace('."', ".'"): True,
            "".join(tables[1:]): False,
            "".join(tables) + "enabled = false\n": False,
            "".join(tables).replace("sha256:", "sha256:0"): False,
            "".join(tables).replace("[", "#["): False,
            "": False,
        }
        for text, trusted in table.items():
            with self.subTest(text=text[:200]):
                self.config.write_text(text)
                self.assertEqual(setup.trusted(self.home, self.env), trusted)
                self.assertEqual(setup.advice(self.home, self.env, str(self.root)) == "", trusted)


def verdicts(rules: str, commands) -> dict[str, str]:
    """What the real `codex execpolicy check` decides on each command: "" for no rule."""
    import shlex

    codex = str(clients.available("codex"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hcom.rules"
        path.write_text(rules)
        env = {"PATH": os.environ["PATH"], "HOME": folder, "CODEX_HOME": folder}
        found = {}
        for command in commands:
            done = subprocess.run(
                [codex, "execpolicy", "check", "--rules", str(path), "--", *shlex.split(command)],
                env=env,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=30,
            )
            if done.returncode:
                raise AssertionError(done.stderr)
            found[command] = json.loads(done.stdout).get("decision", "")
        return found


@requires("codex")
class Rules(unittest.TestCase):
    def test_safe_commands_are_let_out(self):
        told = verdicts(setup.rules(tools.SAFE), [w + " x" for w, more in tools.SAFE if more])
        self.assertEqual(set(told.values()), {"allow"})

    def test_nothing_else_is(self):
        commands = (
            "hcom",
            "hcom run x",
            "hcom 1 codex",
            "hcom claude",
            "hcom codex",
            "hcom config terminal 'x {script}'",
            "hcom config tag x",
            "hcom config",
            "hcom stop",
            "hcom stop all",
            "hcom kill",
            "hcom kill x",
            "hcom reset",
            "hcom reset all",
            "hcom relay hf",
            "hcom relay on",
            "hcom relay serve",
            "hcom relay",
            "hcom hooks remove",
            "hcom term inject x y",
            "hcom resume x",
            "hcom fork x",
            "hcom --name x run y",
            "hcom -- run",
            "sh -c 'hcom send'",
            "env hcom send x",
            "./hcom send x",
            "/tmp/hcom send x",
        )
        told = verdicts(setup.rules(tools.SAFE), commands)
        self.assertEqual({c: d for c, d in told.items() if d}, {})


@requires("codex")
class TurnedOff(Place):
    def test_the_client_says_whether_its_hooks_run(self):
        path = str(clients.available("codex").parent) + ":/usr/bin:/bin"
        off = "[features]\nhooks = false\n"
        table = (
            ("", [], True),
            (off, [], False),
            ("\ufeff" + off, [], False),
            ("features.hooks = false", [], False),
            (off, ["-c", "features.hooks=true"], True),
            ("", ["--disable", "hooks", "do it"], False),
        )
        for text, args, runs in table:
            with self.subTest(text=text, args=args):
                self.config.write_text(text)
                env = {**self.afresh(), "PATH": path}
                said = setup.warnings(self.home, env, str(self.root), args)
                self.assertEqual(not said, runs)
                plan = launch.plan(args, self.home, env, str(self.root))
                self.assertEqual(any("hooks.Stop=" in word for word in plan.args), runs)
                self.assertEqual(any("hcom listen" in word for word in plan.args), not runs)


@requires("codex")
class Trusted(Place):
    """Codex knows a hook that is trusted by its place in the file."""

    def setUp(self):
        super().setUp()
        self.env["PATH"] = f"{clients.available('codex').parent}:/usr/bin:/bin"
        homes.create(self.home)

    def hcom(self, *words: str) -> str:
        env = {**self.env, "PYTHONPATH": str(REPO)}
        argv = [sys.executable, "-m", "hcom", "hooks", *words, "codex"]
        done = subprocess.run(argv, env=env, cwd=self.root, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def trust(self) -> None:
        """All hooks in the file are trusted, as Codex itself writes that down."""
        self.config.write_text(
            "".join(
                f'[hooks.state."{hook["key"]}"]\ntrusted_hash = "{hook["currentHash"]}"\n'
                for hook in self.listed()
            )
        )

    def listed(self) -> list[dict]:
        """The hooks as Codex sees them."""
        asks = (
            {
                "id": 0,
                "method": "initialize",
                "params": {"clientInfo": {"name": "x", "version": ""}},
            },
            {"id": 1, "method": "hooks/list", "params": {"cwds": [str(self.root)]}},
        )
        text = "".join(json.dumps(ask) + "\n" for ask in asks)
        printed = program.conversed(
            ["codex", "app-server"],
            self.env,
            text,
            lambda said: '"id":1' in said and said[-1] == "\n",
        )
        said = next(line for line in map(json.loads, printed.splitlines()) if line.get("id") == 1)
        return said["result"]["data"][0]["hooks"]

    def untrusted(self) -> set[str]:
        """The commands, ours in one word, that Codex would not run."""
        hooks = [h for h in self.listed() if h["trustStatus"] != "trusted"]
        return {"ours" if "hcom_dir" in h["command"] else h["command"] for h in hooks}

    def test_of_toml_of_every_kind_no_more_is_read_than_codex_reads(self):
        """As Codex writes it is known to be trusted; of other forms it may be called untrusted."""
        self.add()
        one = "x = 1 # \u00e9\n"
        states = setup.states(self.home, self.env)
        key, value = next(iter(states.items()))
        table = (
            (f'[hooks.state."{key}"]\ntrusted_hash = "{value}"\n', True),
            (f'{one}[hooks.state."{key}"] # x\ntrusted_hash="{value}" # y\n[z]\na = 1\n', True),
            (f"[ hooks . state . '{key}' ]\n  trusted_hash = '{value}'\n", True),
            (f'[hooks.state."{key}"]\r\ntrusted_hash = "{value}"\r\n', None),
            (f'\ufeff[hooks.state."{key}"]\ntrusted_hash = "{value}"\n', None),
            (f'[hooks.state."{key}"]\nenabled = true\n\ntrusted_hash = "{value}"\n', True),
            (f'[hooks.state."{key}"]\ntrusted_hash = "{value}"\nenabled = false\n', False),
            (f'[hooks.state."{key}"]\ntrusted_hash = "{value[:-1]}"\n', False),
            (f'[hooks.state."{key}x"]\ntrusted_hash = "{value}"\n', False),
            (f'[hooks.state]\n"{key}" = {{trusted_hash = "{value}"}}\n', None),
            (f'[hooks]\nstate."{key}".trusted_hash = "{value}"\n', None),
            (f'hooks.state = {{"{key}" = {{trusted_hash = "{value}"}}}}\n', None),
            (f'hooks = {{state = {{"{key}" = {{trusted_hash = "{value}"}}}}}}\n', None),
            (f'hooks.state."{key}".trusted_hash = "{value}"\n', None),
            (f'["hooks"."state"."{key}"]\ntrusted_hash = "{value}"\n', None),
            (f'[hooks.state."{key}"]\n"trusted_hash" = "{value}"\n', None),
            (f'[hooks.state."{key}"]\ntrusted_hash = """{value}"""\n', None),
            (f'x = """\n[hooks.state."{key}"]\ntrusted_hash = "{value}"\n"""\n', False),
            (f"x = '''\n[hooks.state.\"{key}\"]\ntrusted_hash = \"{value}\"\n'''\n", False),
            (f'# [hooks.state."{key}"]\n# trusted_hash = "{value}"\n', False),
            (f'[[a]]\n[hooks.state."{key}"]\ntrusted_hash = "{value}"\n[[a]]\n', True),
            ("", False),
        )
        for text, wanted in table:
            with self.subTest(text=text):
                self.config.write_text(text, newline="")
                hooks = self.listed()
                real = {h["key"] for h in hooks if h["enabled"] and h["trustStatus"] == "trusted"}
                for reader in dict.fromkeys((toml.tomllib, None)):
                    with mock.patch.object(toml, "tomllib", reader):
                        said = toml.trusted(str(self.config)).get(key) == value
                    if reader or wanted is not None:
                        self.assertEqual((said, key in real), (key in real, bool(key in real)))
                    self.assertFalse(said and key not in real, "trusted by us alone")
                if wanted is not None:
                    self.assertEqual(key in real, wanted)

    def write(self, event: str, *groups: list[str]) -> None:
        """In front of others in their groups, and alone, ours in an older form."""
        self.hooks.unlink(missing_ok=True)
        self.hcom("add")
        said = json.loads(self.hooks.read_text())
        [[ours]] = [group["hooks"] for group in said["hooks"][event]]
        ours["command"] += " # older"
        said["hooks"][event] = [
            {"hooks": [ours if w == "ours" else {"type": "command", "command": w} for w in group]}
            for group in groups
        ]
        self.hooks.write_text(json.dumps(said))
        self.trust()
        self.assertEqual(self.untrusted(), set())

    def test_an_update_moves_no_other_and_a_removal_names_those_that_it_moves(self):
        table = (
            ([["ours"], ["guard"]], {"guard"}),
            ([["guard"], ["ours"]], set()),
            ([["ours", "guard"]], {"guard"}),
            ([["guard", "ours", "late"], ["last"]], {"late"}),
            ([["ours"], ["same"], ["same"], ["last"]], {"same", "last"}),
        )
        for groups, lost in table:
            with self.subTest(groups):
                self.write("UserPromptSubmit", *groups)
                said = self.hcom("add")
                self.assertNotIn("trust again", said)
                self.assertIn("does not trust these hooks yet", said)
                self.assertEqual(self.untrusted(), {"ours"})
                said = self.hcom("remove")
                self.assertEqual(self.untrusted(), lost)
                named = "".join(re.findall("trust again: (.*)", said))
                self.assertEqual(set(re.findall("UserPromptSubmit '(\\w+)'", named)), lost, said)


@requires("codex")
class Dropped(Place):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = str(clients.available("codex").parent) + ":/usr/bin:/bin"

    def test_a_launch_brings_its_own_hooks_where_the_file_is_dropped_whole(self):
        for text in ('{"mine": 1}', '{"hooks": {"Stop": [{"hooks": [{"type": "x"}]}]}}', "{}"):
            with self.subTest(text):
                self.hooks.write_text(text)
                self.assertTrue(self.add())
                self.assertTrue(self.installed())
                said = setup.advice(self.home, self.afresh(), str(self.root))
                self.assertEqual("takes no hooks from" in said, text != "{}", said)
                plan = launch.plan([], self.home, self.env, str(self.root))
                own = any(word.startswith("hooks.Stop=") for word in plan.args)
                self.assertEqual(own, text != "{}")

    def test_forty_files_with_ours_are_taken_as_they_are(self):
        for name, data in odd.FILES["codex"].items():
            with self.subTest(name):
                self.hooks.write_bytes(data)
                self.assertTrue(self.add())
                told = asked.told(self.afresh(), str(self.root))
                self.assertEqual(
                    set(setup.states(self.home, self.env)).difference(told.hooks), set()
                )
                self.remove()

    def test_those_of_a_project_count_only_where_codex_finds_them(self):
        project = self.root / "project"
        (project / ".codex").mkdir(parents=True)
        home = Home(str(project / ".hcom"), str(project))
        self.add(home=home)
        table = (
            (project, [], True),
            (self.root, [], True),
            (self.root, ["-C", "project"], False),
            (self.root, ["-C", "project", "--worktree"], True),
        )
        for cwd, args, own in table:
            with self.subTest(cwd=cwd, args=args):
                if own is False or cwd == self.root:
                    self.config.write_text(f'[projects."{project}"]\ntrust_level = "trusted"\n')
                plan = launch.plan(args, home, self.env, str(cwd))
                said = any(word.startswith("hooks.Stop=") for word in plan.args)
                self.assertEqual(said, own)

    def test_a_machine_that_allows_only_its_own_hooks(self):
        etc = self.root / "etc"
        (etc / "codex").mkdir(parents=True)
        (etc / "codex/requirements.toml").write_text("allow_managed_hooks_only = true\n")
        code = (
            "import os; from hcom.adapters.codex import setup; from hcom.home import of_user; "
            "home = of_user(os.environ); print(setup.warnings(home, os.environ, os.getcwd(), []));"
            "print(setup.advice(home, os.environ, os.getcwd()))"
        )
        script = 'mount --bind "$1" /etc || exit 99; shift; exec "$@"'
        words = [str(etc), sys.executable, "-c", code]
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", *words],
            env={
                **self.env,
                "PATH": f"{self.env['PATH']}:/usr/sbin:/sbin",
                "PYTHONPATH": str(REPO),
            },
            capture_output=True,
            text=True,
        )
        if done.returncode == 99 or "unshare" in done.stderr:
            self.skipTest("nothing can be mounted here")
        self.assertEqual(done.stdout, f"{setup.OFF}\n{setup.OFF}\n", done.stderr)


ROOT_KEY = "sandbox_workspace_write.writable_roots="
ROOTS = "[sandbox_workspace_write]\nwritable_roots = [{}]\n"


@requires("codex")
class Doors(Place):
    """Where the agent may write, as Codex says it: the person's own places, and hcom's besides."""

    def setUp(self):
        super().setUp()
        self.env["PATH"] = str(clients.available("codex").parent) + ":/usr/bin:/bin"
        self.work = self.root / "work"
        (self.work / ".codex").mkdir(parents=True)
        (self.root / "other").mkdir()
        (self.work / ".codex/config.toml").write_text(ROOTS.format('"/theirs"'))
        (self.root / ".codex/p.config.toml").write_text(
            'sandbox_workspace_write.writable_roots = ["../profile"]'
        )

    def opened(self, *args: str) -> "list[str] | None":
        """The roots that a launch is given besides hcom's; None for none, which is said then."""
        plan = launch.plan(list(args), self.home, self.afresh(), str(self.work))
        ours = plan.args[: len(plan.args) - len(args)]
        said = [a.partition("=")[2] for a in ours if a.startswith(ROOT_KEY)]
        warned = setup.warnings(self.home, self.env, str(self.work), list(args))
        self.assertEqual("unable to write" in warned, not said, warned)
        if not said:
            return None
        roots = json.loads(said[0])
        self.assertEqual(roots[-len(self.home.shared) :], self.home.shared)
        return roots[: -len(self.home.shared)]

    def test_the_persons_own_stay_open_and_no_other(self):
        base, trust = ROOTS.format('"/a"'), f'[projects."{self.work}"]\ntrust_level = "trusted"\n'
        workspace = 'default_permissions = ":workspace"\n'
        table = (
            ("", (), []),
            (ROOTS.format("\"/a\", '/b#c'") + "# x\n", (), ["/a", "/b#c"]),
            ('sandbox_workspace_write.writable_roots=["/a"]\n[x]\n', (), ["/a"]),
            ('sandbox_workspace_write={writable_roots=["/a"]}', (), ["/a"]),
            (ROOTS.format("\n  '/#a', # one, '/b'\n\n '/c',"), (), ["/#a", "/c"]),
            ('["sandbox_workspac\\u0065_write"]\n"writable_roots"=["/\\u0022"]', (), ['/"']),
            ("\ufeff" + base, (), ["/a"]),
            (base.replace("writable", " # writable"), (), []),
            (ROOTS.format('"../x"'), (), [str(self.root / "x")]),
            (base + trust, (), ["/theirs"]),  # of a project only where it is trusted
            (base + trust, ("-C", "../other"), ["/a"]),
            (base, ("-p", "p", "do it"), [str(self.root / "profile")]),
            (base + trust, ("--profile=p",), ["/theirs"]),
            ("writable_roots = {", (), None),
            (ROOTS.format("1"), (), None),
            (workspace, (), None),
            (workspace, ("--sandbox", "workspace-write"), []),
            (workspace + 'sandbox_mode = "workspace-write"\n', (), []),
            (base, ("-c", 'default_permissions=":read-only"'), None),
            (base, ("-c", ROOT_KEY + '["/b"]'), None),
        )
        for text, args, roots in table:
            with self.subTest(text=text, args=args):
                self.config.write_text(text)
                unread = not toml.tomllib and any(a in ("-p", "--profile=p") for a in args)
                self.assertEqual(self.opened(*args), None if unread else roots)

    def test_what_python_cannot_read_is_said(self):
        with mock.patch.object(toml, "tomllib", None):
            self.assertEqual(self.opened(), [])
            self.assertIsNone(self.opened("-p", "p"))

    def test_one_that_tells_nothing_opens_nothing(self):
        mute = self.root / "bin/codex"
        mute.parent.mkdir()
        mute.write_text("#!/bin/sh\n[ $1 = --help ] && echo --no-daemon\n")
        mute.chmod(0o755)
        self.env["PATH"] = f"{mute.parent}:/usr/bin:/bin"
        self.config.write_text(ROOTS.format('"/a"'))
        self.assertIsNone(self.opened())


class Launch(Place):
    def plan(self, *args: str):
        return launch.plan(list(args), self.home, self.env, str(self.root / "elsewhere"))

    def test_ours_comes_first_and_theirs_as_it_is(self):
        table = {
            (): ("", False),
            ("do it",): ("", False),
            ("-m", "x", "resume", "ID", "go on"): ("ID", False),
            ("resume", "--last"): ("", False),
            ("resume", "--last", "prompt"): ("", False),
            ("resume",): ("", False),
            ("fork", "ID"): ("ID", True),
            ("exec", "resume", "ID", "x"): ("ID", False),
            ("exec", "--json", "fork", "ID", "x"): ("ID", True),
            ("exec", "resume"): ("", False),
            ("exec", "do it"): ("", False),
            ("e", "a 'b' \n", "--", "-x"): ("", False),
            ("-i", "a.png", "b.png", "--", "look"): ("", False),
            ("-i", "fork", "ID"): ("", False),
            ("--sandbox=read-only", "resuming"): ("", False),
        }
        for args, (resumes, forks) in table.items():
            with self.subTest(args=args):
                plan = self.plan(*args)
                self.assertEqual(tuple(plan.args[len(plan.args) - len(args) :]), args)
                self.assertEqual((plan.resumes, plan.forks), (resumes, forks))
                self.assertEqual(plan.args[0], "--no-daemon")
                self.assertTrue(any(a.startswith("hooks.state=") for a in plan.args))

    def test_other_subcommands_get_nothing_of_ours(self):
        for args in (
            ("login",),
            ("mcp", "list"),
            ("--help",),
            ("resume", "-h"),
            ("queue", "x"),
            ("--remote", "ws://x", "hi"),
        ):
            self.assertEqual(self.plan(*args).args, list(args))

    def test_a_flag_of_ours_that_is_given_is_not_given_twice(self):
        for args in (("--no-daemon",), ("resume", "--no-daemon", "ID")):
            self.assertEqual(self.plan(*args).args.count("--no-daemon"), 1)

    def test_installed_hooks_are_trusted_and_not_given_twice(self):
        self.add()
        args = self.plan().args
        self.assertFalse(any(a.startswith("hooks.Stop") for a in args))
        self.assertTrue(any(f"{self.hooks}:stop:0:0" in a for a in args))

    def test_a_config_that_cannot_be_read_trusts_nothing(self):
        self.add()
        self.config.write_bytes(b"x = '\xff'")
        self.assertFalse(setup.trusted(self.home, self.env))

    def test_what_is_run_outside_the_sandbox_is_kept_out_of_it(self):
        homes.create(self.home)
        self.assertNotIn(self.home.root, self.home.shared)
        for cwd, roots in (
            (self.root / "work", self.home.shared),
            (self.root, [self.home.root]),
            (self.root / ".hcom", [self.home.root]),
        ):
            with self.subTest(cwd=cwd):
                listed = next(a for a in self.plan("-C", str(cwd)).args if "writable_roots" in a)
                self.assertEqual(json.loads(listed.partition("=")[2]), roots)
                args = self.plan("--worktree", "-C", str(cwd)).args
                listed = next(a for a in args if "writable_roots" in a)
                self.assertEqual(json.loads(listed.partition("=")[2]), self.home.shared)

    def test_no_program_in_front_of_ours_is_the_agents_to_write(self):
        ours, work = self.root / "ours", self.root / "wo=rk"
        for folder in (ours, work):
            folder.mkdir()
        (ours / "hcom").touch(0o755)
        shim = self.home.kept("bin")
        table = {  # the login shell's PATH, this shell's -> what is set
            (f"/usr/bin:{ours}", ""): "",
            (f"{ours}:{work}", ""): "",
            (f"/usr/bin/:{ours}/", ""): "",
            (f"{work}:{ours}", ""): f"{shim}:{work}:{ours}",
            (f".:{ours}", ""): f"{shim}:.:{ours}",
            ("/tmp/x:/usr/bin", str(ours)): f"{shim}:/tmp/x:/usr/bin",
            ("/usr/bin", str(ours)): f"/usr/bin:{ours}",
            ("/usr/bin", "/nowhere"): f"/usr/bin:{shim}",
        }
        for ((login, here), wanted), flag in product(table.items(), ("-C", "--add-dir")):
            with self.subTest(login=login, here=here, flag=flag):
                for profile in (
                    ".profile",
                    ".zprofile",
                ):  # what the person's shell reads at a login
                    (self.root / profile).write_text(f"PATH='{login}'\n")
                self.env["PATH"] = here
                said = [a for a in self.plan(flag, str(work)).args if "set.PATH" in a]
                self.assertEqual(
                    [json.loads(a.partition("=")[2]) for a in said], [wanted] if wanted else []
                )

    def test_the_system_prompt_is_toml(self):
        self.env["HCOM_CODEX_SYSTEM_PROMPT"] = 'say "hi"\n\\ \x7f 🎉'
        said = next(a for a in self.plan().args if a.startswith("developer_instructions="))
        if toml.tomllib:
            self.assertEqual(
                toml.tomllib.loads(said)["developer_instructions"],
                self.env["HCOM_CODEX_SYSTEM_PROMPT"],
            )

    def test_every_setting_is_toml(self):
        if not toml.tomllib:
            self.skipTest("no reader for TOML in this Python")
        args = self.plan().args
        given = [said for flag, said in zip(args, args[1:]) if flag == "-c"]
        self.assertGreater(len(given), 5)
        for said in given:
            self.assertTrue(toml.tomllib.loads(said), said)

    def test_one_too_old_for_hooks_is_told_to_listen(self):
        bin_ = self.root / "bin"
        bin_.mkdir()
        (bin_ / "codex").write_text("#!/bin/sh\necho codex-cli 0.98.0\n")
        (bin_ / "codex").chmod(0o755)
        self.env["PATH"] = f"{bin_}:/usr/bin:/bin"
        with self.assertRaisesRegex(HcomError, "0.98.0 runs no hooks: 0.124 or later"):
            self.add()
        self.assertFalse(self.hooks.exists())
        args = self.plan("x").args
        self.assertNotIn("--no-daemon", args)
        self.assertFalse(any(a.startswith("hooks.") for a in args))
        self.assertTrue(any("hcom listen" in a for a in args))

    def test_each_version_gets_what_it_knows(self):
        # Borders found by driving the real ones, see docs/versions.md.
        table = {
            "0.98.0": set(),
            "0.123.0": set(),
            "0.124.0": {"hooks"},
            "0.144.6": {"hooks", "SubagentStop"},
            "0.145.0": {"hooks", "limit", "SubagentStop", "SessionEnd"},
            "0.156.1": {"hooks", "limit", "SubagentStop", "SessionEnd", "Interrupt"},
            "0.157.1": {"hooks", "limit", "--no-daemon", "SubagentStop", "SessionEnd", "Interrupt"},
            "0.171.0": {"hooks", "limit", "--no-daemon", "SubagentStop", "SessionEnd", "Interrupt"},
        }
        handlers = dict(setup.handlers(self.home))
        for version, gets in table.items():
            calls = self.client(version)
            with self.subTest(version):
                said = setup.warnings(self.home, self.env, os.getcwd(), [])
                plan = self.plan("x")
                words = " ".join(plan.args)
                self.assertEqual("hooks.Stop=" in words, "hooks" in gets)
                self.assertEqual("0.124 or later" in said, "hooks" not in gets)
                self.assertEqual("hcom listen 1" in plan.client["wake"], "hooks" not in gets)
                self.assertEqual(self.plan("exec", "x").client["wake"], "")
                self.assertEqual("--no-daemon" in words, "--no-daemon" in gets)
                for event in ("SubagentStop", "SessionEnd", "Interrupt"):
                    self.assertEqual(f"hooks.{event}=" in words, event in gets)
                whole = setup.digest("Stop", {**handlers["PostToolUse"]}, (99,))
                bare = setup.digest(
                    "Stop", {k: v for k, v in handlers["PostToolUse"].items() if k != setup.LIMIT}
                )
                self.assertEqual(
                    setup.digest("Stop", handlers["PostToolUse"], setup.installed(self.env)),
                    whole if "limit" in gets else bare,
                )
                self.assertNotIn("--version", calls.read_text())

    def test_installed_hooks_of_which_a_version_knows_some_are_found_in_their_file(self):
        self.client("0.140.0")
        self.add()
        known = setup.states(self.home, self.env)
        self.assertEqual({key.split(":")[1] for key in known} & {"stop", "interrupt"}, {"stop"})
        told = asked.Told(config={}, hooks=list(known))
        self.assertEqual(list(setup.launch_hooks(self.home, self.env, told)), ["hooks.state"])

    def test_a_launch_asks_once(self):
        calls = self.client("0.171.0")
        setup.warnings(self.home, self.env, os.getcwd(), ["x"])
        for _ in range(3):
            self.plan("x")
        self.assertEqual(calls.read_text().count("\n"), 1)

    def client(self, version: str) -> Path:
        """npm's package of Codex is on the PATH; the file that gets what it is asked."""
        package = self.root / version / "node_modules/@openai/codex"
        calls, program_ = self.root / version / "calls", package / "bin/codex.js"
        program_.parent.mkdir(parents=True)
        calls.touch()
        (package / "package.json").write_text(
            json.dumps({"name": "@openai/codex", "version": version})
        )
        program_.write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
        program_.chmod(0o755)
        bin_ = self.root / version / "bin"
        bin_.mkdir()
        (bin_ / "codex").symlink_to(program_)
        self.env["PATH"] = f"{bin_}:/usr/bin:/bin"
        return calls

    def test_the_environment_of_another_session_is_gone(self):
        env = {
            "CODEX_THREAD_ID": "t",
            "CODEX_SESSION_ID": "t",
            "CODEX_CI": "1",
            "NO_COLOR": "1",
            "PAGER": "cat",
            "CODEX_SANDBOX_NETWORK_DISABLED": "1",
            "HCOM_PROCESS_ID": "p",
            "CODEX_HOME": "/c",
            "CODEX_API_KEY": "k",
            "PATH": "/bin",
        }
        self.assertEqual(
            launch.scrubbed(env), {"CODEX_HOME": "/c", "CODEX_API_KEY": "k", "PATH": "/bin"}
        )
        self.assertEqual(launch.scrubbed({"NO_COLOR": "1"}), {"NO_COLOR": "1"})

    def test_settings_add_up_and_the_rest_is_overridden(self):
        merged = flags.merged(
            ["-c", "a=1", "-m", "x", "--search"], ["--config", "b=2", "-m", "y"], launch.FLAGS
        )
        self.assertEqual(merged, ["-c", "a=1", "--search", "--config", "b=2", "-m", "y"])

    def test_exec_prints(self):
        self.assertTrue(launch.is_printing(["-m", "x", "exec", "hi"]))
        self.assertFalse(launch.is_printing(["-m", "exec", "hi"]))


def recorded(name: str, version: str = "0.171.0") -> Screen:
    told = json.loads((DATA / "pty" / f"codex-{version}.{name}.json").read_text())
    shown = Screen(told["cols"], told["rows"])
    with gzip.open(DATA / "pty" / f"codex-{version}.{name}.gz") as file:
        shown.feed(file.read())
    return shown


def drawn(*lines: str, state: str = "idle", cursor: tuple[int, int] = (2, 2)) -> Screen:
    """Lines on a screen; `_x_` is dim."""
    shown = Screen(60, 10)
    text = "\r\n".join(lines)
    while "_" in text:
        text = text.replace("_", "\x1b[2m", 1).replace("_", "\x1b[22m", 1)
    shown.feed(f"\x1b]7501;state={state}:app=codex\x1b\\{text}".encode())
    shown.feed(f"\x1b[{cursor[1] + 1};{cursor[0] + 1}H".encode())
    return shown


HEAD = ("talk: Press enter to confirm", "")
FOOT = ("", "  model · /folder")


class Screens(unittest.TestCase):
    def test_recorded(self):
        table = {
            "idle": Look("idle", "empty"),
            "busy": Look("busy", "empty"),
            "typed": Look("idle", "text", "half a thought"),
            "approval": Look("blocked", "unknown"),
            "trust": Look("blocked", "unknown"),
        }
        for version in ("0.169.0", "0.171.0"):
            for name, look in table.items():
                with self.subTest(version=version, name=name):
                    self.assertEqual(screen.look(recorded(name, version)), look)

    def test_drawn(self):
        empty = (*HEAD, "› _Ask Codex_", *FOOT)
        table = [
            ("idle", drawn(*empty), Look("idle", "empty")),
            ("done", drawn(*empty, state="done"), Look("idle", "empty")),
            ("working", drawn(*empty, state="working"), Look("busy", "empty")),
            ("blocked", drawn(*empty, state="blocked:kind=x"), Look("blocked", "unknown")),
            ("no word", drawn(*empty, state=""), Look("idle", "empty")),
            (
                "busy line",
                drawn("• Working (3s • esc to interrupt)", *empty[1:]),
                Look("busy", "empty"),
            ),
            ("bare", drawn(*HEAD, "›", *FOOT), Look("idle", "empty")),
            (
                "draft",
                drawn(*HEAD, "› a b", "  c", *FOOT, cursor=(3, 3)),
                Look("idle", "text", "a b\nc"),
            ),
            (
                "a list as draft",
                drawn(*HEAD, "› 1. a", *FOOT, cursor=(6, 2)),
                Look("idle", "text", "1. a"),
            ),
            (
                "placeholder left",
                drawn("", "", "› _Ask Codex_", *FOOT, cursor=(5, 2)),
                Look("idle", "unknown"),
            ),
            ("half dim", drawn(*HEAD, "› a _b_", *FOOT), Look("idle", "text", "a b")),
            (
                "cursor elsewhere",
                drawn("", "", "› _Ask_", *FOOT, cursor=(0, 6)),
                Look("idle", "unknown"),
            ),
        ]
        for name, shown, look in table:
            with self.subTest(name=name):
                self.assertEqual(screen.look(shown), look)

    def test_a_dialog_hides_the_cursor(self):
        shown = drawn("Hooks need review", "", "› 1. Review hooks", "  2. Trust all")
        shown.feed(b"\x1b[?25l")
        self.assertEqual(screen.look(shown), Look("blocked", "unknown"))


class Rollouts(unittest.TestCase):
    MODEL = {
        "type": "response_item",
        "payload": {"type": "message", "role": "assistant", "content": [{"text": "ok"}]},
    }
    CALL = {"type": "response_item", "payload": {"type": "function_call", "name": "exec_command"}}
    ENDED = {"type": "token_usage_record", "payload": {}}

    @staticmethod
    def told(role: str, text: str) -> dict:
        return {
            "type": "response_item",
            "payload": {
                "type": "message",
                "role": role,
                "content": [{"type": "input_text", "text": text}],
            },
        }

    def test_only_a_later_response_proves_that_it_was_seen(self):
        context = self.told("developer", "[hcom message #5 from ci]\nx\n[/hcom #5]")
        reason = self.told("user", '<hook_prompt hook_run_id="x">[hcom message #6 from ci]\ny')
        typed = self.told("user", "[hcom message #7 from me]")
        table = [
            ([context], []),
            ([context, self.MODEL], [5]),
            ([context, self.CALL], [5]),
            ([self.CALL, context, self.CALL], []),  # the same response called two tools
            ([self.CALL, context, self.CALL, self.ENDED, self.MODEL], [5]),
            ([self.CALL, self.ENDED, context, self.MODEL, reason], [5]),
            ([self.MODEL, self.ENDED, reason, self.MODEL], [6]),
            ([typed, self.MODEL], []),
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rollout.jsonl"
            for lines, seen in table:
                with self.subTest(lines=lines):
                    path.write_text("\n".join(map(json.dumps, lines)) + "\nbroken{\n")
                    said = transcript.fates(str(path), dict.fromkeys((5, 6, 7), Given()))
                    self.assertEqual([n for n, fate in said.items() if fate == "answered"], seen)


if __name__ == "__main__":
    unittest.main()
