"""What is typing, when a sequence is whole, and which modes a dead program leaves on: tables."""

import os
import random
import unittest

from hcom.pty.keys import PASTE_S, QUIET_S, RUSH_S, Keys
from hcom.pty.modes import Modes


class KeysTable(unittest.TestCase):
    """What counts as typing, and when a sequence is whole."""

    TYPED = [
        b"a", b"\r", b"\x03", "é漢".encode(), b"\x1b", b"\x1b\x1b", b"\x1bx", b"\x1b\x1bx",
        # Alt and what else begins a sequence
        b"\x1b[", b"\x1bO", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1bX", b"\x1b^", b"\x1b]hello",
        b"\x1bPhello", b"\x1bM", b"\x1bI", b"\x1b\x7f", b"\x1b\r",
        # cursor and function keys, plain and modified; F3 of xterm looks like a cursor's place
        b"\x1b[A", b"\x1bOA", b"\x1bOP", b"\x1bO2P", b"\x1b[1;5A", b"\x1b[1;2P", b"\x1b[1;2R",
        b"\x1b[1;5R", b"\x1b[1;16R", b"\x1b[1;2S", b"\x1b[13;2~", b"\x1b[3~", b"\x1b[3;5~",
        b"\x1b[H", b"\x1b[F", b"\x1b[Z", b"\x1b[E", b"\x1b\x1b[A", b"\x1b[[A", b"\x1b[a",
        b"\x1b[23$", b"\x1b[2^", b"\x1b[25~",
        # kitty's and xterm's other keys: presses, repeats, releases, text
        b"\x1b[97u", b"\x1b[97;5u", b"\x1b[13u", b"\x1b[27;2u", b"\x1b[97;1:3u",
        b"\x1b[97:65;2;65u",
        b"\x1b[57441;2u", b"\x1b[1;1:3A", b"\x1b[27;5;13~",
        # pastes, also of what looks like a report
        b"\x1b[200~hi\x1b[201~", b"\x1b[200~\x1b[201~", b"\x1b[200~\x1b[I\x1b[201~",
        b"\x1b[200~\x1b]11;rgb\x1b[201~",
    ]  # fmt: skip
    REPORTS = [
        b"\x1b[I", b"\x1b[O",  # focus
        b"\x1b[M !!", b"\x1b[M#\xe8\xff", b"\x1b[MCab", b"\x1b[M\x20\x00!", b"\x1b[<0;10;10M",
        b"\x1b[<35;1;2m",
        b"\x1b[32;10;20M", b"\x1b[96;200;50M",  # mouse
        b"\x1b[?62;22c", b"\x1b[?1;2c", b"\x1b[>0;276;0c", b"\x1b[>41;379;0c",
        b"\x1bP!|00000000\x1b\\",
        b"\x1b[0n", b"\x1b[3n", b"\x1b[?13n", b"\x1b[?997;1n", b"\x1b[12;40R", b"\x1b[1;1R",
        b"\x1b[24;2R", b"\x1b[1;80R", b"\x1b[?12;40R", b"\x1b[?1;2;1R", b"\x1b[2;1;1;120;120;1;0x",
        b"\x1b[?2026;2$y", b"\x1b[4;2$y", b"\x1b[8;24;80t", b"\x1b[4;600;800t",
        b"\x1b[48;24;80;600;800t",
        b"\x1b[?0u", b"\x1b[?31u", b"\x1b[>4;2m", b"\x1b[?4m", b"\x1b[?1;0;256S",
        b"\x1b[1;1;5;6;1&w",
        b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1b]10;rgb:f/f/f\x07", b"\x1b]4;1;rgb:ff/00/00\x07",
        b"\x1b]52;c;aGk=\x1b\\", b"\x1b]7501;?\x1b\\", b"\x1b]lname\x1b\\", b"\x1b]Lname\x1b\\",
        b"\x1b]11;rgb:00\x18", b"\x1b]52;c;" + b"QUFB" * 50_000 + b"\x07",
        b"\x1bP>|xterm(379)\x1b\\", b"\x1bP1$r0m\x1b\\", b"\x1bP0$r\x1b\\",
        b"\x1bP1+r544e=787465\x1b\\",
        b"\x1bP@kitty-cmd{}\x1b\\", b"\x1b_Gi=31;OK\x1b\\",
    ]  # fmt: skip

    def test_typed(self):
        """Each, cut into reads anywhere."""
        for data, typed in [(d, True) for d in self.TYPED] + [(d, False) for d in self.REPORTS]:
            expected = 5.0 if typed else float("-inf")
            for at in range(min(len(data), 40)):
                with self.subTest(data[:40], at=at):
                    keys = Keys()
                    keys.feed(data[:at], 5.0)
                    keys.feed(data[at:], 5.0)
                    self.assertEqual(keys.typed_at, expected)
            keys = Keys()
            for byte in data[:200] + data[-200:]:
                keys.feed(bytes([byte]), 5.0)
            self.assertEqual(keys.typed_at, expected, data[:40])

    def test_many_at_once(self):
        """Any reports behind each other, cut into reads anywhere, are no typing; one key is."""
        seed = int.from_bytes(os.urandom(4), "big")
        chance = random.Random(seed)
        short = [report for report in self.REPORTS if len(report) < 100]
        for turn in range(200):
            reports = b"".join(chance.choices(short, k=4))
            cut = sorted(chance.choices(range(len(reports)), k=4))
            keys = Keys()
            with self.subTest(seed=seed, turn=turn, data=reports, cut=cut):
                for start, end in zip([0, *cut], [*cut, None]):
                    keys.feed(reports[start:end], 5.0)
                self.assertEqual(keys.typed_at, float("-inf"))
                self.assertEqual(keys.clear_at(), 5.0 + QUIET_S)
                keys.feed(b"a" + reports, 6.0)
                self.assertEqual(keys.typed_at, 6.0)

    def test_half_a_report_is_no_key(self):
        for data in (b"\x1b[<0;1", b"\x1b]11;rgb:", b"\x1b[M !", b"\x1bP>|xt", b"\x1b[?6"):
            keys = Keys()
            keys.feed(data, 5.0)
            self.assertEqual(keys.typed_at, float("-inf"), data)

    def test_escape_and_later_a_report(self):
        for key in (b"\x1b", b"\x1b]", b"\x1bP", b"\x1b["):
            for report in (b"\x1b[O", b"\x1b]11;rgb:0/0/0\x07", b"\x1b[M !!"):
                keys = Keys()
                keys.feed(key, 5.0)
                keys.feed(report, 60.0)
                self.assertEqual(keys.typed_at, 5.0, (key, report))
            keys.feed(key, 70.0)
            keys.feed(b"11;more", 80.0)
            self.assertEqual(keys.typed_at, 80.0, key)

    def test_esc(self):
        table = {b"\x1b": True, b"\x1b[27u": True, b"\x1b[27;1:1u": True}
        table |= dict.fromkeys((b"x", b"\x1bx", b"\x1b[27;5u", b""), False)
        for data, esc in table.items():
            keys = Keys()
            keys.feed(data, 5.0)
            self.assertEqual(keys.escaped, esc, data)
            keys.feed(b"\x1b[O", 60.0)
            self.assertEqual(keys.escaped, esc, data)
            keys.feed(b"x", 61.0)
            self.assertFalse(keys.escaped)

    def test_little_is_kept(self):
        for begun in (b"\x1b]52;c;", b"\x1bP1$r", b"\x1b[", b"\x1b_G"):
            keys = Keys()
            for _ in range(100):
                keys.feed(begun + b"1" * 1000, 5.0)
                begun = b""
            self.assertLess(len(keys._rest), 200)

    def test_clear_at(self):
        table = [
            (b"a", QUIET_S),
            (b"\x1b", RUSH_S),
            (b"\x1b[1;", RUSH_S),
            (b"\x1b]11;rgb", RUSH_S),
            (b"\x1b[200~abc", PASTE_S),
            (b"\x1b[200~abc\x1b[201~", QUIET_S),
            (b"\x1b[200~abc\x1b[201", PASTE_S),
        ]
        for data, wait in table:
            with self.subTest(data):
                whole, pieces = Keys(), Keys()
                whole.feed(data, 5.0)
                for byte in data:
                    pieces.feed(bytes([byte]), 5.0)
                self.assertEqual(whole.clear_at(), 5.0 + wait)
                self.assertEqual(pieces.clear_at(), 5.0 + wait)

    def test_junk(self):
        keys = Keys()
        for _ in range(50):
            keys.feed(os.urandom(3000), 1.0)
        keys.feed(b"\x1b]" + b"x" * 200_000, 2.0)
        self.assertLess(keys.clear_at(), 3.0 + PASTE_S)


