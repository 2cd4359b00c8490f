"""The rig itself: its script language, and each real client driven once through it."""

import json
import os
import shutil
import unittest
from pathlib import Path

from tests.rig.clients import requires
from tests.rig.pane import Pane
from tests.rig.room import shares
from tests.rig.script import By, Call, Piece, Rule, Step, answer, parse
from tests.rig.settings import Permissions
from tests.rig.world import World, seal


def answered(words: str) -> str:
    """A pattern for the model's answer on any client's screen."""
    return rf"^ *[●✦•] {words}"


class Scripts(unittest.TestCase):
    def test_a_text_is_a_script_when_its_first_line_is_a_directive(self):
        table = {
            "hello": None,
            "hello\nRUN: ls": None,
            "": None,
            "SAY: hi": [Step(say="hi")],
            "RUN: ls\nand a remark": [Step(calls=(Call("RUN", "ls"),))],
            "RUN: a: b\nAND RUN: c": [Step(calls=(Call("RUN", "a: b"), Call("RUN", "c")))],
            "RUN: cat <<X\n  one\n  X": [Step(calls=(Call("RUN", "cat <<X\none\nX"),))],
            "ERROR: 529\nSAY: x": [Step(error=529), Step(say="x")],
            "STALL: 2\nSAY: x": [Step(say="x", stall_s=2)],
            "SAY: x\nDRIP: 0.5": [Step(say="x"), Step(say="done", drip_s=0.5)],
            "LOOP 3: RUN: a": [Step(calls=(Call("RUN", "a"),))] * 3,
            "WHEN x RUN: a": [],
        }
        for text, steps in table.items():
            with self.subTest(text=text):
                script = parse(text)
                self.assertEqual(None if script is None else list(script.steps), steps)

    def test_step_k_answers_the_kth_request(self):
        said = [Piece(By.USER, "RUN: a\nSAY: b")]
        self.assertEqual(answer(said, []), Step(calls=(Call("RUN", "a"),)))
        said += [Piece(By.MODEL, "a"), Piece(By.CONTEXT, "RUN: from a hook")]
        self.assertEqual(answer(said, []), Step(say="b"))
        said += [Piece(By.MODEL, "b"), Piece(By.USER, "no directive")]
        self.assertEqual(answer(said, []), Step(say="done"))

    def test_an_error_step_is_counted_outside_the_conversation(self):
        said = [Piece(By.USER, "ERROR: 529\nSAY: b")]
        self.assertEqual(answer(said, [], errors=0), Step(error=529))
        self.assertEqual(answer(said, [], errors=1), Step(say="b"))

    def test_a_rule_fires_once_for_each_distinct_match_and_takes_no_step(self):
        said = [
            Piece(By.USER, r"WHEN from (\w+) RUN: reply \1" + "\nRUN: a\nSAY: b"),
            Piece(By.MODEL, "a"),
            Piece(By.CONTEXT, "mail from luna, mail from nova"),
        ]
        runs = []
        while (step := answer(said, [])).calls:
            runs.append(step.calls[0].arg)
            said += [Piece(By.MODEL, step.say), Piece(By.CONTEXT, "sent; again: from luna")]
        self.assertEqual(runs, ["reply luna", "reply nova"])
        self.assertEqual(step, Step(say="b"))

    def test_a_rule_does_not_match_its_own_text_nor_what_was_answered_before(self):
        rule = Rule("secret", "SAY: heard")
        self.assertEqual(answer([Piece(By.USER, "WHEN secret SAY: heard")], []), Step(say="done"))
        old = [Piece(By.CONTEXT, "secret"), Piece(By.MODEL, "x"), Piece(By.USER, "SAY: y")]
        self.assertEqual(answer(old, [rule]), Step(say="y"))


