"""Codex's rollout file: what the model saw, and the conversation in it."""

import re

from ...bus.render import FRAMED
from .. import jsonl
from ..jsonl import parse, tail


def seen(path: str, ids: list[int]) -> list[int]:
    """Those of the message `ids` that stand in the rollout with an answer of the model behind.

    Context is recorded as a developer message, a turn end's reason as a user message
    <hook_prompt>, both when they are put into the conversation. Only what the model wrote in a
    later response says that it got them; one under way ends with a token_usage_record.
    """
    wanted = set(ids)
    late, shown, proven = set(), set(), set()
    answering = False
    for line in tail(path):
        item = parse(line)
        what, part = item.get("type"), item.get("payload")
        if what == "token_usage_record":
            answering, late, shown = False, set(), shown | late
        if what != "response_item" or not isinstance(part, dict):
            continue
        kind, role = part.get("type"), part.get("role")
        if role == "assistant" or kind in MODEL_ITEMS:
            answering, proven = True, proven | shown
        elif role == "developer" or (role == "user" and _text(part).startswith("<hook_prompt")):
            found = {int(n) for n in re.findall(FRAMED, _text(part))} & wanted
            late, shown = (late | found, shown) if answering else (late, shown | found)
    return sorted(proven)


kept, readable = seen, jsonl.readable

# What the model writes when it is no message.
MODEL_ITEMS = (
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "reasoning",
    "web_search_call",
)


def _text(item: dict) -> str:
    parts = item.get("content")
    if not isinstance(parts, list):
        return ""
    return "\n".join(str(p.get("text", "")) for p in parts if isinstance(p, dict))
