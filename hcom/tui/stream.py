"""The stream of events, as lines. Pure."""

from itertools import islice

from ..bus.agent import BIGBOSS, MARKS
from ..store.deliveries import DELIVERED, QUEUED, SEEN
from ..store.events import Event
from .cells import Line, Look, Span, columns, laid, wrapped
from .keys import View
from .place import LOOKS, Place, clock, said, scrolled, short
from .state import Data, State, event_at

TEXT_LINES = 3  # of a message in the stream
INDENT = 6


def receipt(states: dict[str, str], room: int = 30) -> str:
    """How far a message came: with whom, where that has room."""
    came = list(states.values())
    if len(came) == 1:
        return "✓ seen" if came[0] == SEEN else came[0]
    if not came:
        return "to nobody"
    words = {state: [n for n, found in states.items() if found == state] for state in came}
    named = " · ".join(
        f"✓ {', '.join(names)}" if state == SEEN else f"{', '.join(names)} {state}"
        for state, names in sorted(words.items(), key=lambda item: item[0] != SEEN)
    )
    if columns(named) <= room:
        return named
    count = came.count(SEEN)
    done = f"✓ {count}/{len(came)} seen" if count else f"{came.count(DELIVERED)}/{len(came)} there"
    left = [name for name, found in states.items() if found == QUEUED]
    return f"{done}, {left[0]} queued" if len(left) == 1 else done


def _message(event: Event, data: Data, head: str, cols: int) -> list[Line]:
    fact = event.data
    to = "everyone" if fact["scope"] == "broadcast" else data.called(*fact["delivered_to"])
    answer = f" ↩ #{fact['reply_to']}" if fact.get("reply_to") else ""
    folded = f" (+{data.folded[event.id]})" if event.id in data.folded else ""
    thread = f" th:{fact['thread']}{folded}" if fact.get("thread") else ""
    look = Look.BAD if fact.get("intent") == "error" else Look.BOLD
    spans = [
        Span(head, Look.DIM),
        Span(f"{data.called(event.instance)} → {to}", look),
        Span(f"  {fact.get('intent') or ''}{thread}{answer}", Look.DIM),
    ]
    states = data.receipts.get(event.id, {})
    named = {data.called(name): state for name, state in states.items()}
    came = Span(f" {receipt(named, cols // 3)} ", Look.DIM)
    if states.get(BIGBOSS) == QUEUED:
        came = Span(" NEW ", Look.NEED)
    most = TEXT_LINES * cols  # all that can show
    texts = list(islice(wrapped(fact["text"][:most], cols - INDENT - 1), TEXT_LINES + 1))
    more = [Span(" Enter: all ", Look.DIM)] if texts[TEXT_LINES:] or fact["text"][most:] else []
    lines = [laid(cols, [Span(" " * INDENT + text)]) for text in texts[:TEXT_LINES]]
    lines[-1] = laid(cols, [Span(" " * INDENT + texts[len(lines) - 1])], more)
    return [laid(cols, spans, [came]), *lines]


def _said(event: Event, data: Data, home: str) -> "tuple[str, str, Look]":
    """The letter and the words of an event that is no message, and how they look."""
    fact, kind = event.data, event.type
    if kind == "life":
        by = f" by {data.called(fact['by'])}" if fact.get("by") else ""
        verb = fact["action"].removeprefix("batch_")
        why = f" {fact['reason']}" * (fact["reason"] != fact["action"])
        return "+-"[fact["action"] == "stopped"], f"{verb}{by}{why}", Look.DIM
    act, what = data.acts.get(event.id, ("", ""))
    context, detail = str(fact["context"]), short(str(fact["detail"]), home)
    if act == "edit":
        return "~", f"edit {detail or short(what, home)}", Look.WORK
    if act == "command":
        return "$", f"{what or detail}", Look.PLAIN
    status, kind = fact["val"], context.partition(":")[0]
    drawn = MARKS.get(status, "?"), LOOKS.get(status, Look.DIM)
    letter, look = {"tool": ("·", Look.PLAIN), "deliver": ("«", Look.DIM)}.get(kind, drawn)
    return letter, said(context, detail) or status, look


def event_lines(event: Event, data: Data, place: Place, chosen: bool) -> list[Line]:
    """The lines of one event."""
    mark = ">" if chosen else " "
    if event.type == "message":
        head = f"{mark}»#{event.id} {clock(event.timestamp, place.now)} "
        lines = _message(event, data, head, place.cols)
    else:
        letter, words, look = _said(event, data, place.home)
        head = f"{mark}{letter}#{event.id} {clock(event.timestamp, place.now)} "
        whole = f"{data.called(event.instance)}  {words}"
        lines = [laid(place.cols, [Span(head, Look.DIM), Span(whole, look)])]
    if chosen:
        lines[0][0] = lines[0][0]._replace(look=Look.CHOSEN)
    return lines


def stream(
    state: State, data: Data, place: Place, room: int
) -> "tuple[list[Line], tuple[int, ...], list[int]]":
    """The lines of the stream, the ids of the events that are shown whole, and of which event each
    line is."""
    if not data.events:
        none = "no such events" if state.filter else "nothing has happened yet"
        none += " so far" * bool(data.low or data.high)
        return [laid(place.cols, [Span(" " + none, Look.DIM)])], (), []
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
    owners = [data.events[n].id for n in shown for _ in found[n]][:high]
    while shown and sum(len(found[n]) for n in shown) > high:
        shown.pop()
    lines = lines[:high]
    if state.event:
        more = f" {len(data.events) - 1 - at} more behind it (G: the newest)"
        lines.append(laid(place.cols, [Span(more, Look.DIM)]))
    return lines, tuple(data.events[n].id for n in shown) or (data.events[at].id,), owners
