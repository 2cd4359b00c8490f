"""A client's transcript as lines of JSON, read from its end: what proves something stands there."""

import json
import os
import re
from datetime import datetime

from ..bus.render import FRAMED
from ..home import opened
from .base import OUTPUT, fields
from .lines import Given

FRAME = re.compile("^" + FRAMED, re.MULTILINE)
SAME_S = 1.0  # a client's clock says milliseconds, and a record is made as it is handed over
TAIL_BYTES = 8 * 1024 * 1024  # a few requests of the largest size that models take

# The file read last, by its path, size and time: one hook asks several things of the same.
_read: tuple = ((), [])


def tail(path: str) -> list[bytes]:
    """The last lines of the file, the first of them perhaps cut; [] when it cannot be read."""
    return [line for _, line in placed(path)]


def placed(path: str) -> list[tuple[int, bytes]]:
    """The same, each with the place in the file behind its end."""
    global _read
    try:
        with os.fdopen(opened(path), "rb") as stream:
            found = os.fstat(stream.fileno())
            known = (path, found.st_size, found.st_mtime_ns)
            if _read[0] != known:
                place = stream.seek(max(0, found.st_size - TAIL_BYTES))
                lines = []
                for line in stream.read().split(b"\n"):
                    place += len(line) + 1
                    lines.append((place, line))
                _read = known, lines
            return _read[1]
    except OSError:
        return []


def shown(item: dict, place: int, given: dict[int, Given], told, printed: str) -> set[int]:
    """Those of the messages that the record `item`, whose line ends at `place`, brings to the
    model: in texts that hooks `told`, or in what commands `printed`. A hook of ours begins with
    our sign, and a frame is a line of its own: what stands elsewhere is somebody's quote."""
    ours = "\n".join(text for text in told if text.startswith("[hcom"))
    found = [(n, False) for n in FRAME.findall(ours)] + [(n, True) for n in FRAME.findall(printed)]
    return {
        number
        for number, by_command in ((int(n), by) for n, by in found)
        if (one := given.get(number)) is not None
        and (one.channel == OUTPUT) == by_command
        and one.since < place
        and (not one.at or moment(item) > one.at - SAME_S)
    }


def texts(content) -> list[str]:
    """The texts in a message's content, as all clients write it."""
    parts = content if isinstance(content, list) else [{"text": content}]
    found = (part.get("text") for part in parts if isinstance(part, dict))
    return [text for text in found if isinstance(text, str)]


def count(value) -> int:
    """A number that a client counted; 0 where it is none."""
    return value if isinstance(value, int) else 0


def moment(item: dict) -> float:
    """When a line was recorded; 0.0 where it does not say so."""
    try:
        return datetime.fromisoformat(item["timestamp"].replace("Z", "+00:00")).timestamp()
    except (KeyError, ValueError, AttributeError):
        return 0.0


def parse(line: bytes) -> dict:
    """One line; {} when it is not an object."""
    try:
        return fields(json.loads(line))
    except (ValueError, RecursionError):
        return {}
