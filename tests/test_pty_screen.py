"""The screen model: what a person sees after these bytes.

The recordings in data/pty are what the real clients wrote, in a terminal of 100x30; beside each
stands the screen that tmux (3.3a) made of the same bytes, an independent judge. Made with the
end-to-end rig and the wrapper as recorder; only the random part of the folder's name is replaced.
"""

import gzip
import json
import os
import random
import re
import unittest
from pathlib import Path

from hcom.pty.grid import width
from hcom.pty.mirror import BATCH, BURST, KEPT, LIMIT, Mirror
from hcom.pty.screen import Screen

DATA = Path(__file__).parent / "data" / "pty"


def shown(data: bytes | str, cols: int = 10, rows: int = 4) -> Screen:
    screen = Screen(cols, rows)
    screen.feed(data.encode() if isinstance(data, str) else data)
    return screen


def recorded(name: str) -> tuple[bytes, dict]:
    with gzip.open(DATA / f"{name}.gz") as file:
        return file.read(), json.loads((DATA / f"{name}.json").read_text())


class Drawing(unittest.TestCase):
    """One sequence each, on 10 columns and 4 rows."""

    ROWS = "aaa\r\nbbb\r\nccc\r\nddd"
    TABLE = [
        ("text", "hello", ["hello"]),
        ("lines", "a\r\nb\nc", ["a", "b", " c"]),
        ("wrap", "0123456789ab", ["0123456789", "ab"]),
        ("no wrap until needed", "0123456789\r\nab", ["0123456789", "ab"]),
        ("wrap off", "\x1b[?7l0123456789ab", ["012345678b"]),
        ("backspace", "abc\b\bX", ["aXc"]),
        ("tab", "a\tb", ["a       b"]),
        ("tab at the edge", "a\tb\tc\x1b[Id", ["a       bd"]),
        ("tabs", "\x1b[Ia\x1b[2Zb", ["b       a"]),
        ("back tab", "a\tb\x1b[Zc", ["a       c"]),
        ("back tab between stops", "abc\x1b[Zd", ["dbc"]),
        ("scroll", "1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"]),
        ("up, down", "\x1b[2;2Hx\x1b[Ay\x1b[2Bz", ["  y", " x", "   z"]),
        ("left, right", "abcd\x1b[3Dw\x1b[2C.", ["awcd."]),
        ("position", "\x1b[3;4Hx\x1b[Hy", ["y", "", "   x"]),
        ("column, row", "\x1b[4Gx\x1b[3dy", ["   x", "", "    y"]),
        ("next, previous line", "ab\x1b[2Ec\x1b[Fd", ["ab", "d", "c"]),
        ("far away", "\x1b[99;99Hx\x1b[99A\x1b[99Dy", ["y", "", "", "         x"]),
        ("erase right", "abcdef\x1b[3G\x1b[K", ["ab"]),
        ("erase left", "abcdef\x1b[3G\x1b[1K", ["   def"]),
        ("erase line", "abcdef\x1b[2Kx", ["      x"]),
        ("erase below", ROWS + "\x1b[2;2H\x1b[J", ["aaa", "b"]),
        ("erase above", ROWS + "\x1b[2;2H\x1b[1J", ["", "  b", "ccc", "ddd"]),
        ("erase all", ROWS + "\x1b[2J.", ["", "", "", "   ."]),
        ("erase chars", "abcdef\x1b[2G\x1b[2X", ["a  def"]),
        ("insert chars", "abcdef\x1b[2G\x1b[2@", ["a  bcdef"]),
        ("delete chars", "abcdef\x1b[2G\x1b[2P", ["adef"]),
        ("insert mode", "abc\x1b[G\x1b[4hxy\x1b[4lz", ["xyzbc"]),
        ("insert lines", ROWS + "\x1b[2H\x1b[L", ["aaa", "", "bbb", "ccc"]),
        ("delete lines", ROWS + "\x1b[2H\x1b[2M", ["aaa", "ddd"]),
        ("region", ROWS + "\x1b[2;3r\x1b[3H\nx", ["aaa", "ccc", "x", "ddd"]),
        ("region backwards", ROWS + "\x1b[2;3r\x1b[2H\x1bMx", ["aaa", "x", "bbb", "ddd"]),
        ("region and origin", ROWS + "\x1b[2;3r\x1b[?6h\x1b[1;1Hx", ["aaa", "xbb", "ccc", "ddd"]),
        ("scroll up, down", ROWS + "\x1b[2S\x1b[T", ["", "ccc", "ddd"]),
        ("alternate and back", "main\x1b[?1049h\x1b[Halt\x1b[?1049l!", ["main!"]),
        ("alternate", "main\x1b[?1049h\x1b[Halt", ["alt"]),
        ("save, restore", "ab\x1b7\x1b[3;3Hx\x1b8c", ["abc", "", "  x"]),
        ("save, restore (CSI)", "ab\x1b[s\x1b[3;3Hx\x1b[uc", ["abc", "", "  x"]),
        ("repeat", "x\x1b[4b", ["xxxxx"]),
        ("line drawing", "\x1b(0lqk\x1b(Bq", ["┌─┐q"]),
        ("line drawing shifted", "\x1b)0\x0eq\x0fq", ["─q"]),
        ("reset", "abc\x1b[2;3r\x1b[4h\x1bcx", ["x"]),
        ("wide", "漢字x", ["漢字x"]),
        ("wide at the edge", "012345678漢", ["012345678", "漢"]),
        ("half of a wide overwritten", "漢字\x1b[2Gx", [" x字"]),
        ("the other half", "漢字\x1b[Gx", ["x 字"]),
        ("combining", "e\u0301x", ["e\u0301x"]),
        ("combining at the edge", "012345678e\u0301x", ["012345678e\u0301", "x"]),
        ("emoji with a joiner", "👩\u200d💻!", ["👩\u200d💻!"]),
        ("colours", "\x1b[1;38;2;7;2;2;48;5;2mx\x1b[my", ["xy"]),
        ("strings without a picture", "a\x1bPq#0\x1b\\b\x1b_Gi=1;AA\x1b\\c\x1b^x\x1b\\d", ["abcd"]),
        ("unknown sequences", "a\x1b[?2026h\x1b[>4;1m\x1b[5$pb\x1b=c\x1b#3d", ["abcd"]),
        ("bell and nulls", "a\x07\x00b", ["ab"]),
    ]

    def test_table(self):
        for name, data, lines in self.TABLE:
            with self.subTest(name):
                self.assertEqual(shown(data).lines(), (lines + [""] * 4)[:4])

    def test_split_anywhere(self):
        for name, data, lines in self.TABLE:
            with self.subTest(name):
                screen = Screen(10, 4)
                for byte in data.encode():
                    screen.feed(bytes([byte]))
                self.assertEqual(screen.lines(), (lines + [""] * 4)[:4])

    def test_dim(self):
        cells = shown("a\x1b[2mb漢\x1b[22;7mc\x1b[0md\x1b[38;2;2;2;2me\x1b[38;5;2mf").cells(0)
        self.assertEqual("".join(cell.text for cell in cells), "ab漢cdef  ")
        self.assertEqual([cell.text for cell in cells if cell.dim], ["b", "漢", ""])

    def test_cursor(self):
        table = [("", (0, 0)), ("ab", (2, 0)), ("0123456789", (9, 0)), ("\x1b[3;4H", (3, 2)),
                 ("漢", (2, 0)), ("\x1b[99;99H", (9, 3))]  # fmt: skip
        for data, cursor in table:
            with self.subTest(data):
                self.assertEqual(shown(data).cursor, cursor)

    def test_what_the_program_says(self):
        screen = shown(
            "\x1b]0;one\x07\x1b]2;two ✳\x1b\\\x1b]9;done\x07\x1b]777;notify;Gemini;ready\x07"
            "\x1b]7501;state=idle:app=codex\x1b\\\x1b]7501;?\x1b\\"
            "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"
        )
        self.assertEqual(screen.title, "two ✳")
        self.assertEqual(screen.state, "state=idle:app=codex")
        self.assertEqual(screen.lines()[0], "link")

    def test_width(self):
        for char, columns in (
            ("a", 1),
            ("─", 1),
            ("漢", 2),
            ("👩", 2),
            ("\u0301", 0),
            ("\u200d", 0),
        ):
            self.assertEqual(width(char), columns, char)

    def test_resize(self):
        screen = shown("1\r\n2\r\n3\r\n4 long one")
        screen.resize(6, 2)
        self.assertEqual(screen.lines(), ["3", "4 long"])
        self.assertEqual(screen.cursor, (5, 1))
        screen.resize(8, 3)
        screen.feed(b"\r\nx")
        self.assertEqual(screen.lines(), ["3", "4 long", "x"])


