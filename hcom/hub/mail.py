"""Messages: send, claim on behalf of an agent, undo a claim, confirm that it was seen."""

from collections import namedtuple

from ..bus import render
from ..bus.agent import BIGBOSS, Agent, is_listed
from ..bus.message import ACK, INSTANCE, REQUEST, SYSTEM, Envelope, Message, Sender
from ..errors import HcomError
from ..store import agents, deliveries, events
from ..store.connect import transaction

# Who takes mail writes it at once, and no hook lives longer than 10 s: what is in a hand for longer
# than this was dropped.
HAND_S = 20.0


class Sent(namedtuple("Sent", "id to wakes parents", defaults=((),))):
    """What a send did: the event's id, the names it went to, whether it may wake them, and the
    agents in whose sessions some of them are subagents."""

    __slots__ = ()


class Claimed(namedtuple("Claimed", "messages waiting")):
    """What an agent is handed now, and how many more wait for it."""

    __slots__ = ()


def send(
    db, sender: Sender, text: str, addresses: list[str], envelope: Envelope, now: float
) -> Sent:
    """The message and one delivery for each recipient are stored, or nothing is.

    Without addresses it goes to everyone, a reply to whom it answers. UnknownAgent, HcomError.
    """
    from ..bus import address  # no hook sends

    with transaction(db):
        everyone = agents.every(db)
        envelope, answered = _threaded(db, envelope)
        if answered and not addresses:
            to = address.Recipients(_author(answered, everyone), [], "mentions")
            to = to._replace(mentions=to.names)
        else:
            listed = [a for a in everyone if is_listed(a, now)]
            to = address.recipients(addresses, listed, everyone, sender.name)
        event = events.append(
            db,
            "message",
            sender.name,
            {
                "from": sender.name,
                "tag": sender.tag,
                "text": text,
                "scope": to.scope,
                "sender_kind": sender.kind,
                "delivered_to": to.names,
                "mentions": to.mentions,
                "intent": envelope.intent or None,
                "thread": envelope.thread or None,
                "reply_to": int(envelope.reply_to)
                if envelope.reply_to.isdigit()
                else envelope.reply_to or None,
            },
            now,
        )
        wakes = envelope.intent != ACK
        deliveries.queue(db, event, to.names, wakes)
        _note_answers(db, sender, event, envelope.intent, to.names)
        return Sent(event, to.names, wakes)


def _note_answers(db, sender: Sender, event: int, intent: str, to: list[str]) -> None:
    """Whoever the sender speaks to has an answer from it; a request waits for one."""
    from ..store import requests

    requests.answer(db, sender.name, to)
    if intent == REQUEST and (sender.kind == INSTANCE or sender.name == BIGBOSS):
        requests.ask(db, event, sender.name, to)


def _threaded(db, envelope: Envelope) -> tuple[Envelope, Message | None]:
    """The envelope with the thread it inherits, and the message it answers."""
    if not envelope.reply_to:
        return envelope, None
    local, _, device = envelope.reply_to.partition(":")
    event = None if device else events.find(db, int(local))
    if event is None or event.type != "message":
        raise HcomError(
            f"nothing sent: #{envelope.reply_to} is not a message", "hcom events --last 20"
        )
    answered = events.message(event)
    if envelope.intent == ACK and answered.envelope.intent == ACK:
        raise HcomError("nothing sent: an ack of an ack", "it is enough")
    return envelope._replace(thread=envelope.thread or answered.envelope.thread), answered


def _author(answered: Message, everyone: list[Agent]) -> list[str]:
    """Whom a reply without an address goes to: the author, where that is one who can read it."""
    name = answered.sender.name
    if name == BIGBOSS or any(a.name == name for a in everyone):
        return [name]
    return []


def notify(db, names: list[str], text: str, now: float) -> Sent:
    """A notice of hcom itself is queued for `names`, within the caller's transaction."""
    event = events.append(
        db,
        "message",
        "hcom",
        {
            "from": "hcom",
            "tag": "",
            "text": text,
            "scope": "mentions",
            "sender_kind": SYSTEM,
            "delivered_to": names,
            "mentions": names,
            "intent": "inform",
            "thread": None,
            "reply_to": None,
        },
        now,
    )
    deliveries.queue(db, event, names, True)
    return Sent(event, names, True)


def claim(db, agent: str, budget: int, now: float, carries=None) -> Claimed:
    """What is queued for `agent` and fits in `budget` characters (0: all) is offered to it, once.
    The caller writes it where the agent reads, and says `handed`, or `take_back`.

    Nothing is when `carries(messages)` says that the channel would not bring them whole.
    """
    if not deliveries.count_queued(db, agent):
        return Claimed([], 0)
    with transaction(db):
        queued = deliveries.queued(db, agent)
        found = agents.find(db, agent)
        taken = (
            queued[: render.fitting(queued, found.hints if found else "", budget)]
            if budget
            else queued
        )
        if carries and not carries(taken):
            return Claimed([], len(queued))
        deliveries.offer(db, agent, [m.id for m in taken], now)
        waiting = deliveries.count_queued(db, agent)
        for one in taken:
            events.append_status(
                db, agent, "active", f"deliver:{one.sender.name}", f"#{one.id}", now
            )
    return Claimed(taken, waiting)


def take_back(db, agent: str, messages: list[Message]) -> None:
    """The claim of `messages` is undone: they could not be handed over."""
    with transaction(db):
        deliveries.take_back(db, agent, [m.id for m in messages])


def handed(db, agent: str, messages: list[Message], now: float) -> None:
    """The claimed `messages` are written where the agent reads. Whether it did read them is for
    `confirm` to say."""
    with transaction(db):
        deliveries.hand(db, agent, [m.id for m in messages], now)


def pick_up(db, agent: str, evidence, now: float) -> None:
    """What a process took for `agent` and died before it was written is queued again, unless
    `evidence(ids) -> ids` says that the model has seen it."""
    ids = deliveries.in_hand(db, agent, now - HAND_S)
    if ids:
        proven = set(evidence(ids))
        with transaction(db):
            deliveries.mark_seen(db, agent, sorted(proven))
            deliveries.take_back(db, agent, [i for i in ids if i not in proven])


def confirm(db, agent: str, before: float) -> None:
    """`agent` showed life in something that began at `before`: earlier offers are seen."""
    if deliveries.offered(db, agent):
        with transaction(db):
            deliveries.confirm(db, agent, before)


def offer_again(db, agent: str, evidence) -> None:
    """What `agent` was offered and, by `evidence(ids) -> ids`, did not see is queued again."""
    ids = deliveries.offered(db, agent)
    if ids:
        proven = evidence(ids)
        with transaction(db):
            deliveries.mark_seen(db, agent, proven)
            deliveries.requeue(db, agent)


def text_for(agent: Agent, claimed: Claimed, budget: int = 0) -> str:
    """The claimed messages as the agent sees them; "" when there are none."""
    if not claimed.messages:
        return ""
    return render.inbox(claimed.messages, agent.hints, budget, claimed.waiting)
