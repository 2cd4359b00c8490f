"""docs/adding-a-tool.md, followed: a stand-in client is added as a tool, and all that is promised
of a tool is tried on it, with no real client, tmux or model server."""

import json
import os
import re
import signal
import subprocess
import sys
import unittest
from importlib import import_module

from hcom.adapters import base, interface
from hcom.adapters.base import WAKE_TEXT
from hcom.delivery.gate import QUIET_S, SETTLED_S
from tests.standin import page
from tests.standin.stage import Staged

LONG = "x" * 2000  # two of these are more than one hook of the stand-in may say
# What opens a window, as any terminal does: a pty for the script that it is given.
WINDOW = f"""exec {sys.executable} -c 'import pty, sys; pty.spawn(["bash", sys.argv[1]])' "$1" """


class Page(Staged):
    """What the page says, beside what its code blocks do."""

    text = page.PAGE.read_text("utf-8")

    def test_its_tests_hold_the_new_tool(self):
        command = self.tests.replace("python3", sys.executable)
        done = subprocess.run(["sh", "-c", command], cwd=self.place, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_names_each_part_and_all_that_it_says(self):
        for part, protocol in interface.PARTS.items():
            for member in (part, *protocol.__annotations__, *vars(protocol)):
                if not member.startswith("_"):
                    with self.subTest(part=part, member=member):
                        self.assertIn(f"`{member}`", self.text)

    def test_it_names_each_kind_of_signal(self):
        words = {name for name, value in vars(base).items() if value == name.lower()}
        kinds = words - {"OUTPUT"}  # of a command, which no client tells of
        self.assertIn("TURN_FAILED", kinds)
        for kind in kinds:
            with self.subTest(kind):
                self.assertIn(f"`{kind}`", self.text)

    def test_the_defaults_that_it_names_are_there(self):
        named = re.findall(r"`(base|flags|front|jsonl|launcher|plain|settings)\.(\w+)", self.text)
        self.assertGreater(len(named), 10)
        for module, name in named:
            with self.subTest(module=module, name=name):
                self.assertTrue(hasattr(import_module(f"hcom.adapters.{module}"), name))

    def test_hooks_come_and_go_byte_for_byte(self):
        stage = self.stage
        path = os.path.join(stage.root, ".standin", "settings.json")
        os.mkdir(os.path.dirname(path))
        for before in (None, '{ "hooks" : {"Done": [\n]},\t"own":1 }', "{}\r\n"):
            with self.subTest(before):
                if before is not None:
                    page.write(path, before)
                stage.said("hooks", "add", "standin")
                with_hooks = page.text_of(path)
                self.assertIn("hooks are in", stage.said("hooks", "add", "standin"))
                self.assertEqual(page.text_of(path), with_hooks)
                self.assertRegex(stage.said("hooks"), "standin +installed")
                stage.said("hooks", "remove", "standin")
                self.assertEqual(page.text_of(path), before)

    def test_the_payloads_are_what_the_client_sends(self):
        stage, kept = self.stage, os.path.join(self.stage.root, "payloads")
        samples = page.samples()
        stage.keep_payloads({event.split(".")[0] for event in samples})
        terminal = stage.terminal("standin", "SUB: RUN: true\nEDIT: made a line\nASK: true")
        stage.until(lambda: "Allow: true" in terminal.text, "it asks")
        terminal.type("y")
        stage.until(lambda: "done" in terminal.text, "the turn is over")
        terminal.prompt("/exit")
        stage.until(lambda: terminal.ending, "it has ended")
        sessions = os.listdir(os.path.join(stage.root, ".standin", "sessions"))
        session = min(sessions, key=len).removesuffix(".jsonl")  # not its subagent's
        terminal = stage.terminal("standin", "--resume", session, "--fork", "/clear")
        stage.until(lambda: terminal.title == "standin: idle", "it is there")
        with open(kept, encoding="utf-8") as stream:
            sent = [json.loads(line) for line in stream]
        for name, sample in samples.items():
            with self.subTest(name):
                same = [one for one in sent if one["event"] == sample["event"]]
                self.assertIn(sorted(sample), [sorted(one) for one in same])


class Turns(Staged):
    """A client in front of its wrapper, in a terminal: `hcom standin`."""

    def test_mid_turn_beside_another_tool(self):
        stage = self.stage
        stage.gates("a", "b")
        name, _ = stage.launched("RUN: cat a\nAND RUN: cat b")
        stage.held("a", "b")
        sent = stage.send(name)
        stage.let("a", "b")
        self.once()
        self.assertEqual(stage.channels(sent), ["context"])
        self.assertEqual(stage.request_of(sent), stage.requests()[1])

    def test_the_end_goes_on_and_leaves_the_rest_to_a_wake(self):
        stage = self.stage
        stage.gates("a")
        name, _ = stage.launched("RUN: cat a\nSAY: one\nSAY: two\nSAY: three\nSAY: four")
        stage.held("a")
        sent = [stage.send(name, LONG) for _ in range(4)]
        stage.let("a")
        stage.arrived(*sent)
        self.assertEqual(
            [stage.channels(n) for n in sent], [["context"], ["reason"], ["reason"], ["context"]]
        )
        self.assertEqual(stage.requests()[-1]["fresh"][0], {"by": "user", "text": WAKE_TEXT})
        self.once()

    def test_in_the_output_of_a_command_that_waits_for_it(self):
        stage = self.stage
        name, _ = stage.launched("RUN: hcom listen 60")
        stage.until(lambda: len(stage.bells(name)) == 2, "it listens, beside its wrapper")
        sent = stage.send(name)
        self.once()
        self.assertEqual(stage.channels(sent), ["tool"])

    def test_idle_again_and_again(self):
        stage = self.stage
        name, _ = stage.launched()
        for count in (1, 2):
            stage.arrived(stage.send(name))
            stage.idle(name)
            self.assertEqual(len(stage.requests()), count)
        self.once()

    def test_two_that_edit_one_file_are_told(self):
        stage = self.stage
        luna, one = stage.launched()
        nova, other = stage.launched()
        for terminal in (one, other):
            terminal.prompt("EDIT: notes.md a line")
            stage.until(lambda: terminal.title == "standin: idle", "the turn is over")
        clash = re.compile(rf"collision: you and \w+ edited .{stage.work}/notes.md")

        def told() -> set[str]:
            """The sessions whose model knows of it."""
            return {r["session"] for r in stage.requests() if clash.search(r["fresh"][-1]["text"])}

        stage.until(lambda: len(told()) == 2, "both know of it")

    def test_what_it_shows_and_its_end(self):
        stage = self.stage
        name, terminal = stage.launched("SAY: on the screen")
        stage.until(lambda: "on the screen" in terminal.text, "the answer is shown")
        self.assertIn(f"hcom: this is {name}".encode(), terminal.output)
        self.assertIn("on the screen\n───", stage.said("term", name))
        self.assertIn(f"killed {name}", stage.said("kill", name))
        stage.until(lambda: terminal.ending, "the client is gone")
        stage.all_gone()
        self.assertEqual(stage.names(), [])

    def test_a_name_that_it_takes_up_is_its_name_in_all(self):
        stage = self.stage
        luna, terminal = stage.launched("SAY: over")
        stage.idle(luna)
        terminal.prompt("/exit")
        stage.until(lambda: terminal.ending, "it has ended")
        waited = stage.send(luna)
        stage.gates("a")
        nova, terminal = stage.launched(
            f"RUN: hcom start --as {luna}\nRUN: cat a\nRUN: hcom send hi"
        )
        stage.held("a")
        self.assertEqual(stage.names(), [luna])
        mid = stage.send(luna)
        stage.let("a")
        stage.arrived(waited, mid)
        stage.idle(luna)
        said = stage.sql("SELECT instance FROM events WHERE type = 'message' ORDER BY id DESC")
        self.assertEqual(said[0], (luna,))
        stage.send(luna)
        self.once()
        stage.idle(luna)
        with self.assertRaisesRegex(AssertionError, f"{luna} is a session that still runs"):
            stage.said("listen", "0", "--name", luna)
        with self.assertRaisesRegex(AssertionError, f"{nova} has left"):
            stage.said("send", f"@{nova} hi", "--from", "ci")
        self.assertIn("done\ndone\n", stage.said("term", luna))
        self.assertIn(f"killed {luna}", stage.said("kill", luna))
        stage.until(lambda: terminal.ending, "the client is gone")

    def test_a_waiter_of_the_client_takes_over_from_the_wrapper(self):
        stage = self.stage
        name, _ = stage.launched("--push")
        wrapper = stage.wrapper()
        self.pushed(name, {f"{name}.{wrapper}"})
        self.assertEqual(stage.typed(), [])


class Restraint(Staged):
    """When a wake is not typed."""

    def test_a_draft_is_waited_for_and_kept(self):
        stage = self.stage
        name, terminal = stage.launched()
        terminal.type("half a sen")
        stage.until(lambda: "> half a sen" in terminal.text, "it is in the box")
        sent = stage.send(name)
        # Longer than for a person who has stopped typing; and the wrapper has looked since.
        stage.until(lambda: terminal.still(QUIET_S + SETTLED_S), "nothing is drawn")
        self.assertIn("> half a sen", stage.said("term", name))
        self.assertEqual(stage.channels(sent), [])
        terminal.type("tence\r")
        self.once()
        heard = [fresh["text"] for fresh in stage.request_of(sent)["fresh"]]
        self.assertEqual(heard[1], "half a sentence")

    def test_who_has_just_typed_is_waited_for(self):
        stage = self.stage
        name, terminal = stage.launched()
        at = terminal.type("x\x7f")
        stage.until(stage.typed, "it was read")
        stage.arrived(stage.send(name))
        with open(f"{stage.hcom_dir}/logs/hcom.log", encoding="utf-8") as stream:
            pasted_at = next(one["at"] for one in map(json.loads, stream) if "action" in one)
        self.assertGreaterEqual(pasted_at, at + QUIET_S)
        self.once()

    def test_a_dialog_is_never_answered(self):
        stage = self.stage
        name, terminal = stage.launched("ASK: touch made")
        sent = self.waits_for_the_person(name, terminal, "Allow: touch made")
        self.assertEqual((stage.facts(name)["status"], stage.ran()), ("blocked", []))
        terminal.type("y")
        self.once()
        self.assertEqual((stage.typed(), stage.ran()), (["y"], ["touch made"]))
        self.assertEqual(stage.request_of(sent), stage.requests()[-1])

    def test_nor_is_one_of_which_no_hook_tells(self):
        stage = self.stage
        name, terminal = stage.launched("/panel")
        self.waits_for_the_person(name, terminal, "Allow: a choice")
        terminal.type("n")
        self.once()
        self.assertEqual([one["answered"] for one in stage.lines() if "answered" in one], ["n"])

    def waits_for_the_person(self, name: str, terminal, dialog: str) -> int:
        """With the dialog up nothing is typed about a message for the agent; its number."""
        stage = self.stage
        stage.until(lambda: dialog in terminal.text, "the dialog is up")
        stage.until(lambda: terminal.still(2 * SETTLED_S), "a wake could be typed by now")
        sent = stage.send(name)
        # The wrapper answers in the order in which it was rung: it has seen to the mail, too.
        self.assertIn(dialog, stage.said("term", name))
        self.assertEqual((stage.typed(), stage.channels(sent)), ([], []))
        return sent

    def test_a_turn_that_was_broken_off_is_over(self):
        stage = self.stage
        stage.gates("a")
        name, terminal = stage.launched("RUN: cat a")
        stage.held("a")
        terminal.type("\x1b")
        stage.idle(name)  # though no hook has told of it
        self.assertEqual(stage.facts(name)["status_context"], "interrupted")
        sent = stage.send(name)
        self.once()
        self.assertEqual(stage.request_of(sent)["fresh"][0], {"by": "user", "text": WAKE_TEXT})


class Sessions(Staged):
    """The same agent, or another one, in the client's next session."""

    def test_clear_keeps_the_name(self):
        name, terminal = self.stage.launched()
        self.cleared(name, terminal)

    def test_clear_keeps_the_name_of_one_that_joined(self):
        name, terminal = self.joined()
        self.cleared(name, terminal)

    def cleared(self, name: str, terminal) -> None:
        stage = self.stage
        before = stage.column(name, "session")
        terminal.prompt("/clear")
        stage.until(lambda: stage.column(name, "session") != before, "another session")
        sent = stage.send(name)
        self.once()
        self.assertEqual(stage.names(), [name])
        self.assertEqual(stage.request_of(sent)["session"], stage.column(name, "session"))

    def test_resume_keeps_name_and_mail_and_fork_is_another(self):
        stage = self.stage
        name, terminal = stage.launched()
        session = stage.column(name, "session")
        terminal.prompt("/exit")
        stage.until(lambda: terminal.ending, "it has ended")
        away = stage.send(name)
        stage.terminal("hcom", "resume", name)
        stage.arrived(away)
        stage.terminal("hcom", "fork", name)
        other = stage.until(lambda: set(stage.agents()) - {name}, "the copy takes part").pop()
        sent = [away, stage.send(name), stage.send(other)]
        self.once()
        same = [stage.request_of(number)["session"] == session for number in sent]
        self.assertEqual(same, [True, True, False])

    def test_what_a_killed_client_had_not_asked_with_comes_again(self):
        stage = self.stage
        stage.gates("a", "b")
        name, terminal = stage.launched("RUN: cat a\nSTALL: b")
        stage.held("a")
        sent = stage.send(name)
        stage.let("a")
        stage.held("b")  # the hook has told it, the request is not made yet
        self.assertIn(stage.states()[sent], ("offered", "delivered"))
        self.assertEqual(stage.channels(sent), [])
        stage.kill(stage.column(name, "pid"), signal.SIGKILL)
        stage.until(lambda: terminal.ending, "the wrapper ends with it")
        stage.terminal("hcom", "resume", name)
        self.once()

    def test_what_a_killed_client_had_asked_with_does_not(self):
        stage = self.stage
        stage.gates("a", "b")
        name, terminal = stage.launched("RUN: cat a\nRUN: cat b")
        stage.held("a")
        sent = stage.send(name)
        stage.let("a")
        stage.held("b")  # the model has been asked with it, no hook has told of that
        self.assertEqual(len(stage.channels(sent)), 1)
        stage.kill(stage.column(name, "pid"), signal.SIGKILL)
        stage.until(lambda: terminal.ending, "the wrapper ends with it")
        stage.let("b")
        stage.terminal("hcom", "resume", name)
        stage.send(name)
        self.once()

    def test_the_wrapper_is_killed(self):
        stage = self.stage
        name, _ = stage.launched()
        wrapper = stage.wrapper()
        stage.kill(wrapper, signal.SIGKILL)
        stage.all_gone()
        self.assertEqual(stage.facts(name)["status"], "inactive")


class Launches(Staged):
    """Clients that run elsewhere: in windows, without any, or not at all."""

    def test_in_windows(self):
        stage = self.stage
        stage.program("window", WINDOW)
        said = stage.said("2", "standin", env={"HCOM_TERMINAL": "window {script}"})
        self.assertRegex(said, "launched 2 standin: luna, nova")
        self.assertEqual(stage.said("events", "launch").count("ready"), 2)
        stage.send("luna"), stage.send("nova")
        self.once()
        stage.said("kill", "all")
        stage.all_gone()

    def test_headless(self):
        stage = self.stage
        self.assertIn("launched 1 standin: luna", stage.said("standin", "--headless", "SAY: hi"))
        self.assertIn("ready", stage.said("events", "launch"))
        stage.send("luna")
        self.once()
        self.assertIn("standin", json.loads(stage.said("term", "luna", "--json"))["title"])
        stage.said("kill", "luna")
        stage.all_gone()

    def test_fed_with_lines_again_and_again(self):
        stage = self.stage
        self.assertIn("launched 1 standin: luna", stage.said("standin", "-p", "SAY: hi"))
        self.assertIn("ready", stage.said("events", "launch"))
        stage.until(stage.requests, "the model was asked")
        for _ in range(3):
            stage.arrived(stage.send("luna"))
            stage.idle("luna")
        self.once()
        self.assertEqual(stage.requests()[0]["fresh"][1], {"by": "user", "text": "SAY: hi"})
        wrapper = stage.wrapper()
        stage.kill(wrapper, signal.SIGTERM)
        stage.all_gone()
        self.assertEqual(stage.facts("luna")["status"], "inactive")

    def test_one_that_fails_says_why(self):
        stage = self.stage
        stage.program("window", WINDOW)
        table = (
            ("--headless", "no model nonesuch"),
            ("-p", "no model nonesuch"),
            ("1", "no model nonesuch"),
        )
        for how, shown in table:
            with self.subTest(how):
                words = ["1", "standin"] if how == "1" else ["standin", how]
                window = {"HCOM_TERMINAL": "window {script}"}
                done = stage.run(*words, "--model", "nonesuch", env=window)
                self.assertEqual(done.returncode, 1)
                self.assertIn("not launched: ", done.stderr)
                self.assertRegex(done.stderr, f"exit 3\n *{shown}")
                done = stage.run("events", "launch")
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stdout, f"failed: exit 3\n *{shown}")
                self.assertEqual(stage.names(), [])


