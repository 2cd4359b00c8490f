"""A transcript as exchanges: where each begins, and what is in it. No hook loads this.

Files only grow, and hold hundreds of megabytes: what begins where is found in one pass over the
bytes, by the signs that the adapter names, and only the lines with one are looked into; what is
known of a file is kept, and the next pass begins where that ends.
"""

import json
import os
import re
from bisect import bisect_left, bisect_right
from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone

from ..bus.exchange import MESSAGE, PERSON, Edit, Exchange, Tool, cut, diff, messages
from ..home import Home, dropped, listed, opened, private_folder, read, write_private
from .base import fields
from .lines import ASKED, CALLED, EDITED, FAILED, RETURNED, SAID, SPENT, TOLD, WOKEN, Part

BLOCK_BYTES = 1024 * 1024
# A line that fills a block loses its long strings there (images, mostly); what is behind so many
# bytes of the rest is left out, and then it is no JSON. Models take requests of at most 32 MB.
LINE_BYTES = 4 * 1024 * 1024
LONG = re.compile(rb'[^"\\\n]{4096,}')
CHECK_BYTES = 256  # of what was read last: they are still there, then so is what was before
WORTH_BYTES = BLOCK_BYTES  # a shorter pass is not worth keeping
FORMAT = 1  # of what is kept: another, where an adapter finds other exchanges than before


class Index:
    """Where the exchanges of a file begin (`places`), and when (`times`, in seconds): a number is
    a place in these. Those in `gone` were taken back: they keep their numbers, and are not shown.
    `facts` is JSON that only the adapter reads. What is behind `upto` has not been looked at. Where
    the file goes on from another of its session, `before` is the end of that one's name and the
    place up to which it counts."""

    def __init__(self, **known) -> None:
        self.places: list[int] = known.get("places", [])
        self.times: list[float] = known.get("times", [])
        self.gone: set[int] = set(known.get("gone", ()))
        self.facts: dict = known.get("facts", {})
        self.upto: int = known.get("upto", 0)
        self.before: tuple[str, int] = tuple(known.get("before", ("", 0)))

    def begin(self, place: int, at: float) -> None:
        """An exchange begins there; times never go back."""
        self.places.append(place)
        self.times.append(max(at, self.times[-1] if self.times else 0.0))

    def take_back(self, first: int) -> None:
        """Those from `first` on are not in the conversation any more."""
        self.gone.update(range(first, len(self.places)))


class History(namedtuple("History", "stream reader known")):
    """A transcript: its file, open, the adapter's part that reads it, and the Index of it."""

    __slots__ = ()

    def parts(self, number: int, brief: bool) -> Iterator[Part]:
        """What the lines of an exchange, from 0, say that are whole now; where it is to be `brief`,
        not what tools gave back. Only its first asks: what does so again is a copy."""
        facts: dict = {}
        places = [*self.known.places[number : number + 2], self.known.upto]
        signs = (*self.reader.SIGNS, *self.reader.BRIEF) if brief and self.reader.BRIEF else ()
        for nth, (_, line) in enumerate(lines(self.stream, places[0], places[1], signs)):
            for part in self.reader.parts(line, facts):
                if not nth or part.kind not in (ASKED, WOKEN):
                    yield part


def lines(stream, place: int, end: int, signs=()) -> Iterator[tuple[int, bytes]]:
    """Each whole line between there, with the place where it begins, in which one of the `signs`
    stands (none: each). The last is (where what is not whole begins, b"")."""
    stream.seek(place)
    rest, at = b"", place  # a line that is not whole yet, and where the next block begins
    while block := stream.read(min(BLOCK_BYTES, end - at)):
        first, last = block.find(b"\n") + 1, block.rfind(b"\n") + 1
        if not first and len(rest) < LINE_BYTES:
            rest += LONG.sub(b"", block)
        if first:
            rest += block[:first]
            if not signs or any(sign in rest for sign in signs):
                yield place, rest[:-1]
            yield from _found(block, at, first, last, signs)
            rest, place = block[last:], at + last
        at += len(block)
    yield place, b""


def _found(block: bytes, at: int, first: int, last: int, signs) -> Iterator[tuple[int, bytes]]:
    """The lines between `first` and `last` in the block, which is at that place in the file."""
    starts = {} if signs else {first: last}
    for sign in signs:
        found = block.find(sign, first, last)
        while found >= 0:
            stop = block.find(b"\n", found) + 1
            starts[block.rfind(b"\n", first, found) + 1 or first] = stop
            found = block.find(sign, stop, last)
    for start in sorted(starts):
        for line in block[start : starts[start] - 1].split(b"\n") if start < starts[start] else ():
            yield at + start, line
            start += len(line) + 1


def history(home: Home, path: str, reader) -> History:
    """The transcript at `path`, as it is now. OSError when it cannot be read."""
    stream = os.fdopen(opened(path), "rb")
    found = os.fstat(stream.fileno())
    kept = home.kept("index", f"{found.st_dev:x}-{found.st_ino:x}.json")
    index = _known(kept, stream, found.st_size)
    before = index.upto
    for place, line in lines(stream, before, found.st_size, reader.SIGNS):
        reader.note(line, place, index)
        index.upto = place
    if index.upto - before > WORTH_BYTES:
        _keep(kept, index, _check(stream, index.upto))
    return History(stream, reader, index)


