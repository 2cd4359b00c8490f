"""Typing at the bottom of the screen: each edit makes one entry another. Pure."""

import os
import re
from collections import namedtuple

from .. import config
from ..adapters import TOOLS
from ..bus.agent import BIGBOSS
from ..bus.message import INFORM, REQUEST
from ..errors import UsageError
from ..store import filters
from .state import (
    FILTER,
    LAUNCH,
    MESSAGE,
    RELAY,
    RUN,
    SETTING,
    STATUS,
    TAG,
    WATCH,
    Data,
    Entry,
    State,
    event_of,
    selected,
)

LISTED = re.compile(r"\A([\w-]+) {2}")  # what a line of a page is about
INTENTS = ("", REQUEST, INFORM)


def written(state: State, data: Data) -> Entry:
    """What is begun for the selected agent; where there is none, for nobody yet."""
    found = selected(state, data)
    text = f"@{found.agent.display} " if found else ""
    return Entry(MESSAGE, text, len(text))


def answering(state: State, data: Data) -> Entry:
    """The reply to the selected message, or to what the selected agent asks; else as `written`."""
    found, one = selected(state, data), event_of(state, data)
    asked = data.asks.get(found.agent.name) if found else None
    if one and one.type == "message":
        to = one.data["delivered_to"] if one.instance == BIGBOSS else [one.instance]
        return Entry(MESSAGE, of=data.called(*to), reply_to=str(one.id))
    if found and asked:
        return Entry(MESSAGE, of=found.agent.display, reply_to=str(asked.id))
    return written(state, data)


def _line(entry: Entry) -> tuple[int, int]:
    """Where the line that the cursor is in begins and ends."""
    end = entry.text.find("\n", entry.at)
    return entry.text.rfind("\n", 0, entry.at) + 1, len(entry.text) if end < 0 else end


def _without(entry: Entry, first: int, last: int) -> Entry:
    first = max(first, 0)
    return entry._replace(text=entry.text[:first] + entry.text[last:], at=first)


def _word(entry: Entry) -> int:
    """Where the word before the cursor begins."""
    before = entry.text[: entry.at].rstrip()
    return max(before.rfind(" "), before.rfind("\n")) + 1


EDITS = {
    "left": lambda e: e._replace(at=max(e.at - 1, 0)),
    "right": lambda e: e._replace(at=min(e.at + 1, len(e.text))),
    "begin": lambda e: e._replace(at=_line(e)[0]),
    "end": lambda e: e._replace(at=_line(e)[1]),
    "erase": lambda e: _without(e, e.at - 1, e.at),
    "erase_next": lambda e: _without(e, e.at, e.at + 1),
    "erase_word": lambda e: _without(e, _word(e), e.at),
    "erase_line": lambda e: _without(e, _line(e)[0], e.at),
    "newline": lambda e: inserted(e, "\n"),
    "intent": lambda e: e._replace(intent=INTENTS[(INTENTS.index(e.intent) + 1) % len(INTENTS)]),
}


def inserted(entry: Entry, text: str) -> Entry:
    """The entry with `text` where the cursor was; on one line, where it is no message."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text if entry.kind == MESSAGE else text.replace("\n", " ")
    at = entry.at + len(text)
    return entry._replace(text=entry.text[: entry.at] + text + entry.text[entry.at :], at=at)


def recalled(entry: Entry, sent: tuple[str, ...], by: int) -> Entry:
    """The entry with what was sent `by` messages before; what was typed is kept at the near end."""
    if not 0 <= entry.back + by <= len(sent):
        return entry
    texts = [*sent, entry.draft if entry.back else entry.text]
    text = texts[len(texts) - 1 - entry.back - by]
    return entry._replace(text=text, at=len(text), back=entry.back + by, draft=texts[-1])


def offered(kind: str, agents, lines=()) -> set[str]:
    """The words that Tab completes where that is typed, below these lines of a page."""
    names, tags = {a.display for a in agents}, {a.tag for a in agents if a.tag}
    flags = {f"{flag}:" for flag in filters.FLAGS}
    flags |= {f"{flag}:{name}" for flag in ("agent", "from", "to") for name in names}
    about = {f"{name}:{of}" for name, p in filters.PRESETS.items() if p.sql for of in names}
    about |= {name for name, p in filters.PRESETS.items() if p.everyone}
    listed = {name for line in lines for name in LISTED.findall(line)}
    return {
        MESSAGE: {f"@{name}" for name in names | tags},
        FILTER: flags | about,
        WATCH: flags | about | {f"{kind}:" for kind in filters.COMMANDS} | {"end", *listed},
        RUN: listed,
        LAUNCH: {*TOOLS, *LAUNCH_WORDS, *(f"tag:{tag}" for tag in tags)},
        SETTING: set(config.SHORT_KEYS),
        RELAY: {"on", "off"},
        STATUS: {*TOOLS, "add", "remove"},
        TAG: tags,
    }.get(kind, set())


def completed(entry: Entry, words) -> "tuple[Entry, list[str]]":
    """The word before the cursor as far as those of `words` agree that begin so, and these."""
    if entry.offer and not entry.text:
        return inserted(entry, entry.offer), []
    head = entry.text[: entry.at]
    begun = re.search(r"@[^\s@]*\Z" if entry.kind == MESSAGE else r"\S*\Z", head)
    if not begun:
        return entry, []
    is_begun = begun[0].lower()
    found = sorted(w for w in words if w.lower().startswith(is_begun) and w.lower() != is_begun)
    if not found:
        return entry, []
    done = os.path.commonprefix(found) + " " * (len(found) == 1 and found[0][-1] != ":")
    rest = head[: begun.start()] + entry.text[entry.at :]
    return inserted(entry._replace(text=rest, at=begun.start()), done), found


# What is to be launched: how many of which tool, with which tag, where, with which prompt
Wanted = namedtuple(
    "Wanted", "tool many tag cwd headless prompt terminal", defaults=(1, None, "", False, "", "")
)


LAUNCH_WORDS = ("tag:", "in:", "terminal:", "headless")
ASKED = re.compile(
    rf"\s*(?:(?P<count>\d{{1,3}})\s+)?(?P<tool>{'|'.join(TOOLS)})(?=\s|\Z)"
    r"(?P<words>(?:\s+(?:tag:\S*|(?:in|terminal):\S+|headless)(?=\s|\Z))*)\s*(?P<prompt>.*)",
    re.DOTALL,
)


def setting(text: str) -> tuple[str, str]:
    """Which setting a line names, as KEY VALUE or KEY=VALUE, and the value; "" for none."""
    return re.findall(r"\A\s*([^\s=]*)\s*=?\s*(.*?)\s*\Z", text, re.DOTALL)[0]


def wanted(text: str) -> Wanted:
    """What is asked for by words such as: 2 claude tag:web in:~/api headless fix the tests.
    UsageError."""
    found = ASKED.match(text)
    if not found:
        raise UsageError("launch what?", f"[N] {'|'.join(TOOLS)} [prompt]")
    words = dict(word.partition(":")[::2] for word in found["words"].split())
    return Wanted(
        found["tool"],
        int(found["count"] or 1),
        words.get("tag"),
        words.get("in", ""),
        "headless" in words,
        found["prompt"].strip(),
        words.get("terminal", ""),
    )
