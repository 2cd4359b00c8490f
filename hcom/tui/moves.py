"""Where a key takes the person: each move makes one state another. Pure."""

from collections.abc import Callable
from itertools import accumulate

from .keys import View
from .state import Data, Page, State, agent_at, event_at

FAR = 1 << 62
CHROME = 8  # rows of a screen that are no list


def moved(state: State, data: Data, by: int) -> State:
    """The selection, or the page, is `by` further down; the end of the stream is followed."""
    if state.page:
        return state._replace(page=state.page._replace(top=max(state.page.top + by, 0)))
    if state.view == View.AGENTS:
        at = max(0, min(agent_at(state, data) + by, len(data.agents) - 1))
        return state._replace(agent=data.agents[at].agent.name) if data.agents else state
    at = event_at(state, data) + by
    if at < 0 and data.low:
        return state._replace(event=data.low)  # it is looked further back
    if at >= len(data.events) - 1 or not data.events:
        return state._replace(event=data.high)
    return state._replace(event=data.events[max(at, 0)].id)


def kept(page: Page, lines, cols: int) -> int:
    """The first of `lines` to be shown, the page's for so many columns, so that the text that stood
    at the top stands there, as nearly as can be: no way to go astray by many small steps."""
    if page.cols in (0, cols):
        return page.top
    before, after = ([0, *accumulate(map(_letters, said))] for said in (page.lines, lines))
    above = before[min(page.top, len(page.lines))]
    return min(range(len(after)), key=lambda row: abs(after[row] - above))


def _letters(line: str) -> int:
    return len(line.replace(" ", ""))


def first(state: State, data: Data, _rows: int) -> State:
    """At the first: of the stream the oldest event there is."""
    if state.focus == View.STREAM:
        return state._replace(event=1, top=0)
    return moved(state, data, -FAR)


def last(state: State, data: Data, _rows: int) -> State:
    """At the last: of the stream the newest event, and what comes."""
    return state._replace(event=0) if state.focus == View.STREAM else moved(state, data, FAR)


MOVES: dict[str, Callable[[State, Data, int], State]] = {
    "down": lambda state, data, _: moved(state, data, 1),
    "up": lambda state, data, _: moved(state, data, -1),
    "page_down": lambda state, data, rows: moved(state, data, max(rows - CHROME, 1)),
    "page_up": lambda state, data, rows: moved(state, data, -max(rows - CHROME, 1)),
    "first": first,
    "last": last,
    "other": lambda state, data, _: state._replace(
        view=View.STREAM if state.view == View.AGENTS else View.AGENTS
    ),
    "unfilter": lambda state, data, _: state._replace(filter="", event=0, said=""),
    "back": lambda state, data, _: state._replace(page=None, said=""),
    "cancel": lambda state, data, _: state._replace(entry=None, question=None),
}
