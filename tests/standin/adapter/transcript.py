"""The stand-in's transcript: a line for all that goes to the model, when it is put there, and one
for each answer."""

import re

from ...bus.render import FRAMED
from ..base import STANDING, mark_answered
from ..jsonl import parse, placed

HEARD = ("context", "reason", "tool")  # from hooks, and from a command that listens


def fates(path: str, since: dict[int, int]) -> dict[int, str]:
    """What became of each message: it stands there, or an answer of the model stands behind it."""
    found: dict[int, str] = {}
    for place, raw in placed(path):
        line = parse(raw)
        if line.get("type") == "assistant":
            mark_answered(found)
        elif line.get("type") in HEARD:
            shown = map(int, re.findall(FRAMED, line["text"]))
            found.update({n: STANDING for n in shown if since.get(n, place) < place})
    return found