class ModesTable(unittest.TestCase):
    def test_undo(self):
        table = [
            (b"", b""),
            (b"plain \x1b[31mred\x1b[m\r\n", b""),
            (b"\x1b[?2004h\x1b[?2004l", b""),
            (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l\x1b[m\r\n"),
            (b"\x1b[?1049h\x1b[?2004h", b"\x1b[?2004l\x1b[?1049l\x1b[m\r\n"),
            (b"\x1b[?25l", b"\x1b[?25h\x1b[m\r\n"),
            (b"\x1b[>1u\x1b[>7u\x1b[<u", b"\x1b[<u\x1b[m\r\n"),
            (b"\x1b[?1000h\x1bc", b""),
            (b"\x1b[>4;1m\x1b=\x1b[=1u", b"\x1b[>4m\x1b>\x1b[m\r\n"),
            (b"\x1b[>4;1m\x1b=\x1b[>4m\x1b>", b""),
            (b"\x1b[?1049;2026;7;99h", b"\x1b[?2026l\x1b[?1049l\x1b[m\r\n"),
            (b"\x1b[3;9r", b"\x1b7\x1b[r\x1b8\x1b[m\r\n"),
        ]
        for data, undo in table:
            with self.subTest(data):
                whole, pieces = Modes(), Modes()
                whole.feed(data)
                for byte in data:
                    pieces.feed(bytes([byte]))
                self.assertEqual(whole.undo(), undo)
                self.assertEqual(pieces.undo(), undo)


if __name__ == "__main__":
    unittest.main()