HOOK_SAYS = "RUN: touch obeyed\nmail from luna"
EVERYTHING = """\
WRITE: a.txt one
READ: a.txt
EDIT: a.txt one=>two
RUN: echo p1 > p1.txt
AND RUN: echo p2 > p2.txt
LOOP 2: RUN: echo again >> loop.txt
AGENT: RUN: echo su""b > sub.txt
STALL: 0.2
DRIP: 0.2
SAY: all finished"""


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Sealed(unittest.TestCase):
    def test_a_command_runs_with_its_input_and_status(self):
        with World({}) as world:
            done = world.run(["sh", "-c", "cat; echo bad >&2; exit 3"], stdin="in")
            self.assertEqual((done.stdout, done.stderr, done.returncode), ("in", "bad\n", 3))
            self.assertRaises(FileNotFoundError, world.run, ["no-such-program"])
            with self.assertRaisesRegex(AssertionError, "still runs after 0.2 s, said:\nhi"):
                world.run(["sh", "-c", "echo hi; exec sleep 60"], timeout=0.2)

    def test_nothing_outlives_the_world_and_nothing_else_is_ended(self):
        with World({}) as world:
            world.pane("stubborn", ["sh", "-c", "trap '' TERM HUP; sleep 61 & sleep 62; wait"])
            told = world.run(["sh", "-c", "setsid sleep 63 >/dev/null 2>&1 & echo $!"])
            orphan, root = int(told.stdout), str(world.root)
            self.assertTrue(Path(f"/proc/{orphan}").exists())
        self.assertFalse(Path(f"/proc/{orphan}").exists())
        self.assertFalse(Path(root).exists())
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                self.assertNotIn(root.encode(), (entry / "environ").read_bytes())
            except OSError:
                pass  # another's, or gone by now

    def test_the_real_home_is_refused(self):
        with World({}) as world:
            for name in ("HOME", "HCOM_DIR", "CODEX_HOME"):
                with self.assertRaises(RuntimeError):
                    world.run(["true"], env={name: str(Path.home())})

    @unittest.skipUnless(seal(), "no network namespace to be had here")
    def test_only_loopback_is_there(self):
        with World({}) as world:
            devices = world.run(["cat", "/proc/net/dev"]).stdout.splitlines()[2:]
            self.assertEqual([line.split(":")[0].strip() for line in devices], ["lo"])

    def test_a_pane_tells_how_its_program_ended(self):
        with World({}) as world:
            pane = world.pane("code", ["sh", "-c", "echo $PPID; read line; exit 7"])
            self.assertTrue(pane.alive)
            pane.keys("Enter")
            self.assertEqual(pane.until_ended(), 7)
            pane = world.pane("signal", ["sleep", "60"])
            pane.kill()
            self.assertEqual(pane.until_ended(), -15)
            self.assertFalse(pane.alive)

    def test_the_environment_is_the_worlds_own(self):
        os.environ["RIG_LEAK"] = "1"
        self.addCleanup(os.environ.pop, "RIG_LEAK")
        with World({}) as world:
            pane = world.pane("env", ["env"])
            self.assertEqual(pane.until_ended(), 0)
            for told in (pane.history(), world.run(["env"]).stdout):
                self.assertNotIn("RIG_LEAK", told)
                self.assertNotIn("TMUX", told)
                self.assertIn(f"HCOM_DIR={world.home}/.hcom", told.replace("\n", ""))


