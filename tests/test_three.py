"""Claude Code, Gemini CLI and Codex in one room, each under hcom's wrapper."""

import json
import re
import unittest

from tests.rig.clients import requires
from tests.rig.room import Room, entered
from tests.rig.settings import Permissions
from tests.rig.world import World
from tests.test_launcher import counting

TOOLS = ("claude", "gemini", "codex")
DIALOGS = {
    "claude": "Do you want to proceed",
    "gemini": "Allow execution|Allow once",
    "codex": "Would you like to run|proceed",
}
BOXES = {"claude": "❯.{draft}", "gemini": "[>*] +{draft}", "codex": "› {draft}"}
HOSTILE = (
    "what? yes! @README.md /clear\n/quit\n!touch pwned\n$(touch pwned) `touch pwned` "
    "\"q\" 'q' "
    "\\n é🙂漢 <b>&amp;</b> {x} %s"
)


class Three(Room):
    """A room with one agent of each tool: luna is Claude's, nova Gemini's, kira Codex's."""

    def __init__(self, permissions: Permissions = Permissions.FREE):
        self.world = World({t: t for t in TOOLS}, permissions)

    def all(self, *args: str) -> dict:
        """The three panes by tool."""
        return {
            tool: self.agent(name, *args, tool=tool)
            for tool, name in zip(TOOLS, ("luna", "nova", "kira"))
        }

    def count(self, tool: str, name: str, message: int) -> int:
        """How often the agent's model has been shown the message, in its newest conversation."""
        requests = list(self.world.model.requests(tool=tool))
        return requests[-1].text.count(f"[hcom message #{message} ") if requests else 0

    def until_told(self, tool: str, name: str, message: int, timeout: float = 30) -> None:
        self.until(
            lambda: any(
                f"[hcom message #{message} " in r.text for r in self.world.model.requests(tool=tool)
            ),
            timeout,
        )


@requires(*TOOLS)
class OneRoom(unittest.TestCase):
    def room(self, permissions: Permissions = Permissions.FREE) -> Three:
        return entered(self, Three(permissions))

    def test_claude_asks_codex_answers_mid_turn_gemini_is_woken(self):
        room = self.room()
        panes = room.all()
        room.world.model.rule(
            r"\[hcom message #(\d+) from luna · request",
            r"RUN: hcom send @luna --reply-to \1 -- pong-\1",
        )
        panes["codex"].submit("RUN: sleep 5\nSAY: codex-over")
        room.until_status("kira", "active")
        panes["claude"].ask(
            "RUN: hcom send @kira --intent request -- ping\nRUN: sleep 8\n"
            "RUN: hcom send -- hello everyone\nSAY: claude-over"
        )
        room.world.model.until("pong-", 40, tool="claude")
        room.world.model.until("hello everyone", 40, tool="gemini")
        for name in ("luna", "nova", "kira"):
            room.until_status(name, "listening")
        sent = [
            json.loads(x)
            for x in room.hcom(
                "events", "--sql", "type = 'message' AND msg_from <> 'hcom'"
            ).splitlines()
        ]
        self.assertEqual(len(sent), 3)
        for event in sent:
            for tool, name in zip(TOOLS, ("luna", "nova", "kira")):
                told = name in event["data"]["delivered_to"]
                self.assertEqual(room.count(tool, name, event["id"]), int(told), (event, tool))

    def test_a_dialog_in_each_is_left_alone(self):
        room = self.room(Permissions.ASK)
        panes = room.all()
        precious = room.world.project("precious")
        for tool, pane in panes.items():
            pane.submit("RUN: rm -rf ../precious\nSAY: over")
            pane.until(DIALOGS[tool], 30)
        sent = [room.send(f"hello number {count}") for count in range(10)]
        room.considered("luna", "nova", "kira")
        for name, tool in zip(("luna", "nova", "kira"), TOOLS):
            with self.subTest(tool=tool):
                self.assertRegex(panes[tool].screen(), DIALOGS[tool])
                panes[tool].keys("Escape")
                room.until_told(tool, name, sent[-1], 60)
                self.assertEqual([room.count(tool, name, i) for i in sent], [1] * 10)
                self.assertTrue(precious.exists())

    def test_two_that_edit_one_file_are_both_told(self):
        room = self.room()
        # a model that has apply_patch as a tool: the shell's tells no hook that it is done
        with open(room.world.home / ".codex/config.toml", "a", encoding="utf-8") as config:
            config.write('[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"\n')
        panes = {
            "claude": room.agent("luna"),
            "codex": room.agent("kira", "-m", "gpt-5.5", tool="codex"),
        }
        path = room.world.project("shared") / "a.txt"
        panes["codex"].submit(f"WRITE: {path} one\nRUN: sleep 15\nSAY: over")
        room.until(path.exists)
        panes["claude"].submit(f"READ: {path}\nWRITE: {path} two\nRUN: sleep 5\nSAY: over")
        for tool in ("claude", "codex"):
            told = room.world.model.until(
                lambda request: "from hcom" in request.fresh and "a.txt" in request.fresh,
                40,
                tool=tool,
            )
            self.assertIn("[hcom message #", told.fresh)

    def test_a_subscription_wakes_its_owner(self):
        room = self.room()
        panes = room.all()
        room.hcom("events", "sub", "idle:nova", "--once", "--for", "luna")
        room.hcom("events", "sub", 'cmd:"git commit"', "--for", "luna")
        panes["gemini"].submit("RUN: echo git commit\nSAY: over")
        panes["codex"].submit("RUN: echo git commit\nSAY: over")
        for words in ("idle:nova", "nova", "kira"):
            room.world.model.until(
                lambda request: "from hcom" in request.text and words in request.text,
                40,
                tool="claude",
            )

    def test_esc_ends_a_turn_in_each(self):
        room = self.room()
        for tool, pane in room.all().items():
            pane.submit("RUN: sleep 60")
            name = dict(zip(TOOLS, ("luna", "nova", "kira")))[tool]
            room.until_status(name, "active")
            pane.until("esc to (interrupt|cancel)")
            pane.keys("Escape")
            with self.subTest(tool=tool):
                room.until_status(name, "listening")

    def test_a_draft_in_each_box_stays(self):
        room = self.room()
        panes = room.all()
        for tool, pane in panes.items():
            pane.text("my draft")
            pane.until(BOXES[tool].format(draft="my draft"))
        sent = room.send("are you there")
        room.until_told("claude", "luna", sent)
        room.considered("luna", "nova", "kira")
        for name, tool in zip(("luna", "nova", "kira"), TOOLS):
            with self.subTest(tool=tool):
                self.assertRegex(panes[tool].screen(), BOXES[tool].format(draft="my draft"))
                self.assertFalse(
                    [r for r in room.world.model.requests(tool=tool) if "my draft" in r.fresh]
                )
        for name, tool in (("nova", "gemini"), ("kira", "codex")):
            panes[tool].keys("Enter")  # the person sends it: the message comes with that turn
            room.until_told(tool, name, sent)

    def test_any_text_reaches_each_model_verbatim(self):
        room = self.room()
        panes = room.all()
        sent = room.send(HOSTILE + "\n" + "x" * 3000, "@luna", "@nova", "@kira")
        del panes
        for name, tool in zip(("luna", "nova", "kira"), TOOLS):
            with self.subTest(tool=tool):
                room.until_told(tool, name, sent)
                request = next(
                    r
                    for r in room.world.model.requests(tool=tool)
                    if f"[hcom message #{sent} " in r.text
                )
                text = request.text.replace("&lt;", "<").replace("&gt;", ">")
                self.assertIn(HOSTILE, text)
                self.assertIn("x" * 3000, text)
                self.assertFalse((room.world.project(f"p-{name}") / "pwned").exists())
        long = room.send("@luna @nova @kira " + "y" * 100_000)
        for name, tool in zip(("luna", "nova", "kira"), TOOLS):
            with self.subTest(tool=tool):
                room.until_told(tool, name, long)
                request = next(
                    r
                    for r in room.world.model.requests(tool=tool)
                    if f"[hcom message #{long} " in r.text
                )
                self.assertTrue(
                    "y" * 100_000 in request.text or f"hcom events --message {long}" in request.text
                )


