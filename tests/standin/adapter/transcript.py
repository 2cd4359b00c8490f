"""The stand-in's transcript: a line for all that goes to the model, when it is put there, and one
for each answer."""

import re

from ...bus.render import FRAMED
from .. import jsonl
from ..jsonl import parse, tail


def seen(path: str, ids: list[int]) -> list[int]:
    """Those of the message `ids` that stand there with an answer of the model behind."""
    shown: set[int] = set()
    proven: set[int] = set()
    for line in map(parse, tail(path)):
        if line.get("type") == "assistant":
            proven |= shown
        elif line.get("type") in ("context", "reason"):
            shown |= {int(number) for number in re.findall(FRAMED, line["text"])}
    return sorted(proven & set(ids))


kept, readable = seen, jsonl.readable
