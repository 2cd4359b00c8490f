"""Frames: what the screen shows of a state and its data, line by line. Pure."""

from collections import namedtuple
from itertools import islice

from ..bus.agent import ACTIVE, LISTENING
from . import keys
from .cells import Line, Look, Span, columns, laid, wrapped
from .keys import View
from .place import Place
from .prompt import entry_lines, question
from .roster import agents
from .state import EVENT, THREAD, Data, State, agent_at, need
from .stream import stream

COLS, ROWS = 60, 15  # with less there is room for nothing that helps
FOOT = 5  # of so many lines of the screen one may be of what is said


# A whole screen: its lines, each as wide as it, where the cursor stands as (row, column), None for
# nowhere, the ids of the events on it, and what a click on a row selects.
Frame = namedtuple("Frame", "lines cursor events rows", defaults=(None, (), {}))


def needy(data: Data) -> int:
    """How many agents need a person."""
    return sum(need(seen, data.asks) < 2 for seen in data.agents)


def title(data: Data, cols: int) -> Line:
    """The first line: how many need a person, work, and are idle."""
    status, wanted = [seen.agent.status for seen in data.agents], needy(data)
    counts = [(status.count(ACTIVE), "working"), (status.count(LISTENING), "idle")]
    words = "   ".join(f"{count} {word}" for count, word in counts if count)
    away = {seen.agent.device for seen in data.agents if seen.agent.device}
    words += f"   {len(away)} other device{'s' * (len(away) > 1)}" if away else ""
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
    below, events, owners = stream(state, data, place, room - 2 - len(above))
    asked = f" /{state.filter} (Esc: all) " if state.filter else ""
    far = f", back to #{data.low} so far (k: on)" if data.low else ""
    far += f", up to #{data.high} so far (j: on)" if data.high else ""
    lines = [
        _bar("agents", place.cols, on_agents, "" if on_agents else " Tab "),
        *above,
        _bar("stream" + far, place.cols, not on_agents, asked + " Tab " * on_agents),
        *below,
    ]
    # Whoever is selected stays so when others come before them.
    agent = data.agents[agent_at(state, data)].agent.name if data.agents else ""
    top = events[0] if events else 0
    state = state._replace(top_agent=top_agent, top=top, agent=agent)
    shown = data.agents[top_agent : top_agent + len(above)]
    rows: dict[int, tuple[View, str | int]] = {
        row: (View.AGENTS, seen.agent.name) for row, seen in enumerate(shown, 2)
    }
    rows |= {row: (View.STREAM, of) for row, of in enumerate(owners, 3 + len(above))}
    return Frame(lines, events=events, rows=rows), state


def _page(state: State, data: Data, cols: int, room: int) -> "tuple[Frame, State]":
    page = state.page
    assert page
    top = max(0, min(page.top, len(page.lines) - room + 1))
    shown = page.lines[top : top + room - 1]
    where = f" {top + len(shown)}/{len(page.lines)} " if len(page.lines) > len(shown) else ""
    of = page.of if page.kind == THREAD else data.called(page.of)
    bar = _bar(f"{page.kind} {of}".strip(), cols, True, where)
    lines = [bar, *(laid(cols, [Span(" " + line)]) for line in shown)]
    events = (int(page.of),) if page.kind == EVENT else ()
    return Frame(lines, events=events), state._replace(page=page._replace(top=top))


def _foot(state: State, data: Data, place: Place) -> list[Line]:
    """The last lines: what is asked, what is wrong, what was said, else the keys."""
    cols, most = place.cols, max(place.rows // FOOT, 1)
    if state.question:
        last, look = question(state.question, data), Look.NEED
    elif data.trouble or state.said:
        last, look = data.trouble or state.said, Look.BAD if data.trouble else Look.BOLD
    else:
        last, look = keys.line(state.focus, cols - 1), Look.BAR
    texts = list(islice(wrapped(last[: most * cols], cols - 1), most + 1))
    texts[most - 1 :] = [" ".join(texts[most - 1 :])] * bool(texts[most - 1 :])
    return [laid(cols, [Span(" " + text, look)]) for text in texts]


def fits(cols: int, rows: int) -> bool:
    """Whether there is room for anything that helps."""
    return cols >= COLS and rows >= ROWS


def frame(state: State, data: Data, place: Place) -> "tuple[Frame, State]":
    """The screen, and the state with what is shown first in it."""
    cols, rows = place.cols, place.rows
    if not fits(cols, rows):
        small = laid(cols, [Span(f"hcom needs {COLS}x{ROWS}, here are {cols}x{rows}; q quits")])
        return Frame([small, *([laid(cols, [])] * (rows - 1))]), state
    typed, at = entry_lines(state.entry, data, cols) if state.entry else ([], (0, 0))
    foot = _foot(state, data, place)
    room = rows - 1 - len(typed) - len(foot)
    body, state = _page(state, data, cols, room) if state.page else _lists(state, data, place, room)
    lines = [*body.lines, *([laid(cols, [])] * (room - len(body.lines)))][:room]
    cursor = (1 + room + at[0], at[1]) if state.entry else None
    whole = [title(data, cols), *lines, *typed, *foot]
    return body._replace(lines=whole, cursor=cursor), state
