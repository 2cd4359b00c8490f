"""Messages: send, lease on behalf of an agent, say what became of it (store/deliveries.MOVES)."""

import os
from collections import namedtuple

from ..bus import render
from ..bus.agent import ACTIVE, BIGBOSS, Agent, is_far, is_listed, is_person
from ..bus.message import ACK, INFORM, INSTANCE, REQUEST, SYSTEM, Envelope, Message, Sender
from ..errors import HcomError, UnknownAgent
from ..process import alive, sees, start_of
from ..store import agents, deliveries, events
from ..store.connect import transaction
from ..store.deliveries import Into

# Who leases mail writes it at once, and no hook lives longer than 10 s: what a process that nobody
# can judge has for longer than this was dropped.
HAND_S = 20.0


# What a send did: the event's id, the names it went to, whether it may wake them, and the agents in
# whose sessions some of them are subagents.
Sent = namedtuple("Sent", "id to wakes parents", defaults=((),))


class Leased(namedtuple("Leased", "messages text", defaults=((), ""))):
    """What an agent is handed now, and the text that it is to read; "" when that is nothing."""

    __slots__ = ()

    @property
    def ids(self) -> list[int]:
        """Those of the messages."""
        return [m.id for m in self.messages]


def send(
    db, sender: Sender, text: str, addresses: list[str], envelope: Envelope, now: float
) -> Sent:
    """The message and one delivery for each recipient are stored, or nothing is.

    Without addresses it goes to everyone, a reply to whom it answers. UnknownAgent, HcomError.
    """
    from ..bus import address  # no hook sends
    from . import devices, retirement

    with transaction(db):
        retirement.retire(db, now)
        everyone = agents.everywhere(db)
        envelope, answered, origin = _threaded(db, envelope)
        abroad = _abroad(db, everyone, addresses, answered)
        if abroad:
            addresses = abroad.addresses
        if answered and not addresses:
            to = address.Recipients(_answered(db, sender, answered, everyone), [], "mentions")
            to = to._replace(mentions=to.names)
        else:
            listed = [a for a in everyone if is_listed(a, now)]
            try:
                to = address.recipients(
                    addresses, listed, everyone, sender.name, abroad.persons if abroad else ()
                )
            except UnknownAgent:
                _refuse_departed(db, addresses)
                raise
        remote = {"re": list(origin)} if origin else {}
        if abroad and (there := devices.resolved(to.names, everyone, abroad.labels)):
            remote["there"] = there
        event = events.append_message(db, sender, text, to, envelope, now, remote)
        wakes = envelope.intent != ACK
        deliveries.queue(db, event, to.names, wakes)
        _note_answers(db, sender, event, envelope.intent, to.names)
        parents = {a.parent for a in everyone if a.name in to.names} - {""}
        return Sent(event, to.names, wakes, tuple(parents))


def _note_answers(db, sender: Sender, event: int, intent: str, to: list[str]) -> None:
    """Whoever the sender speaks to has an answer from it; a request waits for one."""
    from ..store import requests

    requests.answer(db, sender.name, to)
    if intent == REQUEST and (sender.kind == INSTANCE or sender.name == BIGBOSS):
        requests.ask(db, event, sender.name, to)


def _abroad(db, everyone: list[Agent], addresses: list[str], answered: Message | None):
    """What the message may need of other devices (devices.Elsewhere); None where it is nothing."""
    names = [*addresses, *([answered.sender.name, *answered.to] if answered else ())]
    if not any(map(is_far, names)) and not any(a.device for a in everyone):
        return None
    from . import devices

    return devices.elsewhere(db, addresses)


def _threaded(db, envelope: Envelope) -> tuple[Envelope, Message | None, tuple]:
    """The envelope with the thread it inherits and the id that people know; the message that it
    answers, and its (device, id) where that is another device's."""
    if not envelope.reply_to:
        return envelope, None, ()
    from .devices import referred

    local, origin = referred(db, envelope.reply_to)
    event = events.find(db, local)
    if event is None or event.type != "message":
        raise HcomError(
            f"nothing sent: #{envelope.reply_to} is not a message", "hcom events --last 20"
        )
    answered = events.message(event)
    if envelope.intent == ACK and answered.envelope.intent == ACK:
        raise HcomError("nothing sent: an ack of an ack", "it is enough")
    thread = envelope.thread or answered.envelope.thread
    return envelope._replace(thread=thread, reply_to=answered.reference), answered, origin


