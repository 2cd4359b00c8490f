"""The list of agents, as lines. Pure."""

from ..bus.agent import BLOCKED, LISTENING, MARKS
from ..ops.agents import Seen
from . import keys
from .cells import Line, Look, Span, columns, laid, pad
from .place import LOOKS, Place, coarse, said, scrolled, short
from .state import Asked, Data, State, agent_at, selected


def doing(seen: Seen, asked: "Asked | None", home: str) -> str:
    """What the agent does, or wants."""
    agent = seen.agent
    if asked:
        return f"asks: {asked.text}"
    if agent.status == LISTENING:
        return "idle"
    # a path is cut at its end, which is what tells
    detail = short(agent.detail.removeprefix(f"{agent.directory}/" * bool(agent.directory)), home)
    return said(agent.context, detail) or agent.status


def _notes(seen: Seen) -> str:
    many = f"{seen.unread // 1000}k" if seen.unread > 999 else seen.unread
    notes = [f"{many} unread"] if seen.unread else []
    notes += ["not woken"] if seen.agent.wake_failure else []
    notes += ["headless"] if seen.agent.headless else []
    return ", ".join(notes)


def agent_line(seen: Seen, asks, place: Place, named: int, chosen: bool) -> Line:
    """The line of one agent; its name has `named` columns."""
    agent = seen.agent
    asked = asks.get(agent.name) if agent.status != BLOCKED else None
    look = Look.NEED if asked else LOOKS[agent.status]
    where = short(agent.directory, place.home)
    since = asked.at if asked else agent.status_at
    right = f"{coarse(place.now - since):>4} {pad(_notes(seen), 10)}"
    wide = place.cols // 6
    where = where if columns(where) <= wide else "…" + where[1 - wide :]
    right += " " + pad(where, wide) if place.cols >= 80 else ""
    head = f"{'>' if chosen else ' '}{MARKS[agent.status]} {pad(agent.display, named)} "
    room = place.cols - columns(head) - 8 - columns(right) - 1
    spans = [
        Span(head, Look.CHOSEN if chosen else look),
        Span(pad(agent.tool, 7) + " ", Look.DIM),
        Span(
            pad(doing(seen, asked, place.home), room) + " ",
            look if look == Look.NEED else Look.PLAIN,
        ),
        Span(right, Look.DIM),
    ]
    return laid(place.cols, spans)


def agents(state: State, data: Data, place: Place, room: int) -> "tuple[list[Line], int]":
    """The lines of the list, and the first agent shown."""
    if not data.agents:
        nobody = keys.hinted(" no agents; start one with: hcom claude")
        return [laid(place.cols, [Span(nobody, Look.DIM)])], 0
    at = agent_at(state, data)
    top = scrolled([1] * len(data.agents), state.top_agent, at, room)
    shown, chosen = data.agents[top : top + room], selected(state, data)  # whom the keys are about
    named = min(max(columns(seen.agent.display) for seen in shown), 20)
    return [agent_line(seen, data.asks, place, named, seen is chosen) for seen in shown], top
