"""Gemini CLI's transcript: what the model was given, and whether its last turn was interrupted.

JSON lines, appended before the next hook runs. A message may be written again with the same id,
then the last counts; {"$set": {"messages": [...]}} replaces all, as after Esc, an error or
/compress: what is not in it any more, the model does not get again.
"""

import re

from ...bus.render import FRAMED
from ..base import ANSWERED, GONE, STANDING, mark_answered
from ..jsonl import parse, placed, tail

# At the start of a line: elsewhere it is somebody's quote.
SHOWN = re.compile(r"^(?:<hook_context>|Output: )?" + FRAMED, re.MULTILINE)
RESET = b'{"$set":{"messages":['
INTRODUCTION = b"[hcom] You are "


def fates(path: str, since: dict[int, int]) -> dict[int, str]:
    """What became of each message (its id: how long the file was before it was given to the model)
    as base.ANSWERED and so on; nothing of one that is not there.

    Hook context is recorded as it is handed over, as <hook_context> in a prompt or a tool's result;
    the text of a turn end is a prompt.
    """
    lines = [(place, parse(line)) for place, line in placed(path)]
    found = dict.fromkeys(set().union(*(_shown(*one, since) for one in lines)), GONE)
    for place, line in _conversation(lines):
        if line.get("type") == "gemini":
            mark_answered(found)
        shown = _shown(place, line, since)
        found.update((n, STANDING) for n in shown if found.get(n) != ANSWERED)
    return found


def _shown(place: int, line: dict, since: dict[int, int]) -> set[int]:
    """Those of the messages that a user's line, which ends there, brings to the model."""
    if line.get("type") != "user":
        return set()
    numbers = map(int, SHOWN.findall(_heard(line.get("content"))))
    return {n for n in numbers if since.get(n, place) < place}


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
    for place, line in lines:
        change = line.get("$set")
        if isinstance(change, dict):
            if isinstance(change.get("messages"), list):
                kept = [m for m in change["messages"] if isinstance(m, dict)]
                messages = {str(m.get("id")): (place, m) for m in kept}
        elif isinstance(line.get("id"), str):
            messages[line["id"]] = place, line
    return list(messages.values())


def _heard(content) -> str:
    """All text in a user line's content: typed, given by hooks, returned by tools."""
    if isinstance(content, str):
        return content
    found = []
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("text"), str):
            found.append(part["text"])
        response = (part.get("functionResponse") or {}).get("response")
        if isinstance(response, dict):
            found += [v for v in response.values() if isinstance(v, str)]
    return "\n".join(found)
