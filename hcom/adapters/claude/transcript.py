"""Claude Code's transcript: what the model saw, and the conversation in it."""

import re

from ...bus.render import FRAMED, MARK
from .. import jsonl
from ..jsonl import tail


def seen(path: str, ids: list[int]) -> list[int]:
    """Those of the message `ids` that stand in the transcript with an answer of the model behind.

    Context that a hook gave is recorded as an attachment (type hook_additional_context) when it is
    handed over; only an assistant line after it says that the model got it.
    """
    wanted, shown, proven = set(ids), set(), set()
    for line in tail(path):
        if MARK.encode() in line and b'"type":"assistant"' not in line:
            found = {int(n) for n in re.findall(FRAMED.encode(), line)}
            if b"hook_success" not in line:
                shown |= found & wanted
        elif b'"type":"assistant"' in line and b'"isApiErrorMessage":true' not in line:
            proven |= shown
    return sorted(proven)


kept, readable = seen, jsonl.readable
