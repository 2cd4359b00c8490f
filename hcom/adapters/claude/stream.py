"""Claude Code without a terminal that stays alive: prompts as JSON lines (2.1.197, 2.1.330)."""

import json

from ..base import fields, items
from ..flags import groups, values
from .flags import FLAGS
from .hook import wake_prompt
from .launch import is_printing

STREAMED = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]


def line(text: str) -> str:
    """A prompt as a line of input."""
    return json.dumps(
        {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": text}]}}
    )


def wake() -> str:
    """The line that makes the prompt hook hand over what waits."""
    return line(wake_prompt("uds:hcom"))


def words(line: str) -> str:
    """What a line of output says to a person, "" for nothing: the model's text, and the tools that
    it uses. What is no such line is said as it is."""
    try:
        said = json.loads(line)
        kind, message = said["type"], said.get("message")
    except (ValueError, TypeError, KeyError, RecursionError):
        return line
    if kind == "result" and said.get("is_error"):
        return f"error: {said.get('result') or said.get('subtype')}"
    if kind != "assistant" or not isinstance(message, dict):
        return ""
    blocks = map(fields, items(message.get("content")))
    return "\n".join(
        str(block["text"]) if "text" in block else f"[{block['name']}]"
        for block in blocks
        if block.get("text") or "name" in block
    )


def fed(args) -> tuple[list[str], list[str] | None]:
    """`claude -p ... PROMPT` as (arguments of a client that reads lines, its first lines); None for
    the lines where the arguments say another format, are not of -p, or say a flag that is not
    known: what looks like the prompt may be its value."""
    found, said = groups(args, FLAGS), values(args, FLAGS)
    formats = {"--input-format", "--output-format"}
    if not is_printing(args) or formats & said.keys() or not FLAGS.knows(said):
        return list(args), None
    kept = [w for flag, words in found if flag and flag != "--verbose" for w in words]
    prompts = [w for flag, words in found if not flag for w in words if w != "--"]
    return kept + STREAMED, [line("\n".join(prompts))] if prompts else []
