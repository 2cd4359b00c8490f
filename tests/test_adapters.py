"""What is true of the adapters together: that each is as the interface says, environments in which
clients run inside each other, secrets of a client that are none of ours."""

import inspect
import json
import os
import tempfile
import time
import types
import typing
import unittest
from pathlib import Path

from hcom import adapters
from hcom.adapters import base, flags, interface, plain
from hcom.adapters.claude import hook, launch, setup, stream
from hcom.adapters.front import Plan
from hcom.bus.agent import Caller
from hcom.home import Home
from hcom.hub import archive
from hcom.store import agents
from tests.test_hooks import Session

INSIDE = {  # what each client gives the commands that it runs
    "claude": {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "c", "CLAUDE_PID": "1"},
    "gemini": {"GEMINI_CLI": "1", "GEMINI_SESSION_ID": "g", "PAGER": "cat"},
    "codex": {"CODEX_THREAD_ID": "x", "CODEX_SESSION_ID": "x", "NO_COLOR": "1"},
}
OWN = {"PATH": "/bin", "HOME": "/nowhere", "GEMINI_API_KEY": "k", "CODEX_HOME": "/nowhere/c"}


OPTIONAL = ("screen", "wake", "stream", "transcript")


def takes(function, count: int) -> bool:
    """Whether the function takes so many arguments, and needs no fewer."""
    parameters = inspect.signature(function).parameters.values()
    return len(parameters) == count or any(p.kind is p.VAR_POSITIONAL for p in parameters)


def unlike(module, protocol) -> list[str]:
    """What of the Protocol is not in the module, or is something else there."""
    found = []
    for name, hint in typing.get_type_hints(protocol).items():
        wanted = (int, float) if hint is float else typing.get_origin(hint) or hint
        if not isinstance(getattr(module, name, None), wanted):
            found.append(f"{name}: {hint}")
    for name, method in vars(protocol).items():
        if not name.startswith("_") and inspect.isfunction(method):
            given = getattr(module, name, None)
            wants = len(inspect.signature(method).parameters) - 1  # self
            if not callable(given) or not takes(given, wants):
                found.append(f"{name}: {wants} parameters")
    return found


class Interface(unittest.TestCase):
    def test_each_part_is_as_written(self):
        for part, protocol in interface.PARTS.items():
            for tool in adapters.TOOLS:
                with self.subTest(part=part, tool=tool):
                    self.assertTrue(part in OPTIONAL or adapters.has(tool, part))
                    self.assertEqual(unlike(adapters.load(tool, part), protocol), [])

    def test_plain_answers_for_what_a_tool_has_not(self):
        for part in OPTIONAL:
            for tool in (adapters.ADHOC, "", "../x"):
                with self.subTest(part=part, tool=tool):
                    self.assertIs(adapters.load(tool, part), plain)
                    self.assertFalse(adapters.has(tool, part))
            self.assertEqual(unlike(plain, interface.PARTS[part]), [])

    def test_what_is_missing_or_else_is_found(self):
        module = types.SimpleNamespace(ENTER_AFTER_S="soon", look=lambda: None)
        self.assertEqual(
            unlike(module, interface.Screen),
            [
                "ENTER_AFTER_S: <class 'float'>",
                *("look: 1 parameters", "types: 1 parameters", "answers: 1 parameters"),
            ],
        )
        self.assertEqual(len(unlike(types.SimpleNamespace(), interface.Setup)), 11)


class Recorded(unittest.TestCase):
    """Payloads as the clients sent them, `EVENT.json` or `EVENT.case.json` in the tool's folder."""

    DATA = Path(__file__).parent / "data"

    def test_each_event_has_one_and_each_is_read(self):
        for tool in adapters.TOOLS:
            hook, setup = adapters.load(tool, "hook"), adapters.load(tool, "setup")
            wanted = {event[0] for event in setup.EVENTS}
            for path in sorted((self.DATA / tool).glob("*.json")):
                event = path.name.split(".")[0]
                with self.subTest(tool=tool, payload=path.name):
                    payload = base.parsed(path.read_bytes())
                    said = hook.read(event, payload, {}, 1, 2.0)
                    self.assertEqual((said.session, said.pid), (payload["session_id"], 1))
                wanted.discard(event)
            self.assertEqual(wanted, set(), tool)


class Arguments(unittest.TestCase):
    def test_a_flag_has_the_value_that_is_given_last(self):
        table = {
            (): {},
            ("--model=a", "--model", "b=c", "-c", "do it"): {"--model": "b=c", "--continue": ""},
            ("-r",): {"--resume": ""},
            ("-r", "--print"): {"--resume": "", "--print": ""},
            ("--add-dir", "a", "b", "--", "-p"): {"--add-dir": "b"},
            ("-", "prompt", "--unknown=x"): {"--unknown": "x"},
        }
        for args, wanted in table.items():
            with self.subTest(args=args):
                self.assertEqual(flags.values(args, launch.FLAGS), wanted)

    def test_what_a_claude_goes_on_with(self):
        table = {
            (): ("", False, {}),
            ("--resume", "ID", "--fork-session"): ("ID", True, {}),
            ("-r", "--permission-mode=plan"): ("", False, {"mode": "plan"}),
            ("--resume=ID", "--permission-mode", "plan"): ("ID", False, {"mode": "plan"}),
            ("--permission-mode", "plan", "--dangerously-skip-permissions"): (
                "",
                False,
                {"mode": "bypassPermissions"},
            ),
        }
        home = Home("/nowhere/.hcom", "/nowhere")
        for args, wanted in table.items():
            with self.subTest(args=args):
                plan = launch.plan(args, home, {}, "/")
                resumes, forks, mode = wanted
                client = {
                    "config": hook.config_dir({}),
                    "mode": "",
                    "lacks": "",
                    "typed": "",
                    **mode,
                }
                given = ["--settings", setup.brought(home), *args]
                self.assertEqual(plan, Plan(given, resumes, forks, client))

    def test_a_session_is_resumed_and_copied(self):
        said = {
            tool: [adapters.load(tool, "launch").resuming("ID", fork) for fork in (False, True)]
            for tool in adapters.TOOLS
        }
        self.assertEqual(
            said,
            {
                "claude": [["--resume", "ID"], ["--resume", "ID", "--fork-session"]],
                "gemini": [["--resume", "ID"]] * 2,  # it has no copies
                "codex": [["resume", "ID"], ["fork", "ID"]],
            },
        )

    def test_a_printing_claude_reads_lines_unless_it_is_told_a_format(self):
        kept, lines = stream.fed(["-p", "--verbose", "--model", "x", "do", "--", "it"])
        self.assertEqual(kept, ["-p", "--model", "x", *stream.STREAMED])
        self.assertEqual(json.loads(lines[0])["message"]["content"][0]["text"], "do\nit")
        self.assertEqual(stream.fed(["-p"])[1], [])
        for args in (["do it"], ["-p", "--output-format", "json"], ["-p", "--input-format=text"]):
            self.assertEqual(stream.fed(args), (args, None))