class Junk(unittest.TestCase):
    def test_any_bytes(self):
        """Nothing raises, no row changes its length, the cursor stays inside."""
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        alphabet = b"\x1b\x1b\x1b[[]?;;0123459hlmHJKABCDLMPX@STrbcsu78()#\n\r\t\b\x07\x0e"
        alphabet += "漢\u0301ab".encode()
        with self.subTest(seed=seed):
            screen = Screen(20, 6)
            for turn in range(300):
                screen.feed(bytes(chance.choices(alphabet, k=400)))
                screen.feed(chance.randbytes(200))
                if turn % 10 == 0:
                    screen.resize(chance.randint(1, 30), chance.randint(1, 12))
                if turn % 37 == 0:
                    screen.lose()
                x, y = screen.cursor
                self.assertTrue(0 <= x < screen.cols and 0 <= y < screen.rows)
                self.assertEqual(len(screen.lines()), screen.rows)
                for row in range(screen.rows):
                    self.assertEqual(len(screen.cells(row)), screen.cols)

    def test_a_string_without_end(self):
        screen = Screen(10, 4)
        for _ in range(40):
            screen.feed(b"\x1b]0;" + b"x" * 5000 if _ == 0 else b"x" * 5000)
        screen.feed(b"\x1b\\\x1b[2J\x1b[Hok")
        self.assertEqual(screen.lines()[0], "ok")

    def test_numbers_without_end(self):
        self.assertEqual(shown(b"\x1b[" + b"9" * 9000 + b"Cx").lines()[0], "         x")


