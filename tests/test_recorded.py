"""Sessions that real clients recorded, against the exchanges that a person listed by hand.

tests/data/transcripts/README.md says how each was made and what the clients write when.
"""

import io
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

from hcom import adapters
from hcom.adapters import history
from hcom.bus import exchange
from hcom.bus.exchange import Exchange
from tests.sealed import Sealed
from tests.test_transcripts import Read

DATA = Path(__file__).parent / "data" / "transcripts"
READS = 1000  # of each client's sessions, while they are written


def recorded(tool: str = "") -> Iterator[tuple[str, Path, list[dict]]]:
    """The tool, the file and the exchanges in it, of each that was recorded."""
    for listed in sorted(DATA.glob(f"{tool or '*'}-*/exchanges.json")):
        for name, exchanges in json.loads(listed.read_text(encoding="utf-8")).items():
            yield listed.parent.name.partition("-")[0], listed.parent / name, exchanges


def summed_up(one: Exchange, is_gone: bool) -> dict:
    """The exchange as the lists have it: of a tool the name, with ! where it failed, of an error
    the first line, of an edit the file's name."""
    told = {
        "answers": one.answers,
        "tools": [tool.name + "!" * tool.failed for tool in one.tools],
        "edits": [os.path.basename(edit.file) for edit in one.edits],
        "errors": [error.strip().partition("\n")[0] for error in one.errors],
        "messages": one.messages,
        "gone": is_gone,
    }
    known = {"number": one.position, "by": one.kind, "prompt": one.user}
    return {**known, **{key: value for key, value in told.items() if value}}


def replaced(value, odd: list, dice: random.Random):
    """The value with one of those within it, or itself, replaced by one of the odd ones."""
    inner = value if isinstance(value, list) else list(value) if isinstance(value, dict) else []
    if not inner or not dice.randrange(6):
        return dice.choice(odd)
    key = dice.randrange(len(value)) if isinstance(value, list) else dice.choice(inner)
    value[key] = replaced(value[key], odd, dice)
    return value