class Alone(Staged):
    """A client that hcom did not launch: the person runs it, and its agent runs `hcom start`."""

    def test_idle_by_its_inbox(self):
        name, _ = self.joined()
        for _ in range(2):
            self.stage.arrived(self.stage.send(name))
            self.stage.idle(name)
        self.once()

    def test_idle_by_a_waiter_that_ends_with_its_client(self):
        stage = self.stage
        name, terminal = self.joined("--push")
        first = stage.waiter(name)
        terminal.prompt("SAY: at whose end another waiter takes over")
        over = (3, "standin: idle")  # two requests were the turn in which it joined
        stage.until(lambda: (len(stage.requests()), terminal.title) == over, "the turn is over")
        stage.until(lambda: not stage.waiter(name, first) & first, "the first has gone")
        self.pushed(name, first)
        terminal.prompt("/exit")
        stage.until(lambda: terminal.ending, "it has ended")
        stage.all_gone()

    def test_a_subagent_speaks_and_hears_under_its_own_name(self):
        stage, other = self.stage, self.stage.start()
        stage.gates("a")
        name, _ = stage.launched(
            f"SUB: RUN: hcom send @{other} -- as my parent\n"
            "SUB: RUN: hcom start --name {key}\n"
            f"SUB: RUN: hcom send @{other} -- still as my parent\n"
            f"SUB: RUN: hcom send @{other} --name {{key}} -- as myself\n"
            "SUB: RUN: cat a"
        )
        stage.held("a")
        said = stage.sql("SELECT data FROM events WHERE type = 'message'")
        self.assertEqual(
            [(one["from"], one["text"]) for (text,) in said if (one := json.loads(text))],
            [(f"{name}_1", "as myself")],
        )
        sent = [stage.send(name), stage.send(f"{name}_1")]
        stage.let("a")
        stage.arrived(sent[1])
        sent.append(stage.send(f"{name}_1"))  # for which its last hook waits
        stage.until(lambda: stage.states()[sent[2]] == "seen", "its last hook waits again")
        stage.said("stop", f"{name}_1")
        self.once()
        self.assertEqual(
            [bool(stage.request_of(number)["agent"]) for number in sent], [False, True, True]
        )


