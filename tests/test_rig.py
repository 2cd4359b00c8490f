"""The rig itself: its script language, and each real client driven once through it."""
import unittest

from tests.rig.clients import requires
from tests.rig.script import By, Call, Piece, Rule, Step, answer, parse
from tests.rig.world import World

ANSWERED = r"^ *[●✦•] all finished"


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
        said = [Piece(By.USER, r"WHEN from (\w+) RUN: reply \1" + "\nRUN: a\nSAY: b"),
                Piece(By.MODEL, "a"), Piece(By.CONTEXT, "mail from luna, mail from nova")]
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


class Clients(unittest.TestCase):
    def drive(self, world: World, tool: str) -> None:
        pane = getattr(world, tool)()
        asked = pane.ask('RUN: echo he""llo | tee made.txt\nSAY: all finished')
        self.assertEqual((asked.tool, asked.cwd), (tool, str(world.projects[0])))
        pane.until(ANSWERED)
        self.assertEqual((world.projects[0] / "made.txt").read_text(), "hello\n")
        world.model.until("hello", since=asked.t, tool=tool)

    @requires("claude")
    def test_claude(self):
        with World() as world:
            self.drive(world, "claude")

    @requires("claude-old")
    def test_claude_without_messaging_socket(self):
        with World({"claude": "claude-old"}) as world:
            self.drive(world, "claude")

    @requires("gemini")
    def test_gemini(self):
        with World() as world:
            self.drive(world, "gemini")

    @requires("codex")
    def test_codex(self):
        with World() as world:
            self.drive(world, "codex")


if __name__ == "__main__":
    unittest.main()
