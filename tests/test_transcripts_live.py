"""What real clients record of their sessions, as `hcom transcript` shows it, and to each other."""

import json
import os
import unittest

from tests import test_gemini_live
from tests.rig.clients import requires
from tests.rig.room import Room, entered
from tests.rig.settings import Permissions
from tests.rig.world import World

TOOLS = ("claude", "gemini", "codex")
# How its answers begin, the names of its tools for a command and a new file, what it says of Esc.
SIGNS = {
    "claude": ("●", "Bash", "Write", "Interrupted"),
    "gemini": ("✦", "run_shell_command", "write_file", "Request cancelled"),
    "codex": ("•", "exec_command", "exec_command", "interrupted"),
}
LONG_S = test_gemini_live.LONG_S


class Talkers(Room):
    """Agents of any tools, known by the folders of their panes."""

    patience = LONG_S

    def __init__(self, *tools: str, permissions: Permissions = Permissions.FREE):
        self.world = World({tool: tool for tool in tools}, permissions)
        self.panes: dict = {}

    def begin(self, tool: str, pane: str) -> None:
        self.panes[pane] = tool, self.agent(pane, tool=tool)

    def is_called(self, key: str, agent: dict) -> bool:
        return agent["directory"] == str(self.folder(key))

    def name(self, pane: str) -> str:
        return self.until(lambda: self.agent_of(pane).get("name"))

    def ask(self, pane: str, prompt: str, answer: str = ""):
        """A prompt is submitted, and answered so; the request that it made."""
        tool, shown = self.panes[pane]
        asked = (test_gemini_live.ask if tool == "gemini" else type(shown).ask)(shown, prompt)
        if answer:
            shown.until(rf"^ *{SIGNS[tool][0]} *{answer}", LONG_S)
            self.until_status(pane, "listening")
        return asked

    def transcript(self, pane: str) -> list[dict]:
        told = self.hcom("transcript", "@" + self.name(pane), "--json", "--detailed")
        return [json.loads(line) for line in told.splitlines()]


class Recorded(unittest.TestCase):
    """Each client in a session of its own."""

    def recorded(self, tool: str) -> None:
        _, shell, writes, off = SIGNS[tool]
        room = entered(self, Talkers(tool))
        room.begin(tool, "luna")
        room.ask("luna", "RUN: cat missing\nWRITE: a.txt alpha\nSAY: first-ok", "first-ok")
        name = room.name("luna")
        sent = room.send(f"@{name} hello")
        room.world.model.until(f"[hcom message #{sent} ", LONG_S)
        room.until(lambda: room.transcript("luna")[-1]["assistant"] == "done")
        room.until_status("luna", "listening")
        loop = "touch begun; until [ -e never ]; do sleep 0.2; done"
        room.ask("luna", f"RUN: {loop}\nSAY: never said")
        room.until((room.folder("luna") / "begun").exists)
        pane = room.panes["luna"][1]
        pane.keys("Escape")
        pane.until(off, LONG_S)
        pane.settle()
        room.ask("luna", "SAY: last-ok", "last-ok")
        wanted = [
            ("user", "RUN: cat missing", [shell + "!", writes], ["a.txt"], "first-ok"),
            ("hcom", f"ci -> {name} #{sent}: @{name} hello", [], [], "done"),
            ("user", f"RUN: {loop}", [shell + "!"], [], ""),
            ("user", "SAY: last-ok", [], [], "last-ok"),
        ]
        room.until(lambda: len(room.transcript("luna")) == len(wanted))
        for number, (one, expected) in enumerate(zip(room.transcript("luna"), wanted), 1):
            tools = [tool["name"] + "!" * tool["is_error"] for tool in one["tools"]]
            files = [os.path.basename(file) for file in one["files"]]
            first = one["user"].partition("\n")[0]
            self.assertEqual((one["kind"], first, tools, files, one["assistant"]), expected)
            self.assertEqual(one["position"], number)

    @requires("claude")
    def test_claude(self):
        self.recorded("claude")

    @requires("gemini")
    def test_gemini(self):
        self.recorded("gemini")

    @requires("codex")
    def test_codex(self):
        self.recorded("codex")


@requires(*TOOLS)
class Reading(unittest.TestCase):
    def test_each_reads_anothers_unasked_in_its_sandbox(self):
        room = entered(self, Talkers(*TOOLS, permissions=Permissions.ASK))
        panes = dict(zip(TOOLS, ("luna", "nova", "kira")))
        for tool, pane in panes.items():
            room.begin(tool, pane)
            for number in (1, 2, 3):
                room.ask(pane, f"SAY: {tool}-{number}", f"{tool}-{number}")
        for tool, other in zip(TOOLS, TOOLS[1:] + TOOLS[:1]):
            command = f"hcom transcript @{room.name(panes[other])} 2-3"
            room.ask(panes[tool], f"RUN: {command}\nSAY: {tool}-read", f"{tool}-read")
            heard = room.world.model.until(lambda r: "exchange 2-3" in r.fresh, tool=tool)
            self.assertIn(f"SAY: {other}-2", heard.fresh)
            self.assertIn(f"{other}-3", heard.fresh)
            self.assertNotIn(f"{other}-1", heard.fresh)
