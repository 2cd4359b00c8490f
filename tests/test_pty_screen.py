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


class Transitions(unittest.TestCase):
    """Each class of bytes in each state of the parser (vt100.net/emu/dec_ansi_parser), on 10
    columns and 4 rows: what xterm 379 prints of its page, and where its cursor stands."""

    TABLE = [
        ('ground, CAN and SUB', b'a\x18b\x1ac', 'abc', (3, 0)),
        ('ground, DEL and NUL', b'a\x7fb\x00c', 'abc', (3, 0)),
        ('escape, C0', b'\x1b\nEx', '||x', (1, 2)),
        ('escape, BEL', b'\x1b\x07Ex', '|x', (1, 1)),
        ('escape, DEL', b'\x1b\x7fEx', '|x', (1, 1)),
        ('escape, CAN', b'\x1b\x18[2Cx', '[2Cx', (4, 0)),
        ('escape, SUB', b'\x1b\x1a[2Cx', '[2Cx', (4, 0)),
        ('escape, ESC', b'\x1b\x1b[2Cx', '  x', (3, 0)),
        ('escape, C0 and ESC', b'\x1b\x1b\n\x1b[2Cx', '|  x', (3, 1)),
        ('escape, not ASCII', b'\x1b\xc3\xa9Ex', 'Ex', (2, 0)),
        ('escape, C0 before a sequence', b'a\x1b\x08[2Cx', 'a x', (3, 0)),
        ('escape, C0 before a string', b'a\x1b\x08]2;t\x07x', 'x', (1, 0)),
        ('escape, unknown', b'\x1b~x\x1bFx', 'xx', (2, 0)),
        ('between, C0', b'\x1b(\n0q', '|─', (1, 1)),
        ('between, DEL', b'\x1b(\x7f0q', '─', (1, 0)),
        ('between, CAN', b'\x1b(\x180q', '0q', (2, 0)),
        ('between, ESC', b'\x1b(\x1b)0q\x0eq', 'q─', (2, 0)),
        ('between, more of it', b'\x1b( "0qx', 'qx', (2, 0)),
        ('between, not ASCII', b'\x1b(\xc3\xa90q', '0q', (2, 0)),
        ('CSI, C0', b'ab\x1b[\x082Cx', 'ab x', (4, 0)),
        ('CSI, LF', b'a\x1b[\n2Cx', 'a|   x', (4, 1)),
        ('CSI, CAN', b'\x1b[\x18a', 'a', (1, 0)),
        ('CSI, SUB', b'\x1b[\x1aa', 'a', (1, 0)),
        ('CSI, ESC', b'\x1b[\x1b[2Cx', '  x', (3, 0)),
        ('CSI, DEL', b'\x1b[\x7f2Cx', '  x', (3, 0)),
        ('CSI, space', b'\x1b[ 2Cx', 'x', (1, 0)),
        ('CSI, not ASCII', b'\x1b[\xc3\xa92Cx', '2Cx', (3, 0)),
        ('parameters, C0', b'ab\x1b[2\x083Hx', 'ab|||x', (1, 3)),
        ('parameters, CR', b'abc\x1b[1\r2Cx', 'abc      x', (9, 0)),
        ('parameters, CAN', b'\x1b[12\x18a', 'a', (1, 0)),
        ('parameters, SUB', b'\x1b[12\x1aa', 'a', (1, 0)),
        ('parameters, ESC', b'\x1b[12;\x1b[2Ca', '  a', (3, 0)),
        ('parameters, another escape', b'\x1b[12;\x1bEa', '|a', (1, 1)),
        ('parameters, a string', b'\x1b[12;\x1b]2;t\x07a', 'a', (1, 0)),
        ('parameters, a prefix again', b'\x1b[2<Cx\x1b[2?Cy', 'xy', (2, 0)),
        ('parameters, two prefixes', b'\x1b[??25lx\x1b[>?3Cy', 'xy', (2, 0)),
        ('parameters, colons', b'\x1b[2;3:4Hx\x1b[2:Cy', 'xy', (2, 0)),
        ('parameters, none', b'\x1b[;Hx\x1b[;5Hy\x1b[3;Hz', 'x   y||z', (1, 2)),
        ('parameters, too large', b'\x1b[99999999999Cx\x1b[4294967299Hy', '         x|||y', (1, 3)),
        ('parameters, not ASCII', b'\x1b[1\xe6\xbc\xa2Cx', 'Cx', (2, 0)),
        ('intermediates', b'\x1b[2!Cx', 'x', (1, 0)),
        ('intermediates, C0', b'ab\x1b[! \x082Cx\x1b[!\x08py', 'ay', (2, 0)),
        ('intermediates, CAN', b'\x1b[2!\x18Cx', 'Cx', (2, 0)),
        ('intermediates, ESC', b'\x1b[2!\x1b[3Cx', '   x', (4, 0)),
        ('intermediates, a parameter', b'\x1b[2 3Cx\x1b[ 1 2Hy', 'xy', (2, 0)),
        ('intermediates, many', b'\x1b[2!!!!!Cx', 'x', (1, 0)),
        ('ignored, C0', b'ab\x1b[2<\x081Cx', 'ax', (2, 0)),
        ('ignored, CAN', b'\x1b[2<1\x18Cx', 'Cx', (2, 0)),
        ('ignored, ESC', b'\x1b[2<1\x1b[Cx', ' x', (2, 0)),
        ('ignored, any final', b'\x1b[1<2mx\x1b[1<~y\x1b[1<@z', 'xyz', (3, 0)),
        ('DCS', b'\x1bP1;2|abc\x1b\\x', 'x', (1, 0)),
        ('DCS, C0', b'\x1bPab\ncd\re\x1b\\x', 'x', (1, 0)),
        ('DCS, BEL', b'\x1bPab\x07cd\x1b\\x', 'x', (1, 0)),
        ('DCS, CAN', b'\x1bPab\x18x', 'x', (1, 0)),
        ('DCS, SUB', b'\x1bP1;2\x1ax', 'x', (1, 0)),
        ('DCS, ESC', b'\x1bPab\x1b[2Cx', '  x', (3, 0)),
        ('DCS, not ASCII', b'\x1bPq\xe6\xbc\xa2\x1b\\x', 'x', (1, 0)),
        ('DCS, empty', b'\x1bP\x1b\\x', 'x', (1, 0)),
        ('OSC, C0', b'\x1b]9;a\nb\rc\x1b\\x', 'x', (1, 0)),
        ('OSC, BEL', b'\x1b]9;ab\x07x', 'x', (1, 0)),
        ('OSC, CAN', b'\x1b]9;ab\x18x', 'x', (1, 0)),
        ('OSC, SUB', b'\x1b]9;ab\x1ax', 'x', (1, 0)),
        ('OSC, ESC', b'\x1b]9;ab\x1b[2Cx', '  x', (3, 0)),
        ('OSC, another', b'\x1b]9;ab\x1bEx', '|x', (1, 1)),
        ('OSC, empty', b'\x1b]\x07a\x1b]\x1b\\x', 'ax', (2, 0)),
        ('SOS', b'\x1bXab\ncd\x07\x1b\\x', 'x', (1, 0)),
        ('PM', b'\x1b^ab\ncd\x07\x1b\\x', 'x', (1, 0)),
        ('APC', b'\x1b_ab\ncd\x07\x1b\\x', 'x', (1, 0)),
        ('APC, CAN', b'\x1b_ab\x18x', 'x', (1, 0)),
        ('PM, ESC', b'\x1b^ab\x1b[2Cx', '  x', (3, 0)),
        ('ST alone', b'a\x1b\\b', 'ab', (2, 0)),
        ('repeat, a control', b'a\n\x1b[2bx', 'a| x', (2, 1)),
        ('repeat, a sequence', b'a\x1b[1m\x1b[2bx', 'ax', (2, 0)),
        ('repeat, a string', b'a\x1b]9;x\x07\x1b[2bx', 'ax', (2, 0)),
        ('repeat, twice', b'a\x1b[2b\x1b[2bx', 'aaax', (4, 0)),
        ('wrap, deleted lines', b'0123456789\x1b[Lx', 'x|0123456789', (1, 0)),
        ('wrap, erased', b'0123456789\x1b[Kx', '012345678x', (9, 0)),
        ('wrap, erased above', b'0123456789\x1b[1Jx', '         x', (9, 0)),
        ('wrap, inserted', b'0123456789\x1b[@x', '012345678x', (9, 0)),
        ('wrap, deleted', b'0123456789\x1b[Px', '012345678x', (9, 0)),
        ('wrap, a look and a place saved', b'0123456789\x1b[1m\x1b7x', '0123456789|x', (1, 1)),
        ('wrap switched off', b'0123456789\x1b[?7lx', '012345678x', (9, 0)),
        ('wrap switched on', b'\x1b[?7l0123456789\x1b[?7hx', '0123456789|x', (1, 1)),
        ('erase, no such', b'abc\x1b[9Kd\x1b[9J\x1b[33Kx', 'abcdx', (5, 0)),
        ('back to the main screen twice', b'abc\x1b[?1049lx', 'xbc', (1, 0)),
        ('alternate twice', b'a\x1b[?1049hb\x1b[?1049hc', '  c', (3, 0)),
        ('sets G2 and G3', b'\x1b*0\x1bnq\x1b+0\x1boq\x0fq', '──q', (3, 0)),
    ]  # fmt: skip
    # What SGR leaves dim of an x, on xterm 379.
    DIM = [
        ("38:2::255:0:0;2", True), ("38:2:1:2:3;2", True), ("38;2:1:2:3;2", True),
        ("38:5:2", False), ("38:5;2", True), ("38;5:2", False), ("38;5;2;2", True),
        ("38;2;1;2", False), ("48:2::2:2:2;4", False), ("58:2::2:2:2;2", True), ("58:5:2", False),
        ("4:2", False), ("4:3;2", True), ("2:3", False), ("2;0:1", True), ("2;22:1", True),
        ("2;22", False), (";2", True), ("2;", False), ("0002", True),
    ]  # fmt: skip

    def test_as_xterm(self):
        for name, data, rows, cursor in self.TABLE:
            with self.subTest(name):
                screen = shown(data)
                self.assertEqual("|".join(screen.lines()).rstrip("|"), rows)
                self.assertEqual(screen.cursor, cursor)

    def test_dim(self):
        for numbers, dim in self.DIM:
            with self.subTest(numbers):
                self.assertEqual(shown(f"\x1b[{numbers}mx").cells(0)[0], ("x", dim))

    def test_titles_that_are_cut_are_none(self):
        table = [("new\x18", "old"), ("new\x1a", "old"), ("new\x1bE", "old"), ("new\x07", "new"),
                 ("new\x1b\\", "new"), ("ne\x1b]2;w\x07", "w")]  # fmt: skip
        for end, title in table:
            with self.subTest(end):
                self.assertEqual(shown(f"\x1b]2;old\x07\x1b]2;{end}").title, title)


