"""Claude Code's subagents, each somebody of its own, beside their parent and another client."""

import functools
import unittest

from tests.rig.clients import requires
from tests.rig.room import MESSAGE, Room, entered
from tests.rig.world import World

ANSWER = (r"#([1-9]\d*) answer: (hcom send [^\]]*) -- TEXT\]", r"RUN: \2 -- re-\1")
# One that joins, asks the others, and stays at work until it may end.
ERRAND = """AGENT: [{kind}] WHEN run: hcom start --name (\\w+) RUN: hcom start --name \\1
  RUN: touch here-{kind}; until [ -e ready ]; do sleep 0.1; done
  RUN: hcom send {to} --name luna_{name}_1 --intent request -- from-{kind}
  WRITE: {kind}.txt made
  RUN: until [ -e go ]; do sleep 0.1; done
  SAY: {kind}-over"""
RAN = "SELECT what FROM acts WHERE kind = 'command' AND agent = ? ORDER BY event_id"
GIVEN = "SELECT event_id FROM deliveries WHERE agent = ? ORDER BY event_id"
REVIEWER = "---\nname: reviewer\ndescription: reviews\n---\nYou review.\n"


class Mixed(Room):
    """luna is Claude's, nova Codex's."""

    def __init__(self, claude: str = "claude"):
        self.world = World({"claude": claude, "codex": "codex"})
        self.hcom_dir = self.world.hcom_dir


def shown(room: Room, name: str) -> list[int]:
    """The messages that the model of this agent has been shown, each as often."""
    [row] = room.rows("SELECT session, parent FROM agents WHERE name = ?", name)
    own = row["session"]
    whose = {"agent": own} if row["parent"] else {"session": own, "agent": ""}
    asked = room.world.model.requests(**whose)
    return [int(i) for i in MESSAGE.findall(asked[-1].text) if i != "0"] if asked else []


@requires("claude", "codex")
class Subagents(unittest.TestCase):
    def test_two_talk_to_each_other_their_parent_and_a_codex(self):
        room = entered(self, Mixed("claude"))
        folder = room.folder("luna")
        (folder / ".claude/agents").mkdir(parents=True)
        (folder / ".claude/agents/reviewer.md").write_text(REVIEWER)
        (folder / ".claude/agents/tester.md").write_text(REVIEWER.replace("reviewer", "tester"))
        room.hcom("config", "subagent_timeout", "4")
        room.world.model.rule(*ANSWER)
        luna, nova = room.agent("luna"), room.agent("nova", tool="codex")
        luna.submit(
            ERRAND.format(kind="reviewer", name="reviewer", to="@luna_tester_1 @luna @nova")
            + "\nAND "
            + ERRAND.format(kind="tester", name="tester", to="@luna_reviewer_1 @luna @nova")
            + "\nSAY: parent-over"
        )
        room.until(lambda: all((folder / f"here-{k}").exists() for k in ("reviewer", "tester")))
        (folder / "ready").touch()
        names = ("luna", "luna_reviewer_1", "luna_tester_1", "nova")
        room.until(lambda: len(room.events("msg_text LIKE 're-%'")) >= 6, 60)
        told = room.send("to everyone")
        (folder / "go").touch()
        room.until(lambda: all(told in shown(room, name) for name in names), 60)
        room.until(lambda: set(room.listed()) == {"luna", "nova"}, 90)
        for name in names:
            given = [row["event_id"] for row in room.rows(GIVEN, name)]
            self.assertEqual(sorted(shown(room, name)), given, name)
        del nova

    def test_what_each_did_is_in_the_log_as_its_own(self):
        """And mail for one waits while hooks of the other run beside it."""
        room = entered(self, Room())
        luna = room.agent("luna")
        luna.submit(
            "AGENT: [Explore] WHEN run: hcom start --name (\\w+) RUN: hcom start --name \\1\n"
            "  RUN: touch here\n  LOOP 15: RUN: echo child\n"
            "  RUN: until [ -e go ]; do sleep 0.1; done\n  SAY: child-over\n"
            "LOOP 15: RUN: echo parent\nSAY: parent-over"
        )
        room.until((room.folder("luna") / "here").exists)
        both = ("luna", "luna_explore_1")
        sent = {name: [room.send(f"@{name} {n}") for n in range(8)] for name in both}
        (room.folder("luna") / "go").touch()
        for name in both:
            room.until(lambda: set(sent[name]) <= set(shown(room, name)), 60)
            self.assertEqual(shown(room, name), sent[name])
        luna.until("parent-over")
        for name, what in zip(both, ("echo parent", "echo child")):
            ran = functools.partial(self.ran, room, name)
            room.until(lambda: len(ran()) >= 15)  # the last may wait in the spool
            self.assertEqual(ran(), [what] * 15)

    def ran(self, room: Room, name: str) -> list[str]:
        return [row["what"] for row in room.rows(RAN, name) if "echo" in row["what"]]


@requires("claude")
class Own(unittest.TestCase):
    """What each client that is tried has to do."""

    client = "claude"
    stops: tuple[tuple[str, ...], ...] = (
        ("C-x", "C-k"),
    ) * 2  # the keys that end one in the background

    def test_what_comes_after_its_work_is_shown_once(self):
        room = entered(self, Room(client=self.client))
        room.hcom("config", "subagent_timeout", "6")
        luna = room.agent("luna")
        luna.submit(
            "AGENT: [Explore] WHEN run: hcom start --name (\\w+) RUN: hcom start --name \\1\n"
            "  SAY: over-1\n  RUN: until [ -e go ]; do sleep 0.1; done\n  SAY: over-2\n"
            "  SAY: over-3\nSAY: parent-over"
        )
        name = "luna_explore_1"
        room.until(lambda: room.listed().get(name, {}).get("status") == "listening")
        sent = [room.send(f"@{name} one")]
        room.until(lambda: sent[0] in shown(room, name))
        self.assertEqual(room.listed()[name]["status"], "active")
        sent.append(room.send(f"@{name} two"))
        (room.folder("luna") / "go").touch()
        room.until(lambda: sent[1] in shown(room, name))
        room.until(lambda: room.listed()[name]["status"] == "listening")
        sent.append(room.send(f"@{name} three"))
        room.until(lambda: name not in room.listed(), 60)
        self.assertEqual(shown(room, name), sent)
        luna.until("parent-over")

    def test_one_that_is_broken_off_is_over(self):
        room = entered(self, Room(client=self.client))
        luna = room.agent("luna")
        luna.submit(
            "AGENT: [Explore] WHEN run: hcom start --name (\\w+) RUN: hcom start --name \\1\n"
            "  RUN: touch here; until [ -e go ]; do sleep 0.1; done\nSAY: parent-over"
        )
        room.until((room.folder("luna") / "here").exists)
        self.assertIn("luna_explore_1", room.listed())
        for keys in self.stops:
            luna.keys(*keys)
        room.until(lambda: "luna_explore_1" not in room.hcom("list"))
        prompts = room.events("status_context = 'prompt' AND status_detail <> ''")
        self.assertEqual(
            [e["data"]["detail"][:6] for e in prompts], [prompts[0]["data"]["detail"][:6]]
        )


@requires("claude-before")
class SubagentsBefore(Own):
    client = "claude-before"


@requires("claude-old")
class SubagentsInTheForeground(Own):
    client = "claude-old"
    stops = (("Escape",),)
