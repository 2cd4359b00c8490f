"""Claude Code's transcript: what the model saw, and the conversation in it."""

import re

from ...bus.render import MARK
from ..base import WAKE_SIGN, fields, items
from ..jsonl import count, moment, parse, placed, shown, tail, texts
from ..lines import (
    ASKED,
    CALLED,
    EDITED,
    FAILED,
    GONE,
    RETURNED,
    SAID,
    SPENT,
    STANDING,
    TOLD,
    WOKEN,
    Given,
    Part,
    mark_answered,
)


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
    inside = SUBAGENTS in path  # all lines of its file are a subagent's
    since, lines = min((one.since for one in given.values()), default=0), placed(path)
    before = (line for place, line in reversed(lines) if place <= since and ANSWER in line)
    response = _response(parse(next(before, b"")))
    for place, line in lines:
        item = parse(line) if place > since else {}
        kind = item.get("type")
        if not item or bool(item.get("isSidechain")) != inside:
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
        printed = "\n".join(part.value for part in _results(item))
        here = shown(item, place, given, _told(item), printed)
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
    return [part for part in items(_message(item).get("content")) if isinstance(part, dict)]


def _response(item: dict) -> str:
    """The response of the model that a line is of; "" where it says none."""
    number = _message(item).get("id")
    return number if isinstance(number, str) and number.startswith("msg_") else ""


def _told(item: dict) -> list[str]:
    """What hooks said to the model."""
    given = fields(item.get("attachment"))
    said = given.get("content") if given.get("type") == "hook_additional_context" else None
    return [text for text in items(said) if isinstance(text, str)]


def _results(item: dict) -> list[Part]:
    """What tools returned to the model."""
    return [
        Part(
            FAILED if part.get("is_error") else RETURNED,
            "\n".join(texts(part.get("content"))),
            key=str(part.get("tool_use_id")),
        )
        for part in _parts(item)
        if part.get("type") == "tool_result"
    ]


# -- the conversation --

# A prompt, in the order in which all versions write it (2.1.197 to 2.1.332); and one that was typed
# while the model worked.
SIGNS = (
    b'"role":"user","content":"',
    b'"role":"user","content":[{"type":"',  # not the result of a tool, which says its id first
    b'"type":"queued_command"',
)
BRIEF = (b'"role":"assistant"', b'"is_error":true', b"[Request interrupted", MARK.encode())
# What the client puts in as a user's words: notices, commands of its own and what they print.
CLIENTS_OWN = (
    "<task-notification>",
    "<local-command-",
    "<command-name>",
    "<bash-",
    "<system-reminder>",
    "[Request interrupted",
    "[SYSTEM NOTIFICATION",
    "Stop hook feedback:",
)
COMMAND = ("name", "args")  # of a command of the user's, which the client marks so
# How a turn was broken off.
BROKEN_OFF = "[Request interrupted"
SUBAGENTS = "/subagents/"  # in the path of a subagent's transcript


def note(line: bytes, place: int, index) -> None:
    """What the line says of exchanges, see interface.Transcript. A prompt that hangs on what an
    earlier one hangs on takes its place: that one and all behind it are taken back."""
    item = parse(line)
    if not _prompt(item).value:
        return
    hangs_on = str(item.get("parentUuid") or item.get("logicalParentUuid"))[:8]
    known = index.facts.setdefault("hang_on", [])
    if hangs_on in known:
        index.take_back(known.index(hangs_on))
    known.append(hangs_on)
    index.begin(place, moment(item))


def _prompt(item: dict) -> Part:
    """What a person asked, or our wake; no value for anything else."""
    queued = fields(item.get("attachment"))
    if item.get("isCompactSummary"):
        return Part(ASKED)
    if queued.get("type") == "queued_command" and queued.get("commandMode") == "prompt":
        item = {**item, "origin": queued.get("origin"), "isMeta": queued.get("isMeta")}
        said = "\n".join(texts(queued.get("prompt")))
    elif item.get("type") == "user" and not _results(item):
        content = _message(item).get("content")
        said = _typed("\n".join(texts(content))) or ("[image]" if content else "")
    else:
        return Part(ASKED)
    if WAKE_SIGN in said and (said.startswith((WAKE_SIGN, *CLIENTS_OWN)) or _is_put_in(item)):
        return Part(WOKEN, said)
    return Part(ASKED, "" if said.startswith(CLIENTS_OWN) or _is_put_in(item) else said)


def _typed(said: str) -> str:
    """A prompt without what the client puts around a paste and around a command of the user's."""
    if said.startswith("<command-message>"):
        name, args = (re.search(f"<command-{x}>(.*?)</command-{x}>", said, re.S) for x in COMMAND)
        return f"{name[1] if name else ''} {args[1] if args else ''}".strip() or said
    return re.sub('\n?</?pasted_content id="[^"]*">\n?', "", said).strip("\n")


def _is_put_in(item: dict) -> bool:
    """Whether the client says that no person typed it; versions before 2.1.300 only mark it."""
    return bool(item.get("isMeta")) or fields(item.get("origin")).get("kind", "human") != "human"


def parts(line: bytes, _facts: dict) -> list[Part]:
    """What the line says, see interface.Transcript."""
    item = parse(line)
    if item.get("type") == "assistant":
        return _answered(item)
    asked = _prompt(item)
    found = [asked] if asked.value else []
    found += [Part(TOLD, text) for text in _told(item)]
    if item.get("type") == "user":
        said = [text for text in texts(_message(item).get("content")) if not asked.value]
        found += [Part(FAILED, text) for text in said if text.startswith(BROKEN_OFF)]
        found += _results(item)
    return found


def _answered(item: dict) -> list[Part]:
    """What the model wrote, or the client in its name."""
    found = []
    for part in _parts(item):
        if part.get("type") == "text":
            kind = FAILED if item.get("isApiErrorMessage") else SAID
            found.append(Part(kind, str(part.get("text"))))
        elif part.get("type") == "tool_use":
            name, key, given = str(part.get("name")), str(part.get("id")), fields(part.get("input"))
            found += [Part(CALLED, given, name, key), *_edits(given, key)]
    spent = fields(_message(item).get("usage"))
    taken = [count(spent.get(name)) for name in ("input_tokens", *CACHED, "output_tokens")]
    if any(taken):
        found.append(Part(SPENT, (sum(taken[:-1]), taken[-1]), key=_response(item)))
    return found


CACHED = ("cache_creation_input_tokens", "cache_read_input_tokens")


def _edits(given: dict, key: str) -> list[Part]:
    """What the input of an editing tool does to its file."""
    file = given.get("file_path") or given.get("notebook_path")
    several = given.get("edits")
    edits = several if isinstance(several, list) else [given]
    pairs = [
        (str(one.get("old_string") or ""), str(new))
        for one in map(fields, edits)
        for new in [one.get("new_string", one.get("new_source", one.get("content")))]
        if isinstance(new, str)
    ]
    return [Part(EDITED, pair, file, key) for pair in pairs] if isinstance(file, str) else []


def within(path: str, subagent: str) -> str:
    """The transcript of a subagent, which has a file of its own."""
    return f"{path.removesuffix('.jsonl')}{SUBAGENTS}agent-{subagent}.jsonl"


def is_broken_off(path: str) -> bool:
    """Whether the conversation ends with an interruption, of which no hook tells."""
    lines = [line for line in tail(path) if line]
    said = "\n".join(texts(_message(parse(lines[-1])).get("content"))) if lines else ""
    return said.startswith(BROKEN_OFF)