class Chunks(unittest.TestCase):
    """Where the output is cut into reads makes no difference, and little is kept of what is not
    whole."""

    def state(self, *chunks: bytes) -> tuple:
        screen = Screen(10, 4)
        for chunk in chunks:
            screen.feed(chunk)
        cells = [screen.cells(y) for y in range(4)]
        return cells, screen.cursor, screen.title, screen.state

    def test_split_at_every_byte(self):
        table = [data for _, data, *_ in Drawing.TABLE + Transitions.TABLE]
        for text in table:
            data = text.encode() if isinstance(text, str) else text
            with self.subTest(data):
                whole = self.state(data + b"\x18\x1b[mend")
                for at in range(1, len(data) + 1):
                    cut = self.state(data[:at], data[at:] + b"\x18\x1b[mend")
                    self.assertEqual(cut, whole, at)
                single = [bytes([byte]) for byte in data]
                self.assertEqual(self.state(*single, b"\x18\x1b[mend"), whole)

    def test_split_anywhere_in_junk(self):
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        alphabet = b"\x1b\x1b\x1b\x1b[[]]P_?;:0129hlmHJKCrbc!( \n\r\b\x07\x18\x1a\x7f\\"
        alphabet += "漢\u0301abé".encode()
        for turn in range(300):
            data = bytes(chance.choices(alphabet, k=60))
            at = sorted(chance.choices(range(60), k=3))
            cuts = [data[a:b] for a, b in zip([0, *at], [*at, 60])]
            with self.subTest(seed=seed, turn=turn, data=data, at=at):
                self.assertEqual(self.state(*cuts), self.state(data))

    def test_strings_of_any_length(self):
        """A clipboard and pictures: swallowed whole, in one read or in many."""
        for opener, end in ((b"]52;c;", b"\x07"), (b"]1337;File=", b"\x1b\\"), (b"Pq", b"\x1b\\"),
                            (b"_Gf=100;", b"\x1b\\"), (b"^", b"\x1b\\"), (b"X", b"\x1b\\"),
                            (b"]2;", b"\x18"), (b"P", b"\x1a")):  # fmt: skip
            data = b"a\x1b" + opener + b"A" * 70_000 + end + b"x"
            for size in (len(data), 4096, 70_007):
                with self.subTest(opener, size=size):
                    cuts = [data[at : at + size] for at in range(0, len(data), size)]
                    self.assertEqual(self.state(*cuts), self.state(b"ax"))

    def test_little_is_kept(self):
        for begun in (b"\x1b]2;", b"\x1bP", b"\x1b[", b"\x1b(", b"\x1b[?"):
            for more in (b"1", b";", b"!", b"\n", b"1\b"):
                screen = Screen(10, 4)
                for _ in range(60):
                    screen.feed(begun + more * 1000)
                    begun = b""
                with self.subTest(more):
                    self.assertLess(len(screen.parser.restart()), 20_000)

    def test_a_sequence_without_end(self):
        """It does the same whether it comes in one read or not."""
        for end in (b"C", b"!p", b"m", b"\x18", b"\x1b[C"):
            data = b"\x1b[" + b"2" * 40_000 + end + b"x"
            with self.subTest(end):
                self.assertEqual(self.state(data[:20_000], data[20_000:]), self.state(data))


