"""Codex's rollout file: what the model saw, and the conversation in it."""

import re

from ...bus.render import FRAMED
from ..base import STANDING, mark_answered
from ..jsonl import parse, placed

FRAME = re.compile(FRAMED)


def fates(path: str, since: dict[int, int]) -> dict[int, str]:
    """What became of each message (its id: how long the file was before it was given to the model)
    as base.ANSWERED and so on; nothing of one that is not there.

    Context is recorded as a developer message, a turn end's reason as a user message
    <hook_prompt>, both when they are put into the conversation. Only what the model wrote in a
    later response says that it got them; one under way ends with a token_usage_record.
    """
    found: dict[int, str] = {}
    late: set[int] = set()  # shown while a response is under way
    answering = False
    for place, line in placed(path):
        item = parse(line)
        what, part = item.get("type"), item.get("payload")
        if what == "token_usage_record":
            answering, late = False, set()
        if what != "response_item" or not isinstance(part, dict):
            continue
        if part.get("role") == "assistant" or part.get("type") in MODEL_ITEMS:
            answering = True
            mark_answered(found, late)
            continue
        shown = {n for n in map(int, FRAME.findall(_told(part))) if since.get(n, place) < place}
        late |= shown if answering else set()
        found.update(dict.fromkeys(shown, STANDING))
    return found


def _told(part: dict) -> str:
    """What this item brings to the model from a hook, or from a command; "" for what others say."""
    text, role = _text(part), part.get("role")
    if role == "developer" or (role == "user" and text.startswith("<hook_prompt")):
        return text
    return str(part.get("output", "")) if part.get("type") in OUTPUTS else ""


# What the model writes when it is no message.
MODEL_ITEMS = (
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "reasoning",
    "web_search_call",
)
OUTPUTS = ("function_call_output", "custom_tool_call_output")


def _text(item: dict) -> str:
    parts = item.get("content")
    if not isinstance(parts, list):
        return ""
    return "\n".join(str(p.get("text", "")) for p in parts if isinstance(p, dict))
