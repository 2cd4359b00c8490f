"""A client's transcript as lines of JSON, read from its end: what proves something stands there."""

import json
import os

from .base import fields

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
        with open(path, "rb") as stream:
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


def parse(line: bytes) -> dict:
    """One line; {} when it is not an object."""
    try:
        return fields(json.loads(line))
    except ValueError:
        return {}
