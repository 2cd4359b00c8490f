"""Gemini CLI's transcript: what the model was given, and whether its last turn was interrupted.

JSON lines, appended before the next hook runs. A message may be written again with the same id,
then the last counts; {"$set": {"messages": [...]}} replaces all, as after Esc, an error or
/compress: what is not in it any more, the model does not get again.
"""

import re

from ...bus.render import FRAMED
from .. import jsonl
from ..jsonl import parse, tail

# At the start of a line: elsewhere it is somebody's quote.
SHOWN = re.compile(r"^(?:<hook_context>)?" + FRAMED, re.MULTILINE)
RESET = b'{"$set":{"messages":['
INTRODUCTION = b"[hcom] You are "

readable = jsonl.readable


def seen(path: str, ids: list[int]) -> list[int]:
    """Those of the message `ids` that stand in the conversation with an answer of the model behind.

    Hook context is recorded as it is handed over, as <hook_context> in a prompt or a tool's result;
    the text of a turn end is a prompt.
    """
    shown, proven = set(), set()
    for line in conversation(path):
        if line.get("type") == "gemini":
            proven |= shown
        else:
            shown |= _shown(line)
    return sorted(proven & set(ids))


def kept(path: str, ids: list[int]) -> list[int]:
    """Those of the message `ids` that stand in the conversation, and so go to the model with its
    next request, if they have not before."""
    standing = set().union(*map(_shown, conversation(path)))
    return sorted(standing & set(ids))


def _shown(line: dict) -> set[int]:
    return (
        {int(n) for n in SHOWN.findall(_heard(line.get("content")))}
        if line.get("type") == "user"
        else set()
    )


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


def conversation(path: str) -> list[dict]:
    """The messages as they stand now, oldest first, as far as the transcript's tail tells."""
    messages: dict[str, dict] = {}
    for raw in tail(path):
        line = parse(raw)
        change = line.get("$set")
        if isinstance(change, dict):
            if isinstance(change.get("messages"), list):
                messages = {str(m.get("id")): m for m in change["messages"] if isinstance(m, dict)}
        elif isinstance(line.get("id"), str):
            messages[line["id"]] = line
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
