"""Frames: what the screen shows of a state and its data, line by line. Pure."""

from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import NamedTuple

from ..adapters import TOOLS
from ..bus import address
from ..bus.agent import ACTIVE, BIGBOSS, BLOCKED, INACTIVE, LISTENING, MARKS
from ..bus.render import age
from ..errors import UnknownAgent
from ..ops.agents import Seen
from ..store.deliveries import DELIVERED, QUEUED, SEEN
from ..store.events import Event
from . import keys
from .cells import Line, Look, Span, clusters, columns, laid, pad, wrapped
from .keys import View
from .state import (
    ARCHIVE,
    EVENT,
    FILTER,
    LAUNCH,
    MESSAGE,
    SETTING,
    TAG,
    WATCH,
    Asked,
    Data,
    Entry,
    Question,
    State,
    agent_at,
    event_at,
    need,
)

COLS, ROWS = 60, 15  # with less there is room for nothing that helps
NOW_S, COARSE_S = 10, 10  # ages are coarse: a screen on which nothing happens stands still
TEXT_LINES, INDENT = 3, 6  # of a message in the stream
ENTRY_LINES = 6
LOOKS = {BLOCKED: Look.NEED, ACTIVE: Look.WORK, LISTENING: Look.IDLE, INACTIVE: Look.DIM}


class Frame(NamedTuple):
    """A whole screen: its lines, each as wide as it, where the cursor stands as (row, column), None
    for nowhere, and the ids of the events on it."""

    lines: list[Line]
    cursor: "tuple[int, int] | None" = None
    events: tuple[int, ...] = ()


class Place(NamedTuple):
    """Where and when it is looked from: the size, the time, and the person's home directory."""

    cols: int
    rows: int
    now: float
    home: str = "/"


def coarse(seconds: float) -> str:
    """An age that need not be drawn anew each second."""
    if seconds < NOW_S:
        return "now"
    return age(seconds - seconds % COARSE_S if seconds < 60 else seconds)


def scrolled(heights: Sequence[int], top: int, chosen: int, room: int) -> int:
    """The first item to show, as near to `top` as can be, so that the `chosen` is seen whole and no
    room is left over below."""
    top = max(min(top, chosen), 0)
    while top < chosen and sum(heights[top : chosen + 1]) > room:
        top += 1
    while top > 0 and sum(heights[top - 1 :]) <= room:
        top -= 1
    return top


# -- agents --


def doing(seen: Seen, asks: dict[str, Asked], home: str) -> str:
    """What the agent does, or wants."""
    agent = seen.agent
    if agent.status != BLOCKED and agent.name in asks:
        return f"asks: {asks[agent.name].text}"
    if agent.status == LISTENING:
        return "idle"
    # a path is cut at its end, which is what tells
    detail = short(agent.detail.removeprefix(f"{agent.directory}/" * bool(agent.directory)), home)
    what = f"{agent.context.removeprefix('tool:')} {detail}".strip()
    return what or agent.status


def short(path: str, home: str) -> str:
    """The directory, from the person's home."""
    return "~" + path[len(home) :] if f"{path}/".startswith(f"{home}/") else path


def _notes(seen: Seen) -> str:
    notes = [f"{seen.unread} unread"] if seen.unread else []
    notes += ["not woken"] if seen.agent.wake_failure else []
    notes += ["headless"] if seen.agent.headless else []
    return ", ".join(notes)