class Driven:
    """The same tests for each client; a mixin, for TestCase would run it by itself."""

    tool = ""
    client = ""

    def world(self, **more) -> World:
        return World({self.tool: self.client or self.tool}, **more)

    def begun(self, world: World, **more):
        return getattr(world, self.tool)(**more)

    def kept(self) -> tuple[World, Pane]:
        """The world of the class, and the client in it: for tests that leave it at its prompt, each
        with an answer of its own."""
        kind = type(self)
        if "kept_client" not in vars(kind):  # a subclass has another client
            world = self.world().__enter__()
            kind.addClassCleanup(world.end)
            kind.kept_client = world, self.begun(world)
        return kind.kept_client

    @shares
    def test_a_tool_runs_and_the_reply_is_on_the_screen(self):
        world, pane = self.kept()
        asked = pane.ask('RUN: echo he""llo | tee made.txt\nSAY: one tool')
        self.assertEqual((asked.tool, asked.cwd), (self.tool, str(world.projects[0])))
        pane.until(answered("one tool"))
        self.assertEqual((world.projects[0] / "made.txt").read_text(), "hello\n")
        heard = world.model.until("hello", since=asked.t, tool=self.tool)
        self.assertNotIn("tee", heard.fresh)
        self.assertIn("tee", heard.text)

    @shares
    def test_every_kind_of_step(self):
        world, pane = self.kept()
        here = world.projects[0]
        asked = pane.ask(EVERYTHING)
        pane.until(answered("all finished"))
        made = {name: (here / f"{name}.txt").read_text() for name in ("a", "p1", "p2", "loop")}
        self.assertEqual(made, {"a": "two\n", "p1": "p1\n", "p2": "p2\n", "loop": "again\nagain\n"})
        # the subagent may still be at work: two of the clients do not wait for it
        world.model.until(lambda r: r.agent and (here / "sub.txt").exists(), since=asked.t)

    @shares
    def test_a_refused_request_ends_the_turn_and_the_next_one_works(self):
        _, pane = self.kept()
        pane.ask("ERROR: 400")
        pane.until("scripted error 400")
        pane.ask("SAY: the next")
        pane.until(answered("the next"))

    @shares
    def test_a_passing_error_is_tried_again(self):
        _, pane = self.kept()
        pane.ask("ERROR: 503\nSAY: at last")
        pane.until(answered("at last"), timeout=40)  # Gemini waits 5 s and more before it tries

    def test_hook_text_is_heard_by_rules_and_never_obeyed(self):
        with self.world() as world:
            here = world.projects[0]
            argv = self.hook(world)
            world.model.rule(r"mail from (\w+)", r"RUN: echo got \1 >> got.txt", here)
            pane = self.begun(world, argv=argv)
            pane.ask("RUN: true\nRUN: true\nSAY: all finished")
            pane.until(answered("all finished"))
            self.assertEqual((here / "got.txt").read_text(), "got luna\n")
            self.assertFalse((here / "obeyed").exists())

    def test_a_dialog_asks_where_tools_are_not_free(self):
        with self.world(permissions=Permissions.ASK) as world:
            pane = self.begun(world)
            pane.ask(self.risky)
            pane.until(self.dialog)

    risky = "RUN: touch made.txt"

    def hook_file(self, world: World, place: str, event: str) -> None:
        """A hook after each tool that adds HOOK_SAYS to the context."""
        out = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": HOOK_SAYS}}
        says = world.shim("says", f"#!/bin/sh\ncat >/dev/null\ncat <<'E'\n{json.dumps(out)}\nE\n")
        path = world.home / place
        told = json.loads(path.read_text()) if path.exists() else {}
        handler = {"type": "command", "command": str(says)}
        path.write_text(json.dumps({**told, "hooks": {event: [{"hooks": [handler]}]}}))


@requires("claude")
class Claude(Driven, unittest.TestCase):
    tool = "claude"
    dialog = "Do you want to proceed"

    def hook(self, world: World) -> list[str]:
        self.hook_file(world, ".claude/settings.json", "PostToolUse")
        return ["claude"]


@requires("claude-old")
class ClaudeOld(Claude):
    client = "claude-old"


@requires("gemini")
class Gemini(Driven, unittest.TestCase):
    tool = "gemini"
    dialog = "Allow execution of"

    def hook(self, world: World) -> list[str]:
        self.hook_file(world, ".gemini/settings.json", "AfterTool")
        return ["gemini"]


@requires("codex")
class Codex(Driven, unittest.TestCase):
    tool = "codex"
    dialog = "Would you like to run the following command"
    risky = "RUN: rm -rf ../other"

    def hook(self, world: World) -> list[str]:
        self.hook_file(world, ".codex/hooks.json", "PostToolUse")
        return ["codex", "--no-daemon", "--dangerously-bypass-hook-trust"]


if __name__ == "__main__":
    unittest.main()