class Claude(unittest.TestCase):
    CLI = {"CLAUDE_CODE_ENTRYPOINT": "cli", "AI_AGENT": "claude-code_2-1-197_x"}

    def test_only_a_waiter_wakes_one_without_a_socket_that_knows_of_waiters(self):
        self.assertTrue(hook.needs_waiter(self.CLI))
        for change in (
            {"CLAUDE_CODE_MESSAGING_SOCKET": "/s"},
            {"CLAUDE_CODE_ENTRYPOINT": "sdk-cli"},
            {"AI_AGENT": "claude-code_2-0-99_x"},
            {"AI_AGENT": ""},
        ):
            self.assertFalse(hook.needs_waiter({**self.CLI, **change}), change)

    def test_the_cap_of_turn_ends_is_the_persons(self):
        for said, cap in (("", hook.STOP_CAP), ("x", hook.STOP_CAP), ("3", 3), ("0", base.NO_CAP)):
            env = {"CLAUDE_CODE_STOP_HOOK_BLOCK_CAP": said}
            self.assertEqual(hook.stop_cap(env), cap)


class Nested(unittest.TestCase):
    def test_each_is_known_by_itself(self):
        for tool, variables in INSIDE.items():
            with self.subTest(tool=tool):
                said = adapters.surrounding({**OWN, **variables, "HCOM_PROCESS_ID": "p"})
                self.assertEqual((said.tool, said.launch), (tool, "p"))
        self.assertEqual(adapters.surrounding(OWN), Caller())
        self.assertEqual(adapters.surrounding({**OWN, "HCOM_PROCESS_ID": "p"}), Caller(launch="p"))

    def test_a_claude_that_does_not_say_its_process_is_found_by_its_session(self):
        with tempfile.TemporaryDirectory() as folder:
            (sessions := Path(folder, "sessions")).mkdir()
            for number, session in ((7, "c"), (8, "other")):
                said = {"pid": number, "sessionId": session}
                (sessions / f"{number}.json").write_text(json.dumps(said))
            env = {**OWN, **INSIDE["claude"], "CLAUDE_PID": "", "CLAUDE_CONFIG_DIR": folder}
            self.assertEqual(adapters.surrounding(env).pid, 7)
            env["CLAUDE_CODE_SESSION_ID"] = "none"
            self.assertEqual(adapters.surrounding(env).pid, 0)

    def test_one_inside_another_speaks_for_neither(self):
        for outer, around in INSIDE.items():
            for inner, variables in INSIDE.items():
                if inner != outer:
                    with self.subTest(outer=outer, inner=inner):
                        said = adapters.surrounding(
                            {**OWN, **around, **variables, "HCOM_PROCESS_ID": "p"}
                        )
                        self.assertEqual(said, Caller(tool=adapters.ADHOC))

    def test_a_launch_is_inside_none(self):
        everything = {k: v for variables in INSIDE.values() for k, v in variables.items()}
        scrubbed = adapters.scrubbed({**OWN, **everything, "HCOM_PROCESS_ID": "p"})
        self.assertEqual(scrubbed, OWN)


class Secrets(Session):
    """What lets others speak to a session is the client's to keep: nothing of ours holds it."""

    TOKEN = "0123456789abcdef-the-token"

    def test_a_sessions_messaging_token_is_nowhere_in_hcom(self):
        self.env["CLAUDE_CODE_MESSAGING_TOKEN"] = self.TOKEN
        self.env["CLAUDE_CODE_MESSAGING_SOCKET"] = "/nowhere/1.sock"
        for name in ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"):
            self.hook(name)
        spool = self.home.run("spool")
        with self.locked():
            self.hook("PostToolUse")  # into the spool
            for name in os.listdir(spool):
                with open(os.path.join(spool, name), "rb") as stream:
                    self.assertNotIn(self.TOKEN.encode(), stream.read())
        bells = self.home.run("bells")  # no file, and not to be read
        self.world.until(lambda: not os.listdir(spool) and not os.listdir(bells), "recorded")
        luna = agents.find(self.db, "luna")
        self.assertTrue(luna and "config" in luna.client)
        self.assertTrue(archive.reset(self.home, time.time()).archive)
        files = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.world.hcom_dir)
            for name in names
        ]
        self.assertIn("hcom.db-wal", [os.path.basename(path) for path in files])
        for path in files:
            with self.subTest(path), open(path, "rb") as stream:
                self.assertFalse(self.TOKEN.encode() in stream.read())
