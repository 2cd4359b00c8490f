"""Claude Code's transcript: what the model saw, and the conversation in it."""

import json
import re

TAIL_BYTES = 4 * 1024 * 1024  # what matters for proof is the end of the session


def seen(path: str, ids: list[int]) -> list[int]:
    """Those of the message `ids` that stand in the transcript with an answer of the model behind.

    Context that a hook gave is recorded as an attachment (type hook_additional_context) when it is
    handed over; only an assistant line after it says that the model got it.
    """
    wanted, shown, proven = set(ids), set(), set()
    for line in _tail(path):
        if b"[hcom message #" in line and b'"type":"assistant"' not in line:
            found = {int(n) for n in re.findall(rb"\[hcom message #(\d+) ", line)}
            if b"hook_success" not in line:
                shown |= found & wanted
        elif b'"type":"assistant"' in line and b'"isApiErrorMessage":true' not in line:
            proven |= shown
    return sorted(proven)


def _tail(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - TAIL_BYTES))
            return stream.read().split(b"\n")
    except OSError:
        return []


def parse(line: bytes) -> dict:
    """One line of a transcript; {} when it is not an object."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
