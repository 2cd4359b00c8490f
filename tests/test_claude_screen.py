"""What is read of the screens of Claude Codes that are woken by typing, by recordings of these."""

import gzip
import re
import unittest
from pathlib import Path

from hcom.adapters.base import WAKE_TEXT
from hcom.adapters.claude.screen import look
from hcom.adapters.front import Look
from hcom.pty.screen import Screen

SCREENS = Path(__file__).parent / "data" / "claude" / "screens"
RECORDED = {
    "idle after refused": Look("idle", "empty"),
    "busy": Look("busy", "empty"),
    "typed": Look("idle", "text", "half a thought"),
    "slash": Look("idle", "text", "/"),
    "wake": Look("idle", "text", WAKE_TEXT),
    "shell": Look("unknown", "unknown"),
    "approval trust config": Look("blocked", "unknown"),
}
# It goes on with its turn, in which the model hears of the refusal; and a panel that has a box.
OTHERWISE = {
    "1.0.128.refused": Look("busy", "empty"),
    "2.1.119.config": Look("unknown", "unknown"),
}
EMPTY_BOX = ("─" * 60, '> Try "fix lint errors"', "─" * 60)
RULE = "─" * 58
FOOTER = "  ? for shortcuts"


def shown(path: Path) -> Screen:
    screen = Screen(100, 30)
    screen.feed(gzip.decompress(path.read_bytes()))
    return screen


def drawn(*lines: str, title: str = "") -> Screen:
    screen = Screen(60, 12)
    screen.feed(f"\x1b]0;{title}\x07".encode() + "\r\n".join(lines).encode())
    return screen


class Screens(unittest.TestCase):
    def test_recorded(self):
        says = {state: said for states, said in RECORDED.items() for state in states.split()}
        paths = sorted(SCREENS.glob("*.gz"))
        self.assertGreater(len(paths), 20)
        for path in paths:
            version, state = path.stem.rsplit(".", 1)
            with self.subTest(version=version, state=state):
                self.assertEqual(look(shown(path)), OTHERWISE.get(path.stem, says[state]))

    def test_drawn(self):
        for lines, title, says in (
            ((*EMPTY_BOX, FOOTER), "", Look("idle", "empty")),
            ((*EMPTY_BOX, FOOTER), "✳ Claude Code", Look("idle", "empty")),
            ((*EMPTY_BOX, FOOTER), "⠐ Claude Code", Look("busy", "empty")),
            (("✢ Inferring… (esc to interrupt)", *EMPTY_BOX, FOOTER), "", Look("busy", "empty")),
            ((*EMPTY_BOX, f"{FOOTER} · esc to interrupt"), "", Look("busy", "empty")),
            (EMPTY_BOX, "", Look("unknown", "empty")),
            ((*EMPTY_BOX, FOOTER, "❯ 1. Yes"), "", Look("blocked", "unknown")),
            ((*EMPTY_BOX, FOOTER, "Enter to confirm"), "", Look("blocked", "unknown")),
            ((EMPTY_BOX[0], "> one", "  two", EMPTY_BOX[2]), "", Look("idle", "text", "one\ntwo")),
            ((EMPTY_BOX[0], EMPTY_BOX[2], FOOTER), "", Look("unknown", "unknown")),
            (
                (f"╭{RULE}╮", f"│\xa0>\xa0{' ' * 55}│", f"╰{RULE}╯", FOOTER),
                "",
                Look("idle", "empty"),
            ),
            ((f"╭{RULE}╮", f"│ > a{' ' * 54}│", f"╰{RULE}╯"), "", Look("idle", "text", "a")),
            ((f"╭{RULE}╮", f"│ Bash{' ' * 53}│", f"╰{RULE}╯"), "", Look("unknown", "unknown")),
            (("❯ 1. said", EMPTY_BOX[0], "> ", EMPTY_BOX[2], FOOTER), "", Look("idle", "empty")),
            ((FOOTER,), "", Look("unknown", "unknown")),
            (("❯ 1. Yes",), "", Look("blocked", "unknown")),
        ):
            with self.subTest(lines, title=title):
                self.assertEqual(look(drawn(*lines, title=title)), says)

    def test_no_piece_of_a_recording_shows_idle_and_empty_under_a_dialog(self):
        """While a dialog is being drawn the screen may be unclear, but never inviting."""
        for path in SCREENS.glob("*.approval.gz"):
            data = gzip.decompress(path.read_bytes())
            begin = re.search(rb"Bash(?: |\x1b\[1C)command", data).start()
            screen = Screen(100, 30)
            screen.feed(data[:begin])
            for at in range(begin, len(data), 7):
                screen.feed(data[at : at + 7])
                with self.subTest(path.stem, at=at):
                    self.assertNotEqual(look(screen)[:2], ("idle", "empty"))


if __name__ == "__main__":
    unittest.main()