def _answered(db, sender: Sender, answered: Message, everyone: list[Agent]) -> list[str]:
    """Whom a reply without an address goes to: the author, or whom one's own message went to; of
    these who can read it."""
    author = answered.sender.name
    names = [author] if author != sender.name else list(answered.to)
    found = [n for n in names if is_person(n) or any(a.name == n for a in everyone)]
    if not found:
        _refuse_departed(db, names)
    return found


def _refuse_departed(db, names: list[str]) -> None:
    """UnknownAgent when one of `names` is the name of an agent that has left, or retired."""
    for name in names:
        agent = agents.find(db, name)
        if agent and (agent.stopped_at, agent.retired_at) != (None, None):
            how = "has left" if agent.retired_at is None else "ended long ago"
            back = "resume" if agent.session else "start --as"
            raise UnknownAgent(f"nothing sent: {agent.display} {how}", f"hcom {back} {agent.name}")


def notify(db, names: list[str], text: str, now: float) -> Sent:
    """A notice of hcom itself is queued for `names`, within the caller's transaction."""
    to, sender = (names, names, "mentions"), Sender("hcom", SYSTEM)
    event = events.append_message(db, sender, text, to, Envelope(INFORM), now)
    deliveries.queue(db, event, names, True)
    return Sent(event, names, True)


def lease(
    db, agent: Agent, into: Into, budget: int, now: float, may=None, most: "int | None" = None
) -> Leased:
    """What is queued for `agent` and fits in `budget` characters (0: all), at most `most` messages,
    is in this process's hand, within the caller's transaction. It writes the text where the agent
    reads, and says `delivered`, or `released`. Nothing is when `may(text)` says that it would not
    get there whole.
    """
    queued = deliveries.queued(db, agent.name)
    if not queued:
        return Leased()
    frames = render.fitting(queued[:most], agent, budget)
    taken, waiting = queued[: len(frames)], len(queued)
    if waiting == deliveries.BATCH:
        waiting = deliveries.count_queued(db, agent.name)
    leased = Leased(taken, render.inbox(frames, agent, budget, waiting - len(taken)))
    if may and not may(leased.text):
        return Leased()
    me = os.getpid()
    deliveries.lease(db, agent.name, leased.ids, me, start_of(me), into, now)
    for one in taken:
        said = f"deliver:{one.sender.name}"
        events.append_status(db, agent.name, ACTIVE, said, f"#{one.id}", now)
    return leased


def delivered(db, agent: str, ids, now: float) -> None:
    """The leased messages are written where the agent reads. Whether it did read them is for
    evidence to say."""
    with transaction(db):
        deliveries.deliver(db, agent, ids, now)


def shown(db, agent: str, ids, now: float) -> None:
    """What was queued of these was put before `agent` by this process, and has been seen."""
    me = os.getpid()
    with transaction(db):
        deliveries.lease(db, agent, ids, me, start_of(me), Into(), now)
        mine = {one.event_id for one in deliveries.held(db, agent) if one.holder == me}
        deliveries.deliver(db, agent, mine & set(ids), now)
        deliveries.see(db, agent, mine & set(ids))


def released(db, agent: str, ids) -> None:
    """The leased messages could not be written: they wait again."""
    with transaction(db):
        deliveries.release(db, agent, ids)


def is_dropped(held: deliveries.Held, now: float) -> bool:
    """Whether the process that leased this is dead, or may be, and has not said what became of
    it."""
    if held.state != deliveries.LEASED:
        return False
    start = held.holder_start
    if not start.partition("@")[0] or not sees(start):  # nobody can tell from here
        # A clock that was set back must not keep it for as long.
        return held.leased_at is None or abs(now - held.leased_at) > HAND_S
    return not alive(held.holder, start)


def settle(db, agent: str, seen, lost) -> None:
    """Of what is held for `agent`, these ids are seen, and those `lost` queued again; within the
    caller's transaction."""
    if seen:
        deliveries.see(db, agent, seen)
    # Not what another has taken since it was found to be lost: it would be shown twice.
    lost = [one.event_id for one in deliveries.held(db, agent) if one in lost] if lost else []
    if lost:
        deliveries.release(db, agent, lost)
        deliveries.requeue(db, agent, lost)