class Recorded(Read):
    def listed(self, path: Path, tool: str) -> list[dict]:
        """All exchanges, those that were taken back, too."""
        found = self.history(path, tool)
        return [
            summed_up(history.exchange(found, n, n + 1, "luna"), n in found.known.gone)
            for n in range(len(found.known.places))
        ]

    def test_they_are_what_a_person_lists(self):
        for tool, path, exchanges in recorded():
            with self.subTest(client=path.parent.name, file=path.name):
                found = self.listed(path, tool)
                self.assertEqual(len(found), len(exchanges))
                for got, wanted in zip(found, exchanges):
                    self.assertEqual(got, wanted)

    def test_no_number_changes_while_they_are_written(self):
        self.addCleanup(setattr, history, "WORTH_BYTES", history.WORTH_BYTES)
        history.WORTH_BYTES = 2000  # some passes are kept, and the next goes on from there
        for tool in ("claude", "codex", "gemini"):
            files = [(path, exchanges) for _, path, exchanges in recorded(tool)]
            total = sum(path.stat().st_size for path, _ in files)
            for path, exchanges in files:
                with self.subTest(client=path.parent.name, file=path.name):
                    size = path.stat().st_size
                    self.written(path, tool, exchanges, READS * size // total + 1)

    def written(self, whole: Path, tool: str, exchanges: list[dict], reads: int) -> None:
        """The file is written in pieces of any size, and read between them that often."""
        dice = random.Random(whole.name)
        path = Path(self.root, whole.name)
        data = whole.read_bytes()
        cuts = sorted(dice.randrange(len(data)) for _ in range(reads - 1))
        known: list[str] = []  # the prompts
        with open(path, "wb", buffering=0) as out:
            for begin, end in zip([0, *cuts], [*cuts, len(data)]):
                out.write(data[begin:end])
                found = history.history(self.home, str(path), adapters.load(tool, "transcript"))
                with found.stream:
                    there = len(found.known.places)
                    self.assertGreaterEqual(there, len(known))
                    # those that are new and those that may change; now and then any
                    looked = {*range(max(0, len(known) - 2), there)}
                    looked |= {dice.randrange(there)} if there else set()
                    for number in sorted(looked):
                        prompt = history.exchange(found, number, number + 1, "luna").user
                        known[number:number] = [""] * (number == len(known))
                        # what a hook brought with a wake is written behind the wake
                        self.assertIn(known[number], ("", prompt))
                        known[number] = prompt
        self.assertEqual(self.listed(path, tool), exchanges)

    def test_without_what_tools_gave_back_all_else_is_there(self):
        for tool, path, _ in recorded():
            found = self.history(path, tool)
            for number in range(len(found.known.places)):
                whole, brief = (
                    exchange.as_dict(history.exchange(found, number, 1, "luna", brief), False)
                    for brief in (False, True)
                )
                self.assertEqual(brief, whole, path)

    def test_no_line_is_too_odd(self):
        """Of each kind of line, with one value replaced by another."""
        dice = random.Random(5)
        odd: list = [None, 0, 1.5, True, "", "x", "\ud800", [], {}, [None], [{}], {"a": 1}]
        for tool, path, _ in recorded():
            reader = adapters.load(tool, "transcript")
            for line in path.read_bytes().splitlines():
                for _ in range(5):
                    strange = replaced(json.loads(line), odd, dice)
                    data = json.dumps(strange, separators=(",", ":")).encode()
                    with self.subTest(file=str(path), line=data):
                        index = history.Index()
                        index.begin(0, 0.0)
                        reader.note(data, 1, index)
                        index.places, index.upto = [0, 2 * len(data) + 2], 2 * len(data) + 2
                        twice = io.BytesIO(2 * (data + b"\n"))
                        found = history.History(twice, reader, index)
                        history.exchange(found, 0, 1, "luna")

    def test_a_rewind_of_codex_takes_back_what_another_file_has(self):
        files = [path for _, path, _ in recorded("codex") if path.parent.name == "codex-0.171.0"]
        found = {str(path): self.history(path, "codex") for path in files}
        history.rewind(found)
        self.assertEqual(
            [found[str(path)].known.gone for path in files], [{12}, *[set()] * (len(files) - 1)]
        )
        # once more, to before all that
        again = Path(self.root, "again.jsonl")
        head, rest = files[1].read_bytes().split(b"\n", 1)
        meta = json.loads(head)
        known = found[str(files[0])].known
        meta["payload"]["history_base"]["end_byte_offset"] = known.places[2]
        again.write_bytes(json.dumps(meta, separators=(",", ":")).encode() + b"\n" + rest)
        found = {str(path): self.history(path, "codex") for path in [*files[:2], again]}
        history.rewind(found)
        gone = [found[path].known.gone for path in found]
        self.assertEqual(gone, [set(range(2, 13)), {0, 1}, set()])


class Asked(Sealed):
    """`hcom transcript` of an agent with more than one file."""

    def test_numbers_go_through_a_rewind_of_codex(self):
        files = sorted((DATA / "codex-0.171.0").glob("rollout-*"))[:2]
        thread = files[0].stem[-36:]
        client = self.home.client()
        self.addCleanup(lambda: (client.kill(), client.communicate()))
        env = {"CODEX_THREAD_ID": thread}
        luna = self.home.new(lambda: self.home.within(client, "hcom", "start", env=env))
        for path in files:
            told = {"session_id": thread, "cwd": self.home.work, "transcript_path": str(path)}
            self.home.hook("codex", "Stop", {**told, "hook_event_name": "Stop"}, pid=client.pid)
        said = self.home.said("transcript", f"@{luna}", "--json", "--last", "20")
        asked = [(one["position"], one["user"]) for one in map(json.loads, said.splitlines())]
        self.assertEqual([number for number, _ in asked], [*range(1, 13), 14, 15])
        self.assertEqual(asked[-2:], [(14, "SAY: instead"), (15, "SAY: resumed")])