def agent_line(seen: Seen, asks, place: Place, named: int, chosen: bool) -> Line:
    """The line of one agent; its name has `named` columns."""
    agent = seen.agent
    look = Look.NEED if agent.name in asks else LOOKS[agent.status]
    where = short(agent.directory, place.home)
    right = f"{coarse(place.now - agent.status_at):>4} {pad(_notes(seen), 10)}"
    right += " " + pad(where[-(place.cols // 6) :], place.cols // 6) if place.cols >= 80 else ""
    head = f"{'>' if chosen else ' '}{MARKS[agent.status]} {pad(agent.display, named)} "
    room = place.cols - columns(head) - 8 - columns(right) - 1
    spans = [
        Span(head, Look.CHOSEN if chosen else look),
        Span(pad(agent.tool, 7) + " ", Look.DIM),
        Span(
            pad(doing(seen, asks, place.home), room) + " ",
            look if look == Look.NEED else Look.PLAIN,
        ),
        Span(right, Look.DIM),
    ]
    return laid(place.cols, spans)


def agents(state: State, data: Data, place: Place, room: int) -> "tuple[list[Line], int]":
    """The lines of the list, and the first agent shown."""
    if not data.agents:
        return [laid(place.cols, [Span(" no agents; start one with: hcom claude", Look.DIM)])], 0
    at = agent_at(state, data)
    top = scrolled([1] * len(data.agents), state.top_agent, at, room)
    shown = data.agents[top : top + room]
    named = min(max(columns(seen.agent.display) for seen in shown), 20)
    return [
        agent_line(seen, data.asks, place, named, number == at)
        for number, seen in enumerate(shown, top)
    ], top


# -- the stream --


def clock(timestamp: str, now: float) -> str:
    """When that was, here: the time, and of another day the day."""
    at = datetime.fromisoformat(timestamp.replace("Z", "+00:00")).astimezone()
    today = datetime.fromtimestamp(now, timezone.utc).astimezone().date()
    return at.strftime("%H:%M" if at.date() == today else "%b %d %H:%M")


def receipt(states: dict[str, str]) -> str:
    """How far a message came."""
    came = list(states.values())
    if len(came) == 1:
        return "✓ seen" if came[0] == SEEN else came[0]
    if not came:
        return "to nobody"
    count = came.count(SEEN)
    done = f"✓ {count}/{len(came)} seen" if count else f"{came.count(DELIVERED)}/{len(came)} there"
    left = [name for name, found in states.items() if found == QUEUED]
    return f"{done}, {left[0]} queued" if len(left) == 1 else done


def _message(event: Event, data: Data, head: str, cols: int) -> list[Line]:
    said = event.data
    to = "everyone" if said["scope"] == "broadcast" else ", ".join(said["delivered_to"])
    answer = f" ↩ #{said['reply_to']}" if said.get("reply_to") else ""
    thread = f" th:{said['thread']}" if said.get("thread") else ""
    look = Look.BAD if said.get("intent") == "error" else Look.BOLD
    spans = [
        Span(head, Look.DIM),
        Span(f"{event.instance} → {to}", look),
        Span(f"  {said.get('intent') or ''}{thread}{answer}", Look.DIM),
    ]
    states = data.receipts.get(event.id, {})
    came = Span(f" {receipt(states)} ", Look.DIM)
    if states.get(BIGBOSS) == QUEUED:
        came = Span(" NEW ", Look.NEED)
    most = TEXT_LINES * cols  # all that can show
    texts = list(islice(wrapped(said["text"][:most], cols - INDENT - 1), TEXT_LINES + 1))
    more = [Span(" Enter: all ", Look.DIM)] if texts[TEXT_LINES:] or said["text"][most:] else []
    lines = [laid(cols, [Span(" " * INDENT + text)]) for text in texts[:TEXT_LINES]]
    lines[-1] = laid(cols, [Span(" " * INDENT + texts[len(lines) - 1])], more)
    return [laid(cols, spans, [came]), *lines]


def _said(event: Event, data: Data, home: str) -> "tuple[str, str, Look]":
    """The letter and the words of an event that is no message, and how they look."""
    said, kind = event.data, event.type
    if kind == "life":
        by = f" by {said['by']}" if said.get("by") else ""
        return "+-"[said["action"] == "stopped"], f"{said['action']}{by} {said['reason']}", Look.DIM
    act, what = data.acts.get(event.id, ("", ""))
    context, detail = str(said["context"]), str(said["detail"])
    if act == "edit":
        return "~", f"edit {short(detail or what, home)}", Look.WORK
    if act == "command":
        return "$", f"{what or detail}", Look.PLAIN
    if context.startswith("tool:"):
        return "·", f"{context[5:]} {short(detail, home)}", Look.PLAIN
    if context.startswith("deliver:"):
        return "«", f"reads {context[8:]} {detail}", Look.DIM
    status = said["val"]
    return MARKS.get(status, "?"), f"{status} {context} {detail}", LOOKS.get(status, Look.DIM)


def event_lines(event: Event, data: Data, place: Place, chosen: bool) -> list[Line]:
    """The lines of one event."""
    mark = ">" if chosen else " "
    if event.type == "message":
        head = f"{mark}»#{event.id} {clock(event.timestamp, place.now)} "
        lines = _message(event, data, head, place.cols)
    else:
        letter, words, look = _said(event, data, place.home)
        head = f"{mark}{letter}#{event.id} {clock(event.timestamp, place.now)} "
        lines = [
            laid(
                place.cols,
                [Span(head, Look.DIM), Span(event.instance + "  ", look), Span(words, look)],
            )
        ]
    if chosen:
        lines[0][0] = lines[0][0]._replace(look=Look.CHOSEN)
    return lines


def stream(
    state: State, data: Data, place: Place, room: int
) -> "tuple[list[Line], tuple[int, ...]]":
    """The lines of the stream, and the ids of the events that are shown whole."""
    if not data.events:
        said = "no such events" if state.filter else "nothing has happened yet"
        return [laid(place.cols, [Span(" " + said, Look.DIM)])], ()
    at = event_at(state, data)
    near = range(max(0, at - room), min(len(data.events), at + room + 1))
    seen = state.view == View.STREAM
    found = {n: event_lines(data.events[n], data, place, n == at and seen) for n in near}
    heights = [len(found[n]) for n in near]
    first = next((n for n in near if data.events[n].id >= state.top), near[-1])
    high = room - bool(state.event)
    top = near[scrolled(heights, first - near[0], at - near[0], high)]
    shown = [n for n in near if n >= top]
    lines = [line for n in shown for line in found[n]]
    while shown and sum(len(found[n]) for n in shown) > high:
        shown.pop()
    lines = lines[:high]
    if state.event:
        more = f" {len(data.events) - 1 - at} more behind it (G: the newest)"
        lines.append(laid(place.cols, [Span(more, Look.DIM)]))
    return lines, tuple(data.events[n].id for n in shown) or (data.events[at].id,)


# -- what is typed --


def reached(entry: Entry, listed) -> str:
    """Whom the message would go to."""
    mentions = address.mentions(entry.text)
    if entry.reply_to and not mentions:
        return f"to {entry.of}, #{entry.reply_to}"
    try:
        to = address.recipients(mentions, listed, listed, BIGBOSS)
    except UnknownAgent as error:
        return error.message.removeprefix("nothing sent: ")
    if not mentions:
        return f"to everyone: {len(to.names)}"
    words = " ".join(f"@{name}" for name in mentions)
    named = ", ".join(to.names)
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
    FILTER: "filter, such as agent:luna tool:Edit, or before:1d; nothing for all",
    TAG: "tag of {}",
    LAUNCH: f"launch: [N] {'|'.join(TOOLS)} [tag:NAME] [in:DIR] [headless] [prompt]",
    WATCH: "be told of, such as idle:luna, cmd:commit, or agent:luna tool:Edit",
    SETTING: "setting: KEY VALUE",
    ARCHIVE: "archive: its number",
}


def entry_lines(entry: Entry, data: Data, cols: int) -> "tuple[list[Line], tuple[int, int]]":
    """The lines of what is typed, and where in them the cursor is."""
    if entry.kind == MESSAGE:
        parts = [reached(entry, [seen.agent for seen in data.agents]), entry.intent]
        title = "   ".join(filter(None, [*parts, "sending" * entry.busy]))
    else:
        title = TITLES[entry.kind].format(entry.of) + "   ..." * entry.busy
    rows, before = _rows(entry.text, cols - 4), _rows(entry.text[: entry.at], cols - 4)
    at = len(before) - 1
    first = max(0, at - ENTRY_LINES + 1)
    lines = [laid(cols, [Span(" " + title, Look.BAR)])]
    for number, row in enumerate(rows[first : first + ENTRY_LINES], first):
        lines.append(laid(cols, [Span("> " if not number else "  ", Look.DIM), Span(row)]))
    if entry.note:
        lines.append(laid(cols, [Span(" " + entry.note, Look.BAD)]))
    return lines, (1 + at - first, 2 + columns(before[-1]))


def question(asked: Question) -> str:
    """What is asked before it is done."""
    said = f"{asked.verb} {asked.name}? y/n"
    if len(asked.tagged) > 1:
        said += f", t: all {len(asked.tagged)} with its tag: {', '.join(asked.tagged)}"
    return said


# -- the whole --


def needy(data: Data) -> int:
    """How many agents need a person."""
    return sum(need(seen, data.asks) < 2 for seen in data.agents)


def title(data: Data, cols: int) -> Line:
    """The first line: how many need a person, work, and are idle."""
    status, wanted = [seen.agent.status for seen in data.agents], needy(data)
    counts = [(status.count(ACTIVE), "working"), (status.count(LISTENING), "idle")]
    words = "   ".join(f"{count} {word}" for count, word in counts if count)
    mail = f"   {data.unread} unread by you" if data.unread else ""
    spans = [
        Span(" hcom   ", Look.BOLD),
        Span(f"{wanted} need you   " if wanted else "", Look.NEED),
        Span(words + mail, Look.BAR),
    ]
    return laid(cols, spans, [Span("? help ", Look.BAR)])


def _bar(text: str, cols: int, focused: bool, right: str = "") -> Line:
    dashes = "-" * max(cols - 4 - columns(text) - columns(right), 0)
    look = Look.BOLD if focused else Look.DIM
    return laid(cols, [Span(f"-- {text} {dashes}", look)], [Span(right, Look.DIM)])


def _lists(state: State, data: Data, place: Place, room: int) -> "tuple[Frame, State]":
    on_agents = state.view == View.AGENTS
    share = max((room - 2) // (2 if on_agents else 4), 3)
    above, top_agent = agents(state, data, place, min(max(len(data.agents), 1), share))
    below, events = stream(state, data, place, room - 2 - len(above))
    asked = f" /{state.filter} (Esc: all) " if state.filter else ""
    lines = [
        _bar("agents", place.cols, on_agents, "" if on_agents else " Tab "),
        *above,
        _bar("stream", place.cols, not on_agents, asked + " Tab " * on_agents),
        *below,
    ]
    # Whoever is selected stays so when others come before them.
    agent = data.agents[agent_at(state, data)].agent.name if data.agents else ""
    top = events[0] if events else 0
    state = state._replace(top_agent=top_agent, top=top, agent=agent)
    return Frame(lines, events=events), state


def _page(state: State, cols: int, room: int) -> "tuple[Frame, State]":
    page = state.page
    assert page
    top = max(0, min(page.top, len(page.lines) - room + 1))
    shown = page.lines[top : top + room - 1]
    where = f" {top + len(shown)}/{len(page.lines)} " if len(page.lines) > len(shown) else ""
    bar = _bar(f"{page.kind} {page.of}".strip(), cols, True, where)
    lines = [bar, *(laid(cols, [Span(" " + line)]) for line in shown)]
    events = (int(page.of),) if page.kind == EVENT else ()
    return Frame(lines, events=events), state._replace(page=page._replace(top=top))


def frame(state: State, data: Data, place: Place) -> "tuple[Frame, State]":
    """The screen, and the state with what is shown first in it."""
    cols, rows = place.cols, place.rows
    if cols < COLS or rows < ROWS:
        small = laid(cols, [Span(f"hcom needs {COLS}x{ROWS}, here are {cols}x{rows}; q quits")])
        return Frame([small, *([laid(cols, [])] * (rows - 1))]), state
    typed, at = entry_lines(state.entry, data, cols) if state.entry else ([], (0, 0))
    room = rows - 2 - len(typed)
    body, state = _page(state, cols, room) if state.page else _lists(state, data, place, room)
    lines = [*body.lines, *([laid(cols, [])] * (room - len(body.lines)))][:room]
    cursor = (1 + room + at[0], at[1]) if state.entry else None
    look = Look.BAR
    if state.question:
        last, look = question(state.question), Look.NEED
    elif data.trouble or state.said:
        last, look = data.trouble or state.said, Look.BAD if data.trouble else Look.BOLD
    else:
        last = keys.line(state.focus)
    whole = [title(data, cols), *lines, *typed, laid(cols, [Span(" " + last, look)])]
    return body._replace(lines=whole, cursor=cursor), state
