"""Claude Code's transcript: what the model saw, and the conversation in it."""

import re

from ...bus.render import FRAMED, MARK
from ..base import GONE, STANDING, mark_answered
from ..jsonl import placed

# Lines that hold the text and are not the conversation: what a hook printed, and what was sent.
BESIDE = (b'"type":"hook_success"', b'"type":"api-request')
NOT_THE_MODEL = (b'"isApiErrorMessage":true', b'"model":"<synthetic>"')
SUBAGENT = b'"isSidechain":true'


def fates(path: str, since: dict[int, int]) -> dict[int, str]:
    """What became of each message (its id: how long the file was before it was given to the model)
    as base.ANSWERED and so on; nothing of one that is not there.

    Context that a hook gave is recorded as an attachment when it is handed over. Only a response
    that begins after it says that the model got it: one has a line for each of its tool calls, and
    they come also behind the context of the first. A prompt that is interrupted before there is any
    output is taken back with its context: the next one hangs on what was before it.
    """
    found: dict[int, str] = {}
    turns: list[tuple[set, set]] = [(set(), set())]  # the lines of each turn, what was shown in it
    response, mark = b"", MARK.encode()
    for place, line in placed(path):
        if SUBAGENT in line:
            continue
        if b'"type":"assistant"' in line:
            begun = _field(line, b'"id":"msg_')
            if begun != response or not begun:
                response = begun
                if not any(sign in line for sign in NOT_THE_MODEL):
                    mark_answered(found)
        elif not any(sign in line for sign in BESIDE):
            if b'"type":"user"' in line and b'"tool_use_id"' not in line:
                _begin(turns, line, found)
            if mark in line:
                numbers = map(int, re.findall(FRAMED.encode(), line))
                shown = {n for n in numbers if since.get(n, place) < place}
                turns[-1][1].update(shown)
                found.update(dict.fromkeys(shown, STANDING))
        turns[-1][0].update(part.partition(b'"')[0] for part in line.split(b'"uuid":"')[1:])
    return found


def _begin(turns: list, line: bytes, found: dict[int, str]) -> None:
    """A user's line begins a turn; those that it does not hang on are taken back."""
    parent = _field(line, b'"parentUuid":"')
    while parent and turns and parent not in turns[-1][0]:
        found.update((n, GONE) for n in turns.pop()[1] if found[n] == STANDING)
    turns.append((set(), set()))


def _field(line: bytes, opening: bytes) -> bytes:
    """What stands behind `opening` in the line, up to its quote; b"" for nothing."""
    return line.partition(opening)[2].partition(b'"')[0]
