"""What is typing, when a sequence is whole, and which modes a dead program leaves on: tables."""

import os
import unittest

from hcom.pty.keys import PASTE_S, QUIET_S, RUSH_S, Keys
from hcom.pty.modes import Modes


class KeysTable(unittest.TestCase):
    """What counts as typing, and when a sequence is whole."""

    def test_typed(self):
        typed = [b"a", b"\r", b"\x1b", b"\x1b[A", b"\x1bOP", b"\x1bx", b"\x1b[200~hi\x1b[201~",
                 b"\x1b[97u", b"\x1b[1;5A", "é".encode(), b"\x03"]  # fmt: skip
        reports = [b"\x1b[I", b"\x1b[O", b"\x1b[<0;10;10M", b"\x1b[<35;1;2m", b"\x1b[?62;22c",
                   b"\x1b[>0;276;0c", b"\x1b[12;40R", b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1b[?1u",
                   b"\x1b]10;rgb:f/f/f\x07", b"\x1bP>|xterm(1)\x1b\\", b"\x1b[?2026;2$y",
                   b"\x1b[8;24;80t", b"\x1b[0n", b"\x1b[?997;1n"]  # fmt: skip
        for data, expected in [(d, True) for d in typed] + [(d, False) for d in reports]:
            with self.subTest(data):
                keys = Keys()
                keys.feed(data, 5.0)
                self.assertEqual(keys.typed_at == 5.0, expected)

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