@requires(*TOOLS)
class Elsewhere(unittest.TestCase):
    """Commands where no process of the clients can be seen: in another process-id namespace, and in
    Codex's own sandbox."""

    def test_nothing_changes_and_all_mail_arrives(self):
        if not counting():
            self.skipTest("no process-id namespace to be had")
        room = entered(self, Three(Permissions.STOCK))
        panes = room.all()
        alone = room.world.claude("a1")
        alone.ask("RUN: hcom start\nSAY: joined-ok")
        room.until(lambda: len(room.agents()) == len(TOOLS) + 1)
        self.idle(room)
        names = {agent["name"]: agent["tool"] for agent in room.agents()}
        within = [*counting(), "--mount-proc", "hcom"]
        listed = room.world.run([*within, "list"]).stdout
        self.assertEqual(
            re.findall(r"^(.) \w+ +\w+ +(\w+)", listed, re.M), [("◉", "listening")] * 4
        )
        self.assertEqual(room.world.run([*within, "status"]).returncode, 0)
        for name in names:
            done = room.world.run([*within, "send", "--from", "ci", f"@{name} from-a-namespace"])
            self.arrived(room, done.stdout)
        lines = [
            f"RUN: echo from-a-sandbox | hcom send @{name} --stdin | cat"
            for name, tool in names.items()
            if tool != "codex"
        ]
        looks = "RUN: hcom list | cat; hcom status | cat"
        asked = panes["codex"].ask("\n".join([looks, *lines, "SAY: all-sent"]))
        panes["codex"].until("^• all-sent$", 60)
        heard = [r.fresh for r in room.world.model.requests(tool="codex") if r.t > asked.t]
        [listed] = [said for said in heard if "◉" in said]
        self.assertNotIn("○", listed)
        sent = [said for said in heard if "sent #" in said]
        self.assertEqual(len(sent), len(lines))
        for said in sent:
            self.arrived(room, said)
        self.idle(room)

    def idle(self, room: Three) -> None:
        """Each is, as it says from outside, has read its mail, and nothing failed."""
        wanted = ("listening", 0, "")
        keys = ("status", "unread", "wake_failure")
        room.until(lambda: {tuple(a[k] for k in keys) for a in room.reported()} == {wanted})

    def arrived(self, room: Three, said: str) -> None:
        """The message that was sent is with a model, once in its conversation."""
        mark = f"[hcom message #{re.search(r'sent #([0-9]+)', said)[1]} "
        room.until(lambda: any(mark in r.text for r in room.world.model.requests()), 40)
        newest = {r.session: r.text for r in room.world.model.requests()}
        self.assertEqual(sum(text.count(mark) for text in newest.values()), 1)


if __name__ == "__main__":
    unittest.main()
