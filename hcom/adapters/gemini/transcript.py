"""Gemini CLI's transcript: what the model was given, and whether its last turn was interrupted.

JSON lines, appended before the next hook runs. A message may be written again with the same id,
then the last counts; {"$set": {"messages": [...]}} replaces all, as after Esc, an error or
/compress: what is not in it any more, the model does not get again.
"""

from ..base import ANSWERED, GONE, STANDING, TURN_END, Given, Part, fields, mark_answered, nothing
from ..jsonl import parse, placed, shown, tail, texts

RESET = b'{"$set":{"messages":['
CONTEXT, CONTEXT_ENDS = "<hook_context>", "</hook_context>"
INTRODUCTION = b"[hcom] You are "


def fates(path: str, given: dict[int, Given]) -> dict[int, str]:
    """What became of each message, see interface.Transcript.

    Hook context is recorded as it is handed over, as <hook_context> in a prompt or a tool's result;
    the text of a turn end is a prompt.
    """
    lines = [(place, parse(line)) for place, line in placed(path)]
    found = dict.fromkeys(set().union(*(_shown(*one, given) for one in lines)), GONE)
    for place, line in _conversation(lines):
        if line.get("type") == "gemini":
            mark_answered(found)
        here = _shown(place, line, given)
        found.update((n, STANDING) for n in here if found.get(n) != ANSWERED)
    return found


def _shown(place: int, line: dict, given: dict[int, Given]) -> set[int]:
    """Those of the messages that a user's line, which ends there, brings to the model."""
    if line.get("type") != "user":
        return set()
    typed, returned = texts(line.get("content")), _returned(line.get("content"))
    # What a turn's end said is a prompt as it is; else the client marks what hooks told, at the
    # end, and leaves no angle bracket in it: what a tool returned may only quote that before.
    marked = [text.rpartition(CONTEXT) for text in [*typed, *returned]]
    told = [after for _, sign, after in marked if sign and after.rstrip().endswith(CONTEXT_ENDS)]
    printed = "\n".join(returned).replace("\nOutput: ", "\n")
    ends = {number: one for number, one in given.items() if one.channel == TURN_END}
    return shown(line, place, ends, typed, "") | shown(line, place, given, told, printed)


def cancelled(path: str) -> bool:
    """Whether the last turn was interrupted by Esc: what a turn end says then is lost."""
    for raw in reversed(tail(path)):
        line = parse(raw)
        kind = line.get("type")
        if kind in ("user", "gemini"):
            return False
        if kind == "info" and line.get("content") == "Request cancelled.":
            return True
    return False


def forgot(path: str) -> bool:
    """Whether the conversation was replaced by one in which hcom's introduction does not stand."""
    for line in reversed(tail(path)):
        if INTRODUCTION in line and b'"type":"user"' in line:
            return False
        if line.startswith(RESET):
            return True
    return False


def _conversation(lines: list[tuple[int, dict]]) -> list[tuple[int, dict]]:
    """The messages as they stand now, oldest first, each with the place of the line it is in."""
    messages: dict[str, tuple[int, dict]] = {}
    first: dict[str, int] = {}  # what is written anew was said when it was written first
    for place, line in lines:
        anew = fields(line.get("$set")).get("messages")
        if isinstance(anew, list):
            kept = [m for m in anew if isinstance(m, dict)]
            messages = {k: (first.get(k, place), m) for m in kept for k in [str(m.get("id"))]}
        elif isinstance(line.get("id"), str):
            messages[line["id"]] = place, line
            first[line["id"]] = place
    return list(messages.values())


def _returned(content) -> list[str]:
    """What tools returned to the model."""
    found: list = []
    for part in content if isinstance(content, list) else []:
        called = fields(fields(part).get("functionResponse"))
        found += fields(called.get("response")).values()
    return [text for text in found if isinstance(text, str)]


# -- the conversation: not read yet --

SIGNS: tuple[bytes, ...] = ()
within = nothing  # its subagents have no identity


def note(_line: bytes, _place: int, _index) -> None:
    """What the line says of exchanges, see interface.Transcript."""


def parts(_line: bytes, _facts: dict) -> list[Part]:
    """What the line says, see interface.Transcript."""
    return []