def rewind(found: dict[str, History]) -> None:
    """Of the transcripts, by their paths, the oldest first: what one took back of others, by going
    on from before it, is gone there."""
    paths = list(found)
    for nth, path in enumerate(paths):
        ends, place = found[path].known.before
        for base in range(nth if ends else 0):
            if paths[base].endswith(ends):
                known = found[paths[base]].known
                known.take_back(bisect_left(known.places, place))
                for between in paths[base + 1 : nth]:
                    found[between].known.take_back(0)


def _check(stream, upto: int) -> str:
    stream.seek(max(0, upto - CHECK_BYTES))
    return stream.read(min(upto, CHECK_BYTES)).hex()


def _known(kept: str, stream, size: int) -> Index:
    """What was kept of the file, where it is of this one; else nothing is known of it."""
    with suppress(OSError, ValueError, KeyError):
        said = fields(json.loads(read(kept)))
        if (said["format"], said["check"]) == (FORMAT, _check(stream, said["upto"])):
            return Index(**said)
    return Index()


def _keep(kept: str, index: Index, check: str) -> None:
    with suppress(OSError):  # in a sandbox: the next pass takes as long
        private_folder(os.path.dirname(kept))
        said = {**vars(index), "gone": sorted(index.gone), "format": FORMAT, "check": check}
        write_private(kept, json.dumps(said))


def forget(home: Home) -> None:
    """Nothing is kept of any file."""
    for entry in listed(home.kept("index")):
        dropped(home.kept("index", entry))


def holding(found: History, text: str) -> set[int]:
    """The numbers of the exchanges in which `text` may stand, in any case: those whose bytes have
    the longest part of it that is written in one way only."""
    needle = max(re.split(r'[^ -~]|["\\/]', text), key=len).encode().lower()
    places, end = found.known.places, found.known.upto
    if not needle:
        return set(range(len(places)))
    numbers: set[int] = set()
    at = found.stream.seek(places[0] if places else end)
    rest = b""
    while at < end and (read_now := found.stream.read(min(BLOCK_BYTES, end - at))):
        block = rest + read_now.lower()
        begins, at = at - len(rest), at + len(read_now)
        hit = block.find(needle)
        while hit >= 0:
            number = bisect_right(places, begins + hit) - 1
            numbers.add(number)
            following = places[number + 1] - begins if number + 1 < len(places) else len(block)
            hit = block.find(needle, max(hit + 1, following))
        rest = block[-len(needle) :]
    return numbers


# -- one exchange --

VALUE_CHARS = 20_000  # of what a tool was given and gave back: with thousands of tools in memory


def exchange(found: History, number: int, position: int, name: str, brief=False) -> Exchange:
    """The exchange that the file has as `number`, from 0, of the agent whom people call `name`;
    without what tools gave back where it is to be `brief`."""
    said: dict[str, list] = {kind: [] for kind in (ASKED, WOKEN, SAID, FAILED, TOLD, EDITED)}
    brought: list[str] = []  # messages, with the wake that opened it
    tools: dict[str, Tool] = {}
    spent: dict[str, tuple[int, int]] = {}
    for kind, value, what, key in found.parts(number, brief):
        if kind == SPENT:
            spent[key] = value
        elif kind == CALLED:
            tools[key or str(len(tools))] = Tool(what, cut(_text(value), VALUE_CHARS))
        elif kind == EDITED:
            said[EDITED].append(
                (key, Edit(what, value if isinstance(value, str) else diff(*value)))
            )
        elif kind == TOLD:
            opens = said[WOKEN] and not (said[SAID] or tools)
            (brought if opens else said[TOLD]).extend(messages(value, name))
        elif kind in (RETURNED, FAILED):
            said[FAILED] += [cut(value, VALUE_CHARS)] if kind == FAILED else []
            if tool := tools.get(key):
                tools[key] = tool._replace(result=cut(value, VALUE_CHARS), failed=kind == FAILED)
                # else it is somebody's quote
                said[TOLD] += messages(value, name) if "hcom" in tool.input else []
        else:
            said[kind].append(value)
    edits = [edit for key, edit in said[EDITED] if not (key in tools and tools[key].failed)]
    return Exchange(
        position,
        MESSAGE if said[WOKEN] else PERSON,
        "\n\n".join(said[ASKED] or brought),
        said[SAID],
        list(tools.values()),
        edits,
        said[FAILED],
        list(dict.fromkeys(edit.file for edit in edits)),
        said[TOLD],
        timestamp(found.known.times[number]),
        tuple(sum(counts) for counts in zip(*spent.values())) or None,
    )


def prompt(found: History, number: int) -> tuple[str, str]:
    """Who asked in the exchange, and what was typed."""
    kinds = {ASKED: PERSON, WOKEN: MESSAGE}
    asked = (part for part in found.parts(number, True) if part.kind in kinds)
    return next(((kinds[part.kind], part.value) for part in asked), (MESSAGE, ""))


def timestamp(at: float) -> str:
    """A time as ISO 8601 in UTC; "" for none."""
    when = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds") if at else ""
    return when.replace("+00:00", "Z")


def _text(given) -> str:
    """The input of a tool: a command alone, where there is one."""
    command = fields(given).get("command", given)
    return command if isinstance(command, str) else json.dumps(given, ensure_ascii=False)
