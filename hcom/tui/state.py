"""What the dashboard knows, and where its person is in it: values. Pure."""

import re
from collections import namedtuple

from ..bus.agent import ACTIVE, BLOCKED, LISTENING
from ..ops.agents import Seen
from ..store.events import Event
from .keys import View

# What is typed, and kinds of pages.
MESSAGE, FILTER, TAG, LAUNCH, WATCH = "message", "filter", "tag", "launch", "subscribe"
STEERS = ("stop", "kill", "resume", "fork")  # what is asked about first
SETTING, ARCHIVE, EVENT, STATUS, RUN = "settings", "archive", "event", "status", "run"
THREAD, RELAY = "thread", "relay"
# How notices name what they tell of; in what they quote others may name anything.
ABOUT, NAMED = re.compile(r"(?:events?|request) #(\d{1,18})"), re.compile(r"#(\d{1,18})\b")


# A request to the person that has no answer: the message's id, its text and when it was sent
Asked = namedtuple("Asked", "id text at")


class Data(
    namedtuple(
        "Data",
        "agents events acts receipts asks unread trouble folded low high names",
        defaults=((), (), {}, {}, {}, 0, "", {}, 0, 0, {}),
    )
):
    """What is so on the bus: its agents, the events around the one that is looked at, which of them
    edited a file or ran a command, how far messages came, the requests to the person by their
    sender, what the person has not read, and what is wrong; how many messages are folded into each
    that stands for its thread. For events before `low`, or behind `high`, it was not looked yet; 0:
    for all. `names` are what people see of those with a tag, by their names."""

    __slots__ = ()

    def called(self, *names: str) -> str:
        """What people see of these names."""
        return ", ".join(self.names.get(name, name) for name in names)


# Something shown whole: what of `kind` of whom, its lines once they are there, the first that is
# shown, and for how many columns they are, 0 while they are not there.
Page = namedtuple("Page", "kind of lines top cols", defaults=(("...",), 0, 0))


# What is being typed, for what: the text and the place in it, whose it is; for a message its
# reply-to and intent, how far back in the history it is, what was typed before one went there,
# whether it is being sent, whether it is for everyone where it names nobody, and was so to be sent
# once before; what Tab takes where nothing is typed.
Entry = namedtuple(
    "Entry",
    "kind text at of reply_to intent back draft busy to_all sure offer",
    defaults=("", 0, "", "", "", 0, "", False, False, False, ""),
)


# What is to be confirmed: to do `verb` to this agent, or to all with its tag; `open`: an answer is
# taken by now
Question = namedtuple("Question", "verb name tagged open", defaults=((), False))


class State(
    namedtuple(
        "State",
        "view agent event top top_agent filter page entry question said sent folds",
        defaults=(View.AGENTS, "", 0, 0, 0, "", None, None, None, "", (), False),
    )
):
    """Where the person is. `agent` and `event` are the selected; event 0: the newest is followed.
    `top` is the first event shown, `said` the last word to the person; `folds`: of each thread only
    the newest message is shown."""

    __slots__ = ()

    @property
    def focus(self) -> View:
        """What has the keys."""
        if self.question:
            return View.ASK
        if self.entry:
            return View.WRITE if self.entry.kind == MESSAGE else View.LINE
        return View.PAGE if self.page else self.view


def need(seen: Seen, asks: dict[str, Asked]) -> int:
    """How much the agent needs a person, 0 the most."""
    agent = seen.agent
    if agent.status == BLOCKED or agent.name in asks:
        return 0 if agent.status == BLOCKED else 1
    return {ACTIVE: 3, LISTENING: 4 - bool(agent.wake_failure) * 2}.get(agent.status, 5)


def ordered(agents, asks: dict[str, Asked]) -> tuple[Seen, ...]:
    """Who needs a person first, then who did something last."""
    return tuple(sorted(agents, key=lambda s: (need(s, asks), -s.agent.status_at, s.agent.name)))


def agent_at(state: State, data: Data) -> int:
    """The place of the selected agent; of the first where it has gone, -1 where there is none."""
    names = [seen.agent.name for seen in data.agents]
    return names.index(state.agent) if state.agent in names else min(0, len(names) - 1)


def event_at(state: State, data: Data) -> int:
    """The place of the selected event, -1 where there is none: the last that is not behind it."""
    if not state.event:
        return len(data.events) - 1
    before = sum(event.id <= state.event for event in data.events)
    return max(before - 1, 0) if data.events else -1


def event_of(state: State, data: Data) -> "Event | None":
    """The event that is looked at: the one of the page, of a thread the newest, else the selected
    one of the stream."""
    if state.page:
        sign = {EVENT: lambda e: str(e.id), THREAD: lambda e: e.data.get("thread")}
        of = sign.get(state.page.kind, lambda _: None)
        return next((e for e in reversed(data.events) if of(e) == state.page.of), None)
    if state.view != View.STREAM or not data.events:
        return None
    return data.events[event_at(state, data)]


def named(event: Event) -> int:
    """The id of the event that a message is about, 0 for none: what it replies to, else what it
    names, of a notice the event that it tells of."""
    said = event.data
    answered = str(said.get("reply_to") or "")  # 42:BOXE is an event of another machine
    found = ABOUT.findall(said.get("text", "")) or NAMED.findall(said.get("text", ""))
    return int(next(iter([*[answered] * answered.isdigit(), *found]), 0))


def folded(events, kept) -> "tuple[list[Event], dict[int, int]]":
    """The events without the messages behind which there is a newer one of their thread, but for
    those that are `kept`; and how many are so without, by the id of the newest."""
    newest: dict[str, int] = {}
    counts: dict[int, int] = {}
    left = []
    for event in reversed(events):
        thread = event.data.get("thread") if event.type == "message" else None
        if not thread or newest.setdefault(thread, event.id) == event.id or event.id in kept:
            left.append(event)
        else:
            counts[newest[thread]] = counts.get(newest[thread], 0) + 1
    return left[::-1], counts


def selected(state: State, data: Data) -> "Seen | None":
    """The selected agent; where an event is looked at the one that this is of."""
    event = event_of(state, data)
    if not event and not state.page and data.agents:
        return data.agents[agent_at(state, data)]
    name = event.instance if event else state.page.of if state.page else ""
    return next((seen for seen in data.agents if seen.agent.name == name), None)