class Clients(unittest.TestCase):
    """The recordings, against tmux and against what a person would say of them."""

    SIGNS = {
        "claude.idle": (r"\? for shortcuts", r"^❯", "✳"),
        "claude.typed": (r"^❯\s+half a thought$", r"manual mode on$", "✳"),
        "claude.busy": (r"esc to interrupt", r"^❯", "◐◑◓◒"),
        "claude.approval": (r"Do you want to proceed\?", r"❯ 1\. Yes", "✳"),
        "claude.refused": (r"\? for shortcuts", r"^❯", "✳"),
        "claude.trust": (r"Yes, I trust this folder", r"Enter to confirm", ""),
        "gemini.idle": (r"^ >\s+Type your message or @path/to/file", r"workspace", "◇"),
        "gemini.typed": (r"^ > half a thought$", r"workspace", "◇"),
        "gemini.busy": (r"esc to cancel", r"^ >\s+Type your message", "✦"),
        "gemini.approval": (r"Allow execution of \[Shell\]\?", r"● 1\. Allow once", "✋"),
        "gemini.trust": (r"Do you trust", r"● 1\. Trust folder", "◇"),
        "codex.idle": (r"^› Ask Codex to do anything", r"\? for shortcuts", "project"),
        "codex.typed": (r"^› half a thought$", r"project$", "project"),
        "codex.busy": (r"esc to interrupt", r"^› ", "⠙⠋⠹⠸⠼⠴⠦⠧⠇⠏"),
        "codex.approval": (r"Would you like to run", r"› 1\. Yes, proceed", "["),
        "codex.refused": (r"You canceled the request", r"^› Ask Codex to do anything", ""),
        "codex.trust": (r"Trust this folder\?", r"› 1\. Trust and continue", ""),
    }
    ALL = sorted(path.stem for path in DATA.glob("*.gz"))

    def test_the_screen_is_the_one_tmux_made(self):
        for name in self.ALL:
            data, judged = recorded(name)
            with self.subTest(name):
                screen = shown(data, judged["cols"], judged["rows"])
                wanted = judged["screen"] + [""] * (judged["rows"] - len(judged["screen"]))
                self.assertEqual("\n".join(screen.lines()), "\n".join(wanted))
                self.assertEqual(list(screen.cursor), judged["cursor"])
                self.assertFalse(screen.unknown)

    def test_each_is_told_apart(self):
        for name in self.ALL:
            data, judged = recorded(name)
            with self.subTest(name):
                sign, other, title = self.SIGNS[f"{name.split('-')[0]}.{name.split('.')[-1]}"]
                screen = shown(data, judged["cols"], judged["rows"])
                text = "\n".join(screen.lines())
                self.assertRegex(text, re.compile(sign, re.MULTILINE))
                self.assertRegex(text, re.compile(other, re.MULTILINE))
                self.assertTrue(not title or screen.title[:1] in title or screen.title == title)

    def test_codex_says_its_state(self):
        says = {"idle": "idle", "typed": "idle", "busy": "working", "approval": "blocked"}
        for name in (n for n in self.ALL if n.startswith("codex") and n.split(".")[-1] in says):
            data, judged = recorded(name)
            with self.subTest(name):
                found = shown(data, judged["cols"], judged["rows"]).state
                said = says[name.split(".")[-1]]
                self.assertTrue(found.startswith(f"state={said}:app=codex"), found)

    def test_codex_placeholder_is_dim_and_typed_text_is_not(self):
        for name in (n for n in self.ALL if re.match(r"codex.*\.(idle|typed)", n)):
            data, judged = recorded(name)
            screen = shown(data, judged["cols"], judged["rows"])
            y = next(y for y, line in enumerate(screen.lines()) if line.startswith("› "))
            dim = name.endswith(".idle")
            self.assertEqual({cell.dim for cell in screen.cells(y)[2:10]}, {dim}, name)

    def test_in_pieces_of_any_size(self):
        data, judged = recorded("codex-0.169.0.busy")
        whole = shown(data, judged["cols"], judged["rows"]).lines()
        for size in (1, 7, 4095):
            screen = Screen(judged["cols"], judged["rows"])
            for at in range(0, len(data), size):
                screen.feed(data[at : at + size])
            self.assertEqual(screen.lines(), whole)


