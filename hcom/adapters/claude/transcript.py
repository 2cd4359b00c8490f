"""Claude Code's transcript: what the model saw, and the conversation in it."""

from ..base import GONE, STANDING, Given, fields, mark_answered
from ..jsonl import parse, placed, shown, texts


def fates(path: str, given: dict[int, Given]) -> dict[int, str]:
    """What became of each message, see interface.Transcript.

    Context that a hook gave is recorded as an attachment when it is handed over. Only a response
    that begins after it says that the model got it: one has a line for each of its tool calls, and
    they come also behind the context of the first. A prompt that is interrupted before there is any
    output is taken back with its context: the next one hangs on what was before it, and so does a
    compaction.
    """
    found: dict[int, str] = {}
    turns: list[tuple[set, set]] = [(set(), set())]  # the lines of each turn, what was shown in it
    since, lines = min((one.since for one in given.values()), default=0), placed(path)
    before = (line for place, line in reversed(lines) if place <= since and ANSWER in line)
    response = _response(parse(next(before, b"")))
    for place, line in lines:
        item = parse(line) if place > since else {}
        kind = item.get("type")
        if not item or item.get("isSidechain"):  # of a subagent
            continue
        if kind == "assistant":
            begun = _response(item)
            if begun != response or not begun:
                response = begun
                if not item.get("isApiErrorMessage") and _message(item).get("model") != NO_MODEL:
                    mark_answered(found)
        elif kind == "user" and not any("tool_use_id" in part for part in _parts(item)):
            _begin(turns, item.get("parentUuid"), found)
        elif item.get("subtype") == "compact_boundary":
            _begin(turns, item.get("logicalParentUuid"), found)
        here = shown(item, place, given, _told(item), _printed(item))
        found.update(dict.fromkeys(here, STANDING))
        turns[-1][0].add(item.get("uuid"))
        turns[-1][1].update(here)
    return found


ANSWER = b'"type":"assistant"'
NO_MODEL = "<synthetic>"  # what the client itself says in its model's name


def _begin(turns: list, parent: "str | None", found: dict[int, str]) -> None:
    """A line that hangs on `parent` begins a turn; those it does not hang on are taken back."""
    while parent and turns and parent not in turns[-1][0]:
        found.update((n, GONE) for n in turns.pop()[1] if found[n] == STANDING)
    turns.append((set(), set()))


def _message(item: dict) -> dict:
    return fields(item.get("message"))


def _parts(item: dict) -> list[dict]:
    content = _message(item).get("content")
    return [p for p in content if isinstance(p, dict)] if isinstance(content, list) else []


def _response(item: dict) -> str:
    """The response of the model that a line is of; "" where it says none."""
    number = _message(item).get("id")
    return number if isinstance(number, str) and number.startswith("msg_") else ""


def _told(item: dict) -> list[str]:
    """What hooks said to the model."""
    given = fields(item.get("attachment"))
    said = given.get("content") if given.get("type") == "hook_additional_context" else None
    return [text for text in said if isinstance(text, str)] if isinstance(said, list) else []


def _printed(item: dict) -> str:
    """What tools returned to the model."""
    results = [part.get("content") for part in _parts(item) if part.get("type") == "tool_result"]
    return "\n".join(text for one in results for text in texts(one))