class Least(Staged):
    """A tool of which hcom knows no more than it must: hook, setup and launch."""

    without = ("screen", "wake", "stream", "transcript")

    def test_mid_turn_at_its_end_and_with_the_next_prompt(self):
        stage = self.stage
        stage.gates("a")
        name, terminal = stage.launched("RUN: cat a\nSAY: one")
        stage.held("a")
        sent = [stage.send(name, LONG) for _ in range(2)]
        stage.let("a")
        stage.arrived(*sent)
        stage.idle(name)
        sent.append(stage.send(name))
        stage.until(lambda: stage.column(name, "wake_failure"), "people see that it is not woken")
        terminal.prompt("SAY: two")
        stage.arrived(*sent)
        self.assertEqual([stage.channels(n) for n in sent], [["context"], ["reason"], ["context"]])
        self.once()

    def test_idle_by_a_waiter(self):
        name, _ = self.joined("--push")
        self.pushed(name)

    def test_printing_it_ends(self):
        stage = self.stage
        stage.said("standin", "-p", "SAY: printed")
        self.assertRegex(stage.said("events", "launch"), "luna +standin +(ready|ended)")
        stage.all_gone()
        self.assertEqual(stage.facts("luna")["status"], "inactive")


if __name__ == "__main__":
    unittest.main()