class Junk(unittest.TestCase):
    def test_any_bytes(self):
        """Nothing raises, no row changes its length, the cursor stays inside."""
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        alphabet = b"\x1b\x1b\x1b[[]?;;0123459hlmHJKABCDLMPX@STrbcsu78()#\n\r\t\b\x07\x0e"
        alphabet += "漢\u0301ab\x18:!P_\\".encode()
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

    def test_a_frame_that_is_drawn_again_is_no_change(self):
        frame, other = (f"\x1b[?2026h\x1b[2;2H{text}\x1b[?2026l".encode() for text in "ab")
        table = (
            ([frame, frame, frame], 0),
            ([frame, other, frame], 2),
            ([frame, frame, b"a"], 2),
            ([b"a", b"a"], 1),
            ([b"\x1b[?2026ha", b"\x1b[?2026ha"], 1),
        )
        for written, changed_at in table:
            with self.subTest(written):
                mirror = Mirror(40, 5)
                for now, data in enumerate(written):
                    mirror.feed(data, now)
                self.assertEqual(mirror.changed_at, changed_at)

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

    def test_a_string_of_megabytes_hides_nothing(self):
        """A picture or a clipboard, looked at in its midst or not."""
        for opener, end in ((b"]52;c;", b"\x07"), (b"Pq", b"\x1b\\"), (b"_Gf=100;", b"\x1b\\")):
            for looked in (False, True):
                with self.subTest(opener, looked=looked):
                    mirror = Mirror(60, 5)
                    self.flood(mirror, BURST)
                    mirror.feed(b"\x1b[2J\x1b[Hbefore\x1b" + opener, 1.0)
                    for n in range(4 * LIMIT // 4096):
                        mirror.feed(b"A" * 4096, 1.0)
                        if looked and n % 100 == 0:
                            self.assertEqual(mirror.screen.lines()[0], "before")
                    mirror.feed(end + b", behind", 1.0)
                    self.assertFalse(mirror.screen.unknown)
                    self.assertEqual(mirror.screen.lines(), ["before, behind", "", "", "", ""])

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
