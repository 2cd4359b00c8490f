"""A client's transcript as lines of JSON, read from its end: what proves something stands there."""

import json

TAIL_BYTES = 8 * 1024 * 1024  # a few requests of the largest size that models take


def tail(path: str) -> list[bytes]:
    """The last lines of the file, the first of them perhaps cut; [] when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - TAIL_BYTES))
            return stream.read().split(b"\n")
    except OSError:
        return []


def readable(path: str) -> bool:
    """Whether there is a transcript here that can prove anything."""
    return any(parse(line) for line in tail(path)[:3])


def parse(line: bytes) -> dict:
    """One line; {} when it is not an object."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
