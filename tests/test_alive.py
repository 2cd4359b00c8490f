"""What `list` says of a client in each of its states; and that what hcom launched is found and
ended, whatever else was done to it. With the stand-in client of hcom/demo."""

import json
import os
import signal
import unittest

from hcom import home as homes
from tests.standin.stage import Staged


class Slow(Staged):
    def slow(self, shown: str = "") -> None:
        """The client begins once the gate `go` is let; until then it shows that."""
        path = os.path.join(self.stage.root, "bin", "standin")
        with open(path, encoding="utf-8") as stream:
            begin = stream.read().partition("\n")[2]
        self.stage.gates("go")
        line = f'printf "{shown}"; cat "{self.stage.work}/go"\n{begin}'
        self.stage.program("standin", line)


class States(Slow):
    def words(self, name: str) -> tuple[str, str]:
        """The status of the agent, and why."""
        said = self.stage.facts(name)
        return said.get("status", ""), said.get("status_context", "")

    def until(self, name: str, *words: str) -> None:
        self.stage.until(lambda: self.words(name) == words, f"{name} is {words}")

    def test_from_its_launch_to_its_end_and_again(self):
        stage = self.stage
        self.slow()
        terminal = stage.terminal("hcom", "standin")
        stage.held("go")
        [name] = stage.agents()
        self.assertEqual(self.words(name), ("inactive", "launching"))
        stage.let("go")
        self.until(name, "listening", "start")
        stage.gates("a", "b")
        terminal.prompt("RUN: cat a\nASK: cat b\nSAY: over")
        stage.held("a")
        self.assertEqual(self.words(name), ("active", "prompt"))
        stage.let("a")
        self.until(name, "blocked", "approval")
        self.assertIn("cat b", stage.facts(name)["status_detail"])
        terminal.type("y")
        stage.held("b")
        stage.let("b")
        self.until(name, "listening", "stop")
        terminal.prompt("RUN: hcom listen 60")
        self.until(name, "active", "listen")
        stage.arrived(stage.send(name))
        self.until(name, "listening", "stop")
        terminal.prompt("/exit")
        stage.until(lambda: terminal.ending, "it has ended")
        self.assertEqual(stage.facts(name)["status"], "inactive")
        self.assertTrue(self.words(name)[1].startswith("exit:"))
        stage.terminal("hcom", "resume", name)
        stage.held("go")
        self.assertEqual(self.words(name), ("inactive", "launching"))
        stage.let("go")
        self.until(name, "listening", "start")

    def test_a_dialog_before_it_takes_prompts(self):
        stage = self.stage
        self.slow(r"\033]2;standin: asking\007Do you trust this folder?")
        stage.terminal("hcom", "standin")
        stage.held("go")
        [name] = stage.agents()
        self.until(name, "blocked", "dialog")
        self.assertIn(f"hcom term {name}", stage.said("list"))
        stage.let("go")
        self.until(name, "listening", "start")
        stage.send(name)
        self.once()
        stage.said("kill", name)
        stage.terminal("hcom", "resume", name)
        stage.held("go")
        self.until(name, "blocked", "dialog")
        stage.let("go")
        self.until(name, "listening", "start")

    def test_one_whose_end_nobody_has_seen_is_launching_when_it_is_resumed(self):
        stage = self.stage
        name, _ = stage.launched()
        pid = stage.column(name, "pid")
        os.kill(stage.wrapper(), signal.SIGKILL)
        stage.all_gone()
        self.assertEqual(stage.column(name, "status"), "listening")
        self.slow()
        session = stage.column(name, "session")
        stage.terminal("hcom", "standin", "--resume", session)
        stage.held("go")
        self.assertEqual(self.words(name), ("inactive", "launching"))
        self.assertEqual(self.words(name), ("inactive", "launching"))
        stage.let("go")
        self.until(name, "listening", "start")
        self.assertNotEqual(stage.column(name, "pid"), pid)

    def test_a_launch_that_dies_with_its_wrapper_has_ended(self):
        stage = self.stage
        self.slow()
        stage.terminal("hcom", "standin")
        stage.held("go")
        [name] = stage.agents()
        os.kill(stage.wrapper(), signal.SIGKILL)
        stage.all_gone()
        self.assertEqual(self.words(name), ("inactive", "exit:killed"))


