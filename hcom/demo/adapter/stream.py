"""A stand-in without a terminal that stays alive: prompts as JSON lines."""

import json

from ..base import WAKE_TEXT
from ..flags import groups
from ..plain import words
from .launch import FLAGS, is_printing

__all__ = ["fed", "line", "wake", "words"]


def line(prompt: str) -> str:
    """A prompt as a line of input."""
    return json.dumps({"prompt": prompt})


def wake() -> str:
    """The line that makes the prompt hook hand over what waits."""
    return line(WAKE_TEXT)


def fed(args) -> tuple[list[str], list[str] | None]:
    """Arguments of a client that reads lines, and its first lines; None where it would not."""
    if not is_printing(args):
        return list(args), None
    found = groups(args, FLAGS)
    kept = [word for flag, words in found if flag and flag != "-p" for word in words]
    prompts = [word for flag, words in found if not flag for word in words if word != "--"]
    return [*kept, "--lines"], [line(prompt) for prompt in prompts]