class Losing(unittest.TestCase):
    """After a gap the screen says so, until it is right again."""

    TABLE = [
        ("nothing", "", True),
        ("text", "hello\r\nworld", True),
        ("a place", "\x1b[3;3Hx", True),
        ("erased, cursor somewhere", "\x1b[2Jx", True),
        ("erased and home", "\x1b[2J\x1b[Hx", False),
        ("home and erased", "\x1b[H\x1b[Jx", False),
        ("reset", "\x1bcx", False),
        ("alternate screen", "\x1b[?1049h\x1b[Hx", False),
        ("and back", "\x1b[?1049h\x1b[H\x1b[?1049l", True),
        ("all scrolled away", "line\r\n" * 8, False),
        ("nearly", "line\r\n" * 7, True),
        ("scrolled in a region", "\x1b[2;3r" + "line\r\n" * 20, True),
        ("up in between", "line\r\n" * 6 + "\x1b[2A" + "line\r\n" * 6, True),
    ]

    def test_table(self):
        for name, data, unknown in self.TABLE:
            with self.subTest(name):
                screen = shown("old text\r\n\x1b[2;3r\x1b[3;3H")
                screen.lose()
                screen.feed(data.encode())
                self.assertEqual(screen.unknown, unknown)

    def test_known_means_right(self):
        """Where it claims to know, it shows what a screen shows that saw everything."""
        before = "old\r\n" * 3 + "\x1b[2;2H"
        for name, data, unknown in self.TABLE:
            if unknown:
                continue
            with self.subTest(name):
                lost = shown("something else")
                lost.lose()
                lost.feed(data.encode())
                self.assertEqual(lost.lines(), shown(before + data).lines())


class Mirrored(unittest.TestCase):
    LINE = b"\x1b[32mline\x1b[m of a flood, some 40 bytes long\r\n"

    def flood(self, mirror: Mirror, size: int, now: float = 1.0) -> None:
        for _ in range(size // (len(self.LINE) * 100) + 1):
            mirror.feed(self.LINE * 100, now)

    def test_it_shows_what_a_screen_shows(self):
        mirror, screen = Mirror(40, 5), Screen(40, 5)
        for n in range(3000):
            data = f"\x1b[{n % 5 + 1};{n % 30}H{n} ".encode()
            mirror.feed(data, n / 100)
            screen.feed(data)
        self.assertEqual(mirror.screen.lines(), screen.lines())

    def test_a_flood_is_skipped_and_the_end_is_right(self):
        mirror = Mirror(60, 5)
        mirror.feed(b"\x1b]0;title\x07", 1.0)
        self.flood(mirror, 20 * LIMIT)
        mirror.feed(b"the end", 1.0)
        self.assertFalse(mirror.screen.unknown)
        self.assertEqual(mirror.screen.lines()[-1], "the end")
        self.assertEqual(mirror.screen.title, "title")

    def test_what_lasts_is_kept_from_a_flood(self):
        mirror = Mirror(60, 5)
        self.flood(mirror, LIMIT // 2)
        mirror.feed(b"\x1b]0;new\x07\x1b]7501;state=idle:app=codex\x07", 1.0)
        self.flood(mirror, 5 * LIMIT)
        screen = mirror.screen
        self.assertEqual(screen.title, "new")
        self.assertEqual(screen.state, "state=idle:app=codex")

    def test_a_flood_that_does_not_scroll_is_unknown(self):
        mirror = Mirror(60, 5)
        for _ in range(2 * LIMIT // 1000):
            mirror.feed(b"\x1b[2;2Hspinner" * 72, 1.0)
        self.assertTrue(mirror.screen.unknown)
        mirror.feed(b"\x1b[2J\x1b[Hfresh", 1.0)
        self.assertFalse(mirror.screen.unknown)

    def test_what_comes_slowly_is_never_skipped(self):
        """A spinner for a minute, which nobody looks at: 20 kB a second is drawn in passing."""
        mirror = Mirror(60, 5)
        mirror.feed(b"\x1b[4;1Hlast week's line", 0.0)
        for second in range(60):
            mirror.feed(b"\x1b[2;2Hspinner" * 1500, float(second))
        self.assertFalse(mirror.screen.unknown)
        self.assertEqual(mirror.screen.lines()[3], "last week's line")

    def test_memory_is_bounded(self):
        mirror = Mirror(60, 5)
        self.flood(mirror, 4 * LIMIT)
        self.assertLessEqual(sum(map(len, mirror._waiting)), LIMIT)
        self.assertLess(KEPT + BATCH + BURST, LIMIT)


if __name__ == "__main__":
    unittest.main()
