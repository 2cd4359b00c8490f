"""The stand-in's transcript: a line for all that goes to the model, when it is put there, and one
for each answer."""

from ..base import WAKE_TEXT, no
from ..jsonl import parse, placed, shown
from ..lines import ASKED, CALLED, RETURNED, SAID, STANDING, TOLD, WOKEN, Given, Part, mark_answered

HOOKS = ("context", "reason")
TOOL = "tool"  # a command that listens
USES = ("RUN: ", "EDIT: ")


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


BRIEF = ()
SIGNS = (b'{"type": "user"',)


def note(line: bytes, place: int, index) -> None:
    """A prompt begins an exchange."""
    if parse(line).get("type") == "user":
        index.begin(place, 0.0)


def parts(line: bytes, _facts: dict) -> list[Part]:
    """What the line says."""
    item = parse(line)
    kind, text = item.get("type"), item.get("text", "")
    if kind == "assistant" and text.startswith(USES):
        return [Part(CALLED, {"command": text.partition(": ")[2]}, text.partition(":")[0].lower())]
    if kind == "assistant":
        text = text.removeprefix("SAY: ")
    kinds = {"user": WOKEN if text == WAKE_TEXT else ASKED, "assistant": SAID, TOOL: RETURNED}
    kind = TOLD if kind in HOOKS else kinds.get(kind)
    return [Part(kind, text)] if kind else []


is_broken_off = no


def within(path: str, subagent: str) -> str:
    """The transcript of a subagent."""
    return f"{path.removesuffix('.jsonl')}.{subagent}.jsonl"