class Loose(Staged):
    """Headless clients of which hcom's records were taken away."""

    def headless(self) -> str:
        stage = self.stage
        stage.said("standin", "--headless")
        stage.said("events", "launch")
        return stage.agents()[-1]

    def stop(self, name: str) -> None:
        done = self.stage.run("stop", name)
        self.assertIn(f"still runs: hcom kill {name}", done.stderr)

    def found_and_killed(self, name: str, *words: str) -> None:
        stage = self.stage
        self.assertRegex(stage.said("list"), f"○ {name} +standin +stopped .*hcom kill {name}")
        self.assertIn(f"killed {name}", stage.said("kill", *(words or [name])))
        stage.all_gone()
        self.assertEqual(stage.said("list"), "")

    def test_it_was_stopped(self):
        name = self.headless()
        self.stop(name)
        self.found_and_killed(name)

    def test_it_was_stopped_and_all_was_reset(self):
        name = self.headless()
        self.stop(name)
        self.stage.said("reset")
        self.found_and_killed(name, "all")

    def test_all_was_reset_at_once(self):
        name = self.headless()
        self.stage.run("reset", "all", stdin="y\n")
        self.assertEqual(self.stage.agents(), [])
        self.found_and_killed(name)

    def test_the_database_is_gone(self):
        name = self.headless()
        for path in ("hcom.db", "db/hcom.db", "db/hcom.db-wal", "db/hcom.db-shm"):
            homes.dropped(os.path.join(self.stage.hcom_dir, path))
        self.found_and_killed(name)

    def test_another_has_its_name_by_now(self):
        stage = self.stage
        name = self.headless()
        self.stop(name)
        stage.said("reset")
        self.assertEqual(self.headless(), name)
        self.assertEqual(stage.said("kill", name), f"killed {name}\n")
        self.found_and_killed(name)

    def test_it_takes_part_again_and_is_woken(self):
        stage = self.stage
        for reset in (False, True):
            with self.subTest(reset=reset):
                name, terminal = stage.launched()
                stage.said("stop", name)
                if reset:
                    stage.said("reset")
                terminal.prompt("RUN: hcom start\nSAY: joined")
                other = stage.until(lambda: stage.known(), "it takes part")[0]
                stage.idle(other)
                sent = stage.send(other)
                stage.arrived(sent)
                self.assertEqual(stage.names(), [other])
                self.assertEqual(stage.said("kill", other), f"killed {other}\n")
                stage.all_gone()

    def test_its_session_is_resumed_by_the_clients_own_words(self):
        stage = self.stage
        name, terminal = stage.launched()
        session = stage.column(name, "session")
        stage.said("stop", name)
        done = stage.run("standin", "--resume", session, "--headless")
        self.assertIn(f"{name} still runs", done.stderr)
        terminal.prompt("/exit")
        stage.until(lambda: terminal.ending, "it has ended")
        self.assertEqual(stage.names(), [])
        stage.said("standin", "--resume", session, "--headless")
        stage.said("events", "launch")
        stage.send(name)
        self.once()
        self.assertEqual(stage.names(), [name])

    def test_who_asked_is_said(self):
        stage = self.stage
        name, terminal = stage.launched()
        stage.said("stop", name)
        terminal.prompt("RUN: HCOM_GO=1 hcom 1 standin --headless")
        other = stage.until(lambda: stage.known(), "it was launched")[0]
        stage.until(lambda: stage.said("events", "launch"), "it is ready")
        [said] = stage.said(
            "events", "--sql", f"instance = '{other}' AND life_action = 'created'"
        ).splitlines()
        self.assertEqual(json.loads(said)["data"]["by"], "a program")


class Told(Slow):
    """Who launches others, and they."""

    def test_the_launcher_hears_once_what_became_of_them(self):
        stage = self.stage
        name, terminal = stage.launched()
        for model, line in (
            ("good", r"ready: \w+, \w+"),
            ("nonesuch", r"ready: none(\n\w+ failed: exit 3: .*nonesuch.*){2}"),
        ):
            with self.subTest(model):
                before = stage.notices(name)
                how = f"--headless --model {model}"
                terminal.prompt(f"RUN: HCOM_GO=1 hcom 2 standin {how}\nSAY: so")
                stage.until(lambda: len(stage.notices(name)) > len(before), "it is told")
                [said] = stage.notices(name)[len(before) :]
                self.assertRegex(said, f"^your launch [0-9a-f]{{8}}, {line}$")
                head = said.partition("\n")[0]
                stage.until(lambda: head in json.dumps(stage.requests()), "it has read that")
        self.assertEqual(len(stage.notices(name)), 2)

    def test_they_know_who_launched_them(self):
        stage = self.stage
        name, terminal = stage.launched()
        terminal.prompt("RUN: HCOM_GO=1 hcom standin --headless 'SAY: hi'\nSAY: so")
        stage.until(
            lambda: f"You were launched by @{name}." in json.dumps(stage.requests()), "it knows"
        )
        told = [json.dumps(r) for r in stage.requests() if "You were launched" in json.dumps(r)]
        self.assertNotIn(stage.column(name, "session"), told[0])

    def test_who_has_left_is_not_told(self):
        stage = self.stage
        name, terminal = stage.launched()
        self.slow()
        terminal.prompt("RUN: HCOM_GO=1 hcom standin --headless\nSAY: so")
        stage.held("go")
        stage.until(lambda: stage.sql("SELECT 1 FROM launches WHERE by <> ''"), "it has launched")
        stage.said("stop", name)
        stage.let("go")
        stage.until(
            lambda: not stage.sql("SELECT 1 FROM launches WHERE by <> ''"), "they are ready"
        )
        self.assertEqual(stage.notices(name), [])


if __name__ == "__main__":
    unittest.main()
