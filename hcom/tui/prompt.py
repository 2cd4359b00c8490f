"""What is typed and what is asked, as lines at the bottom. Pure."""

from ..adapters import TOOLS
from ..bus import address
from ..bus.agent import BIGBOSS
from ..errors import UnknownAgent
from .cells import Line, Look, Span, clusters, columns, laid
from .state import (
    ARCHIVE,
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
    Question,
)

ENTRY_LINES = 6


def reached(entry: Entry, data: Data) -> str:
    """Whom the message would go to."""
    mentions, listed = address.mentions(entry.text), [seen.agent for seen in data.agents]
    here = [agent for agent in listed if agent.stopped_at is None]
    if entry.reply_to and not mentions:
        return f"to {entry.of}, #{entry.reply_to}"
    try:
        to = address.recipients(mentions, here, listed, BIGBOSS)
    except UnknownAgent as error:
        return error.message.removeprefix("nothing sent: ")
    named = data.called(*to.names)
    if not mentions:
        everyone = f"to everyone: {len(to.names)} ({named})"
        return everyone if entry.to_all else "to nobody yet: @NAME (Tab completes)"
    words = " ".join(f"@{name}" for name in mentions)
    return f"to {words}" if words == f"@{named}" else f"to {words} = {named}"


def _rows(text: str, room: int) -> list[str]:
    """`text` in rows of `room` columns, broken anywhere: what is before a place in it has the same
    rows, but for the last."""
    rows = [""]
    for number, line in enumerate(text.split("\n")):
        used = 0
        rows += [""] * (number > 0)
        for letter, taken in clusters(line):
            if used + taken > room:
                rows.append("")
                used = 0
            rows[-1] += letter
            used += taken
    return rows


TITLES = {
    FILTER: "filter: a word, agent:luna tool:Edit, file_edits:luna, before:1d; none: all",
    TAG: "tag of {}",
    LAUNCH: f"launch: [N] {'|'.join(TOOLS)} [tag:T in:DIR terminal:T headless] [prompt]",
    WATCH: "be told of: a word, idle:luna, agent:luna tool:Edit; or: end sub-1a2b",
    SETTING: 'setting: KEY for all of it, KEY VALUE to set it, KEY "" to empty it',
    STATUS: f"hooks: add|remove [{'|'.join(TOOLS)}]",
    RUN: "run: SCRIPT [args], --help for what it takes",
    RELAY: "relay: on|off",
    ARCHIVE: "archive: its number",
}


def entry_lines(entry: Entry, data: Data, cols: int) -> "tuple[list[Line], tuple[int, int]]":
    """The lines of what is typed, and where in them the cursor is."""
    if entry.kind == MESSAGE:
        parts = [reached(entry, data), entry.intent]
        title = "   ".join(filter(None, [*parts, "sending" * entry.busy]))
    else:
        title = TITLES[entry.kind].format(data.called(entry.of)) + "   ..." * entry.busy
    rows, before = _rows(entry.text, cols - 4), _rows(entry.text[: entry.at], cols - 4)
    at = len(before) - 1
    first = max(0, at - ENTRY_LINES + 1)
    title += "   Enter again sends it" * entry.sure
    look = Look.NEED if title.startswith("to everyone") else Look.BAR
    lines = [laid(cols, [Span(" " + title, look)])]
    for number, row in enumerate(rows[first : first + ENTRY_LINES], first):
        lines.append(laid(cols, [Span("> " if not number else "  ", Look.DIM), Span(row)]))
    if entry.offer and not entry.text:
        lines[1] = laid(cols, [Span(f"> {entry.offer}", Look.DIM)], [Span("Tab ", Look.DIM)])
    return lines, (1 + at - first, 2 + columns(before[-1]))


def question(asked: Question, data: Data) -> str:
    """What is asked before it is done, and once an answer is taken, how to give it."""
    said = f"{asked.verb} {data.called(asked.name)}? {'y/n' if asked.open else '...'}"
    if asked.open and len(asked.tagged) > 1:
        said += f", t: all {len(asked.tagged)} with its tag: {data.called(*asked.tagged)}"
    return said
