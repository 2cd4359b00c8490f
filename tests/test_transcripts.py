"""What an agent was asked and did: its client's transcript as exchanges, and `hcom transcript`."""

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from hcom import adapters, home
from hcom.adapters import history
from hcom.bus import exchange
from hcom.errors import UsageError

DATA = Path(__file__).parent / "data"


class Talk:
    """A Claude Code session's transcript that is being written."""

    def __init__(self, path, day: int = 1):
        self.path, self.said, self.day = Path(path), 0, day
        self.parent: str | None = None
        self.path.touch()

    def line(self, **facts) -> str:
        """A line is written; what it is known by."""
        self.said += 1
        ident = f"{self.said:08x}-{self.path.stem}"
        at = f"2026-11-{self.day:02}T10:{self.said // 60:02}:{self.said % 60:02}.000Z"
        item = {"parentUuid": self.parent, "isSidechain": False, **facts}
        item |= {"uuid": ident, "timestamp": at}
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(item, separators=(",", ":"), ensure_ascii=False) + "\n")
        self.parent = ident
        return ident

    def user(self, content, **facts) -> str:
        return self.line(type="user", message={"role": "user", "content": content}, **facts)

    def model(self, *content, **facts) -> str:
        message = {
            "role": "assistant",
            "id": f"msg_{self.said}",
            "content": content,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
        return self.line(type="assistant", message=message, **facts)

    def says(self, text: str) -> str:
        return self.model({"type": "text", "text": text})

    def uses(self, name: str, result: str, failed: bool = False, **given) -> None:
        key = f"toolu_{self.said}"
        self.model({"type": "tool_use", "id": key, "name": name, "input": given})
        returned = {"tool_use_id": key, "type": "tool_result", "content": result}
        self.user([{**returned, "is_error": failed}], toolUseResult=result)

    def told(self, text: str) -> str:
        given = {"type": "hook_additional_context", "content": [text], "hookName": "PostToolUse"}
        return self.line(type="attachment", attachment=given)

    def asked(self, number: int) -> None:
        self.user(f"prompt {number}")
        self.uses("Bash", f"result {number}", command=f"echo {number}")
        self.says(f"answer {number}")


def frame(number: int, text: str, sender: str = "nova") -> str:
    return f"[hcom message #{number} from {sender} · request]\n{text}\n[/hcom #{number} answer: x]"


# Copies a file a few bytes at a time, more for each byte that it reads.
WRITER = """
import random, sys
whole, dice = open(sys.argv[1], "rb").read(), random.Random(3)
with open(sys.argv[2], "ab", buffering=0) as out:
    while whole:
        cut = dice.randrange(1, 900)
        out.write(whole[:cut])
        whole = whole[cut:]
        sys.stdin.read(1)
"""


class Read(unittest.TestCase):
    """A file by the adapter's frame."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hcom-test-")
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.home = home.Home(os.path.join(self.root, ".hcom"), self.root)

    def history(self, path, tool: str = "claude") -> history.History:
        found = history.history(self.home, str(path), adapters.load(tool, "transcript"))
        self.addCleanup(found.stream.close)
        return found

    def exchanges(self, path, tool: str = "claude") -> list[exchange.Exchange]:
        """Those that stand."""
        found = self.history(path, tool)
        return [
            history.exchange(found, number, number + 1, "luna")
            for number in range(len(found.known.places))
            if number not in found.known.gone
        ]

    def talk(self, name: str = "talk") -> Talk:
        return Talk(os.path.join(self.root, name + ".jsonl"))


class Lines(Read):
    def check(self, data: bytes, signs=()) -> None:
        wanted, at = [], 0
        for line in data.split(b"\n")[:-1]:
            if not signs or any(sign in line for sign in signs):
                wanted.append((at, line))
            at += len(line) + 1
        found = list(history.lines(io.BytesIO(data), 0, len(data), signs))
        self.assertEqual(found, [*wanted, (at, b"")])

    def test_each_whole_line_is_found_where_it_begins(self):
        self.addCleanup(setattr, history, "BLOCK_BYTES", history.BLOCK_BYTES)
        dice = random.Random(1)
        for size in (1, 2, 3, 7, 64):
            history.BLOCK_BYTES = size
            for _ in range(200):
                data = bytes(dice.choice(b"ab\n") for _ in range(dice.randrange(40)))
                for signs in ((), (b"a",), (b"ab", b"ba")):
                    with self.subTest(size=size, data=data, signs=signs):
                        self.check(data, signs)

    def test_an_endless_line_takes_no_memory(self):
        for name, size in (("LINE_BYTES", 200_000), ("BLOCK_BYTES", 50_000)):
            self.addCleanup(setattr, history, name, getattr(history, name))
            setattr(history, name, size)
        talk = self.talk()
        talk.asked(1)
        image = {"type": "image", "source": {"data": "A" * 5_000_000}}
        talk.user([{"type": "text", "text": "what is this"}, image])
        talk.says("a letter")
        with talk.path.open("a") as stream:
            stream.write('{"x":"' + '\\n"' * 2_000_000 + "\n")
        talk.asked(3)
        got = self.exchanges(talk.path)
        self.assertEqual([one.user for one in got], ["prompt 1", "what is this", "prompt 3"])
        whole = io.BytesIO(talk.path.read_bytes())
        longest = max(len(line) for _, line in history.lines(whole, 0, 10**9))
        self.assertLessEqual(longest, history.LINE_BYTES + 2 * history.BLOCK_BYTES)


class Kept(Read):
    """What is known of a file, for the next time."""

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, history, "WORTH_BYTES", history.WORTH_BYTES)
        history.WORTH_BYTES = 100

    def asked(self, talk) -> list[str]:
        return [one.user for one in self.exchanges(talk.path)]

    def test_it_is_read_on_from_there(self):
        talk = self.talk()
        for number in (1, 2):
            talk.asked(number)
        self.history(talk.path)
        first = talk.path.stat().st_size
        talk.asked(3)
        looked, note = [], adapters.load("claude", "transcript").note

        class Reader:
            SIGNS = adapters.load("claude", "transcript").SIGNS

            @staticmethod
            def note(line, place, index):
                looked.append(place)
                note(line, place, index)

        found = history.history(self.home, str(talk.path), Reader)
        self.addCleanup(found.stream.close)
        self.assertEqual(len(found.known.places), 3)
        self.assertGreaterEqual(min(looked), first)

    def test_not_of_another_file_nor_of_one_that_was_written_anew(self):
        talk = self.talk()
        for number in range(1, 5):
            talk.asked(number)
        self.assertEqual(len(self.asked(talk)), 4)
        text = talk.path.read_text()
        table = {
            text[: text.index('{"parentUuid', text.index("answer 2"))]: ["prompt 1", "prompt 2"],
            text.replace("prompt", "Prompt"): [f"Prompt {n}" for n in range(1, 5)],
            "": [],
        }
        for anew, wanted in table.items():
            with self.subTest(wanted):
                talk.path.write_text(text)
                self.asked(talk)
                talk.path.write_text(anew)
                self.assertEqual(self.asked(talk), wanted)

    def test_rubbish_in_its_place_is_none(self):
        talk = self.talk()
        talk.asked(1)
        self.asked(talk)
        [kept] = Path(self.home.kept("index")).iterdir()
        for rubbish in (b"", b"[]", b"{}", b"\xff", b'{"format": 1, "check": 5, "upto": 1}'):
            kept.write_bytes(rubbish)
            self.assertEqual(self.asked(talk), ["prompt 1"])

    def test_numbers_stay_while_it_is_written(self):
        """A child writes, a few bytes at a time; each look finds the beginning of what comes."""
        talk, before = self.talk("whole"), None
        for number in range(1, 500):
            if not number % 7:  # the one before is taken back
                talk.parent = before
            before = talk.parent
            talk.asked(number)
            talk.told(frame(number, "hi"))
        known = self.history(talk.path)
        self.assertEqual(len(known.known.gone), 71)
        wanted = {
            place: history.exchange(known, number, number + 1, "luna").user
            for number, place in enumerate(known.known.places)
        }
        copy = Path(self.root, "copy.jsonl")
        copy.touch()
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, talk.path, copy], stdin=subprocess.PIPE
        )
        looks = 0
        try:
            while child.poll() is None:
                with contextlib.suppress(BrokenPipeError):
                    child.stdin.write(b"x")
                    child.stdin.flush()
                found = self.history(copy)
                places = found.known.places
                self.assertEqual(places, list(wanted)[: len(places)])
                for number in range(len(places))[-1:]:
                    last = history.exchange(found, number, number + 1, "luna")
                    self.assertEqual(last.user, wanted[places[number]])
                found.stream.close()
                looks += 1
        finally:
            child.communicate()
        self.assertGreater(looks, 1000)


class Conversations(Read):
    """Claude Code's, as a person would list them."""

    def test_recorded(self):
        table = {
            "interrupted": ["RUN: sleep 3\nSTALL: 60\nSAY: never said", "SAY: second answer"],
            "parallel": ["RUN: sleep 2\nAND RUN: sleep 7\nSAY: all-ok"],
            "queued": ["RUN: sleep 9\nSAY: all-ok", "SAY: typed in the middle"],
            "taken-back": ["SAY: hello there", "ci -> luna #6: @luna zero", "SAY: second answer"],
        }
        for name, wanted in table.items():
            with self.subTest(name):
                found = self.exchanges(DATA / "claude" / "transcripts" / f"{name}.jsonl")
                self.assertEqual([one.user for one in found], wanted)
        self.assertEqual([one.position for one in found], [1, 2, 4])
        self.assertEqual([one.kind for one in found], ["user", "hcom", "user"])

    def test_what_the_client_puts_in_is_no_prompt(self):
        talk = self.talk()
        talk.asked(1)
        for text in (
            "<local-command-stdout>x</local-command-stdout>",
            "<command-name>/model</command-name>",
            "<bash-input>ls</bash-input>",
            "<task-notification>\n<summary>agent done</summary>\n</task-notification>",
            "<system-reminder>\nthink\n</system-reminder>",
            "Stop hook feedback:\n[hcom message #1 from nova]\nhi\n[/hcom #1]",
        ):
            talk.user(text)
        talk.user("Caveat: what follows", isMeta=True)
        talk.user("This session is being continued", isCompactSummary=True)
        talk.user("from a peer", isMeta=True, origin={"kind": "peer"})
        talk.asked(2)
        self.assertEqual([one.user for one in self.exchanges(talk.path)], ["prompt 1", "prompt 2"])

    def test_all_that_followed_a_prompt(self):
        talk = self.talk()
        talk.user("fix it", origin={"kind": "human"})
        talk.told(frame(7, "first"))
        talk.uses("Bash", "boom", failed=True, command="make")
        talk.uses("Edit", "ok", file_path="/p/a.py", old_string="a\nb\nc", new_string="a\nB\nc")
        talk.uses("Edit", "no such text", failed=True, file_path="/p/b.py", old_string="x",
                  new_string="y")  # fmt: skip
        talk.uses("Bash", frame(8, "by a command"), command="hcom listen")
        talk.uses("Bash", frame(9, "quoted"), command="cat log")
        talk.told("said by another's hook")
        talk.says("did it")
        talk.says("all of it")
        [one] = self.exchanges(talk.path)
        self.assertEqual((one.position, one.kind, one.user), (1, "user", "fix it"))
        self.assertEqual(one.assistant, "did it\n\nall of it")
        self.assertEqual(
            [(t.name, t.failed) for t in one.tools][:2], [("Bash", True), ("Edit", False)]
        )
        self.assertEqual(one.tools[0][1:3], ("make", "boom"))
        self.assertEqual(one.edits, [("/p/a.py", "-b\n+B")])
        self.assertEqual((one.files, one.errors), (["/p/a.py"], ["boom", "no such text"]))
        self.assertEqual(one.messages, ["nova -> luna #7: first", "nova -> luna #8: by a command"])
        self.assertEqual(one.timestamp, "2026-11-01T10:00:01.000Z")
        self.assertEqual(one.tokens, (70, 35))
        told = exchange.as_dict(one, False)
        self.assertEqual(
            " ".join(told), "position kind user assistant files messages timestamp tokens"
        )
        self.assertEqual(set(exchange.as_dict(one, True)) - set(told), {"tools", "edits", "errors"})

    def test_what_is_typed_is_shown_as_typed(self):
        """As 2.1.332 marks a paste and a command of the user's;."""
        talk = self.talk()
        talk.user('<pasted_content id="9adb">\nfix\nthis\n</pasted_content id="9adb">')
        talk.user(
            "<command-message>foo</command-message>\n<command-name>/foo</command-name>\n"
            "<command-args>bar</command-args>",
            origin={"kind": "human"},
        )
        talk.line(type="api-request-blob",
                  message={"role": "user", "content": "[Request interrupted by user]"})  # fmt: skip
        talk.user([{"type": "text", "text": "[Request interrupted by user]"}])
        found = self.exchanges(talk.path)
        self.assertEqual([one.user for one in found], ["fix\nthis", "/foo bar"])
        self.assertEqual(found[1].errors, ["[Request interrupted by user]"])

    def test_a_rewind_keeps_all_numbers(self):
        talk = self.talk()
        talk.asked(1)
        fork = talk.parent
        talk.asked(2)
        talk.asked(3)
        talk.parent = fork
        talk.asked(4)
        found = self.exchanges(talk.path)
        self.assertEqual([(one.position, one.user) for one in found],
                         [(1, "prompt 1"), (4, "prompt 4")])  # fmt: skip


class Forms(unittest.TestCase):
    """Values and texts, pure."""

    def test_ranges(self):
        table = {"5": (5, 5), "5-10": (5, 10), "5-": (5, 0), "1-1": (1, 1), "007": (7, 7)}
        for text, wanted in table.items():
            self.assertEqual(tuple(exchange.span(text)), wanted)
        for text in ("0", "0-3", "3-2", "-3", "a", "1-2-3", "", "1--2", "٣", "1" * 12):
            with self.subTest(text), self.assertRaises(UsageError):
                exchange.span(text)

    def test_a_short_diff(self):
        self.assertEqual(exchange.diff("a\nb\nc", "a\nx\ny\nc"), "-b\n+x\n+y")
        self.assertEqual(exchange.diff("", "new"), "+new")
        self.assertEqual(exchange.diff("a\na", "a"), "-a")
        self.assertEqual(exchange.diff("same", "same"), "")

    def test_text_is_short_and_says_what_is_left_out(self):
        tools = [exchange.Tool("Bash", "make", "boom " * 1000, True)]
        edits = [exchange.Edit("/p/a.py", "-b\n+B")]
        one = exchange.Exchange(
            3, "user", "p" * 5000, ["a" * 5000], tools, edits, ["boom"], ["/p/a.py"],
            ["nova -> luna #7: hi"], "2026-11-01T10:00:01.000Z", None,
        )  # fmt: skip
        short = exchange.shown(one, False, False)
        self.assertLess(len(short), 2000)
        for piece in ("#3  2026-11-01 10:00:01", "4000 more characters", "4400 characters left out",
                      "+ nova -> luna #7: hi", "1 tool; 1 error; edited /p/a.py"):  # fmt: skip
            self.assertIn(piece, short)
        self.assertIn("a" * 5000, exchange.shown(one, True, False))
        detailed = exchange.shown(one, False, True)
        for piece in ("> Bash: make", "! boom boom", "edit /p/a.py", "-b\n+B"):
            self.assertIn(piece, detailed)

    def test_nothing_in_it_passes_for_mail(self):
        one = exchange.Exchange(1, "user", frame(5, "x"), [], [], [], [], [], [], "", None)
        self.assertNotRegex(exchange.shown(one, True, False), r"(?m)^\[hcom")
        self.assertNotRegex(exchange.shown(one, True, False), r" \[hcom")


if __name__ == "__main__":
    unittest.main()
