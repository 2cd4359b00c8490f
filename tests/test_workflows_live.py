"""The bundled workflows with real clients, whose models answer as they are asked to."""

import os
import re
import signal
import unittest

from tests.rig.clients import requires
from tests.rig.pane import IN_TMUX
from tests.rig.room import Room, entered, ours
from tests.test_three import TOOLS, Three

COMMAND = r"`hcom send ([^`]*)-- TEXT`"
SAYS = r"RUN: hcom send \1-- my answer"


class Flow(unittest.TestCase):
    present: "set[str]" = set()  # agents and processes that were here before a workflow

    def begun(self, room: Room, *pieces: str) -> Room:
        """The room, in which each model answers once what it is asked, by prompt or by message;
        with `pieces` only who reads one of those."""
        entered(self, room)
        for piece in pieces:
            room.world.model.rule(f"(?s){piece}.*?{COMMAND}", SAYS)
        if not pieces:
            room.world.model.rule(COMMAND, SAYS)
            asked = rf"(?s)\[hcom message #\d+ from \w+\.\w+ (?:(?!\[/hcom).)*?{COMMAND}"
            room.world.model.rule(asked, SAYS)
        return room

    def run_(self, room: Room, *args: str) -> str:
        """What the workflow prints, which succeeds and leaves nothing behind."""
        argv = ["hcom", "run", args[0], "--timeout", "60", *args[1:]]
        done = room.world.run(argv, cwd=room.folder("nova"), timeout=150)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(self.left(room), [])
        self.assertEqual(room.events("msg_text LIKE '%has ended without an answer%'"), [])
        return done.stdout

    def left(self, room: Room) -> list[str]:
        """Whom the workflow has left: agents, and processes of theirs."""
        here = {agent["base_name"] for agent in room.agents()}
        here |= {line for line in ours(room.world) if " wrapped " in line}
        return sorted(here - self.present)


@requires("claude")
class Claude(Flow):
    def test_a_debate_and_an_ensemble(self):
        room = self.begun(Room())
        said = self.run_(room, "debate", "x is y", "--spawn", "--rounds", "1")
        self.assertRegex(said, r"(?s)FOR: .*AGAINST: .*judge: .*\nmy answer")
        self.run_(room, "ensemble", "add", "--agents", "2", "--rounds", "1", "--no-judge")

    def test_a_clone_and_a_confession_of_an_agent(self):
        room = self.begun(Room())
        luna = room.agent("luna")
        luna.ask("SAY: first answer")
        self.present = set(self.left(room))
        said = self.run_(room, "clone", "--target", "luna", "--background", "count")
        self.assertRegex(said, r"(?s)clone: .*\nmy answer")
        said = self.run_(room, "confess", "--target", "luna")
        self.assertRegex(said, r"(?s)calibrator: .*judge: .*my answer")

    def test_a_turn_is_watched_and_all_are_told(self):
        room = self.begun(Room(), "You review the work")
        room.world.model.rule(
            f"(?s)You see to it.*?{COMMAND}", r"RUN: hcom send \1-- luna: look out"
        )
        luna = room.agent("luna")
        luna.ask("SAY: first answer")
        room.until_status("luna", "listening")
        self.present = set(self.left(room))
        argv = ["hcom", "run", "watcher", "--target", "luna", "--once"]
        flow = room.world.start(argv, cwd=room.folder("nova"))
        room.until(lambda: "waits for turns of luna" in flow.stdout)
        luna.ask("SAY: second answer")
        done = flow.wait(60)
        self.assertEqual((done.returncode, done.stderr, self.left(room)), (0, "", []))
        self.assertRegex(done.stdout, r"(?s)reviewer: .*my answer")
        self.assertRegex(self.run_(room, "glue"), r"(?s)glue: .*@luna look out")
        for said in ("my answer", "luna look out"):
            room.world.model.until(lambda request: said in request.fresh, 60)

    def test_an_agent_has_itself_cloned_in_a_window(self):
        room = self.begun(Room())
        luna = room.agent("luna", env=IN_TMUX)
        self.present = set(self.left(room))
        windows = room.world.tmux("list-panes", "-a", "-F", "#{pane_id}")
        luna.ask("RUN: hcom run clone --timeout 60 'count to 3'\nSAY: over")
        room.world.model.until(lambda r: "my answer" in r.fresh and "clone-" in r.fresh, 60)
        told = room.until(lambda: room.events("type = 'message' AND msg_text LIKE '%my answer'"))
        self.assertEqual(told[0]["data"]["delivered_to"], ["luna"])
        room.until(lambda: not self.left(room))
        room.until(lambda: room.world.tmux("list-panes", "-a", "-F", "#{pane_id}") == windows)

    def test_ctrl_c_leaves_nobody(self):
        room = self.begun(Room(), "nothing of this")
        flow = self.debating(room, "AGAINST")
        os.kill(flow.pid, signal.SIGINT)
        self.assertEqual(flow.wait(60).returncode, 130, flow.stderr)
        self.assertEqual(self.left(room), [])

    def test_one_that_is_killed_one_that_works_on_and_one_that_says_nothing(self):
        for does, why in (
            ("dies", "has ended"),
            ("works", "has not answered in 45 s"),
            ("ends", "has ended its turn twice without an answer"),
        ):
            with self.subTest(why):
                room = self.begun(Room(), "You argue FOR", "You are the judge")
                if does == "works":
                    room.world.model.rule("You argue AGAINST", "RUN: hcom listen 100")
                flow = self.debating(room, "AGAINST", "--timeout", "45")
                if does == "dies":
                    name = re.search(r"AGAINST: (\S+)", flow.stdout)[1]
                    [pid] = [a["pid"] for a in room.reported() if a["name"] == name]
                    os.kill(pid, signal.SIGKILL)
                done = flow.wait(150)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
                self.assertRegex(done.stdout, rf"(?s){why}.*judge: .*\nmy answer")
                self.assertEqual(self.left(room), [])

    def debating(self, room: Room, side: str, *more: str):
        """A debate, begun, in which that side has been launched."""
        argv = ["hcom", "run", "debate", "x is y", "--spawn", "--rounds", "0", *more]
        flow = room.world.start(argv, cwd=room.folder("nova"))
        room.until(lambda: f"{side}: " in flow.stdout, 60)
        return flow


@requires(*TOOLS)
class All(Flow):
    def test_a_debate_and_an_ensemble_of_all_tools(self):
        room = self.begun(Three())
        tools = ("--tool", "claude,gemini,codex")
        said = self.run_(room, "debate", "x is y", "--spawn", "--rounds", "1", *tools)
        self.assertRegex(said, r"(?s)\(claude\).*\(gemini\).*\(codex\).*\nmy answer")
        said = self.run_(room, "ensemble", "add", "--rounds", "1", "--no-judge", *tools)
        self.assertEqual(said.count("my answer"), 3)


if __name__ == "__main__":
    unittest.main()
