"""Recorded screens with a piece of a recorded dialog, or a sign of work, drawn into them: none is
told idle and empty. What is drawn is drawn by a seed; a failure names it.
"""

import copy
import gzip
import json
import os
import random
import re
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hcom.adapters.claude import screen as claude
from hcom.adapters.codex import screen as codex
from hcom.adapters.front import Look
from hcom.adapters.gemini import screen as gemini
from hcom.bus.client import EMPTY, IDLE
from hcom.pty.screen import Screen

DATA = Path(__file__).parent / "data"
COUNT = int(os.environ.get("HCOM_TEST_MUTANTS", "400"))  # of each client
# What of a dialog takes keys, or says which: one such line at least is in a piece.
TELLING = re.compile(r"[●›❯]\s+\d+\. |Press Esc to close|Press enter to|esc back")


class Client(NamedTuple):
    """How a client is looked at, its recordings, its signs of work and of being idle."""

    look: Callable[[Screen], Look]
    recordings: tuple[str, ...]
    signs: tuple[str, ...]
    idle: tuple[str, ...]


CLIENTS = {
    "claude": Client(
        claude.look,
        ("claude/screens/*.gz",),
        ("✢ Inferring… (esc to interrupt)", "· Determining… (esc to interrupt · 3s)"),
        ("\x1b]0;✳ Claude Code\x07",),
    ),
    "gemini": Client(
        gemini.look,
        ("gemini/screens/*.gz", "pty/gemini-*.gz"),
        (" ⠙ Thinking... (esc to cancel, 0s)", " ⠏ Executing Hook: x (esc to cancel, 8s)"),
        ("\x1b]0;◇  Ready (x)\x07",),
    ),
    "codex": Client(
        codex.look,
        ("pty/codex-*.gz",),
        ("• Working (0s • esc to interrupt)",),
        ("\x1b]7501;state=idle:app=codex\x1b\\", "\x1b]7501;state=done:app=codex\x1b\\"),
    ),
}


def recorded(path: Path) -> Screen:
    told = path.with_suffix(".json")
    size = json.loads(told.read_text()) if told.exists() else {"cols": 100, "rows": 30}
    screen = Screen(size["cols"], size["rows"])
    screen.feed(gzip.decompress(path.read_bytes()))
    return screen


def drawn(screen: Screen, row: int, lines: list[str]) -> None:
    """These lines stand on the screen from that row on; its cursor is where it was."""
    column, line = screen.cursor
    text = "".join(f"\x1b[{row + n + 1};1H\x1b[0m{one}\x1b[K" for n, one in enumerate(lines))
    screen.feed(f"{text}\x1b[{line + 1};{column + 1}H".encode())


class Mutants(unittest.TestCase):
    def screens(self, client: Client) -> tuple[list, list]:
        """Those that are idle and empty, and the lines of each dialog."""
        idle, dialogs = [], []
        for pattern in client.recordings:
            for path in sorted(DATA.glob(pattern)):
                screen = recorded(path)
                look = client.look(screen)
                lines = screen.lines()
                if look[:2] == (IDLE, EMPTY):
                    idle.append((path.stem, screen))
                elif look.client == "blocked" and any(map(TELLING.search, lines)):
                    dialogs.append((path.stem, lines))
        self.assertGreater(min(len(idle), len(dialogs)), 2)
        return idle, dialogs

    def each(self):
        """A seed's random choices, and a screen that is idle and empty."""
        for tool, client in CLIENTS.items():
            idle, dialogs = self.screens(client)
            for seed in range(COUNT):
                chance = random.Random(seed)
                name, base = chance.choice(idle)
                screen = copy.deepcopy(base)
                screen.feed(chance.choice(client.idle).encode())
                yield client, chance, screen, dialogs, f"{tool} {seed}: {name}"

    def test_a_dialog_below_a_box(self):
        for client, chance, screen, dialogs, said in self.each():
            name, lines = chance.choice(dialogs)
            telling = chance.choice([n for n, one in enumerate(lines) if TELLING.search(one)])
            first = chance.randrange(screen.cursor[1] + 2, screen.rows)
            room = screen.rows - first
            begin = max(0, telling - chance.randrange(room))
            drawn(screen, first, lines[begin : max(telling + 1, begin + chance.randrange(room))])
            shown = "\n".join(screen.lines())
            look = client.look(screen)
            self.assertNotEqual(look[:2], (IDLE, EMPTY), f"{said}, {name}\n{shown}")

    def test_a_sign_of_work_above_a_box(self):
        for client, chance, screen, _, said in self.each():
            tops = ("▀▀",) if "0.27" in said else ("──", "╭──", "› ")
            box = [y for y, line in enumerate(screen.lines()) if line.startswith(tops)][-1]
            drawn(screen, box - 1, [chance.choice(client.signs)])
            shown = "\n".join(screen.lines())
            self.assertNotEqual(client.look(screen).client, IDLE, f"{said}\n{shown}")


if __name__ == "__main__":
    unittest.main()
