"""The stand-in's transcript: a line for all that goes to the model, when it is put there, and one
for each answer."""

from ..base import STANDING, Given, mark_answered
from ..jsonl import parse, placed, shown

HOOKS = ("context", "reason")
TOOL = "tool"  # a command that listens


def fates(path: str, given: dict[int, Given]) -> dict[int, str]:
    """What became of each message: it stands there, or an answer of the model stands behind it."""
    found: dict[int, str] = {}
    for place, raw in placed(path):
        line = parse(raw)
        kind, text = line.get("type"), line.get("text", "")
        if kind == "assistant":
            mark_answered(found)
        told, printed = [text] if kind in HOOKS else [], text if kind == TOOL else ""
        found.update(dict.fromkeys(shown(line, place, given, told, printed), STANDING))
    return found
