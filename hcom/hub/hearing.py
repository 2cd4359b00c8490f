"""What other devices say, and what comes of it here. Knows no network.

What is taken was checked by `relay.rules`; it comes once, by (device, epoch, number), in whatever
order, and a message that is told again once, too; and it goes to whom its sender resolved it to, by
device, name and birth, so never to another agent of that name.
"""

import re
from collections import namedtuple

from ..bus import names, remote
from ..bus.agent import BIGBOSS, STOPPED, Agent, is_far, is_listed, past
from ..bus.message import ACK
from ..store import agents, deliveries, devices, events, requests
from ..store.connect import transaction
from ..store.deliveries import Into
from .devices import born, others

DEVICES = 64  # more of them are no room of people's
# Where an event names an agent of its device, and behind what.
NAMING = {
    "message": (("from", ""),),
    "life": (("by", ""),),
    "status": (("context", "deliver:"),),
}


class Taken(
    namedtuple("Taken", "mail wakes parents events dropped orders", defaults=((), (), (), 0, 0, ()))
):
    """What came of a batch: who has mail, who of them may be woken, in whose sessions some of them
    run; how many events are new here, and how many were none; the `orders` that this device was
    given, of each the message: its sender, its number here and its text."""

    __slots__ = ()


class _Of(namedtuple("_Of", "id label own")):
    """The device that says something, and this one's id."""

    __slots__ = ()


def take(db, device: str, said, now: float, signed: bool = False, dropped: int = 0) -> Taken:
    """What is new of what the device `said` is here: `said.events`, of which each is an event or a
    receipt, and its agents as in the newest of `said.states`, (key, seats) each; `dropped` of it
    were none. Both are relay.rules.News, of this device alone, heard of at `now`."""
    with transaction(db):
        own = devices.own(db).id
        if device == own:
            return Taken()
        known = _known(db, own, device, now)
        if not known:
            return Taken(dropped=dropped + len(said.events))
        of, heard_at = _Of(device, known.label, own), now - said.ages.get(device, 0.0)
        if not _is_welcome(db, known, heard_at, now):
            return Taken()
        # One that was away, or we were, or that lost what it knew: what was told has been dropped
        # on the way, or what it said to that.
        is_back = abs(heard_at - known.heard_at) > devices.UNHEARD_S
        named = {one.key.epoch for one in said.events} | {key.epoch for key, _ in said.states}
        met = {epoch for epoch in named if devices.meet(db, device, epoch)}
        news = [one for one in said.events if one.key.epoch in met]
        dropped += len(said.events) - len(news)
        new = [_taken(db, of, one, now) for one in news]
        for epoch in {one.key.epoch for one in news}:
            devices.prune(db, device, epoch)
        for key, seats in said.states:
            if key.epoch in met and devices.is_newer(db, device, key.epoch, key.seq):
                is_back |= devices.note(db, *key._replace(seq=0))  # no event is 0: it has been
                dropped += _restate(db, of, seats, now)
        devices.heard(db, device, signed, dropped, heard_at)
        if is_back:
            devices.repeat(db, of.label)
        mail = list({name: None for one in new for name in one.mail})
        wakes = list({name: None for one in new for name in one.wakes})
        parents = agents.parents(db, mail) if mail else ()
        orders = [order for one in new for order in one.orders]
        return Taken(mail, wakes, parents, sum(one.events for one in new), dropped, orders)


def _known(db, own: str, device: str, now: float) -> "devices.Device | None":
    """The device, which has a name here; None where there is no room for it. It may make the names
    of others longer."""
    known = devices.find(db, device)
    if known:
        return known
    if len(others(db)) >= DEVICES:
        return None
    every = devices.every(db)
    labels = remote.labels([own, device, *(other.id for other in every)])
    if len({*labels.values()}) < len(labels):
        return None
    for other in every:
        if other.label != labels[other.id]:
            devices.relabel(db, other.id, other.label, labels[other.id])
    devices.add(db, device, labels[device], now)
    return devices.find(db, device)


def _is_welcome(db, known: devices.Device, heard_at: float, now: float) -> bool:
    """Whether the device is not forgotten, or was heard since, by its age: a relay has what it said
    before. Then all that it was owed waits for it again."""
    if known.forgotten_at is None:
        return True
    if heard_at <= past(known.forgotten_at, now):
        return False
    for name in devices.addressed(db, known.label):
        deliveries.revive(db, name)
    devices.repeat(db, known.label)
    return True


def _taken(db, of: _Of, event, now: float) -> Taken:
    """What comes of an event: nothing where it came before."""
    key, context = event.key, event.data.get("context", "")
    if not devices.note(db, *key):
        return Taken()
    if event.type == "status" and context.startswith(remote.RECEIPT):
        return _became(db, of, event.instance, context[len(remote.RECEIPT) :], event.data, now)
    if event.type == "status" and context == remote.NOTHING:
        return Taken()
    before = devices.same(db, of.id, event) if event.type == "message" else 0
    if before:  # told again, since nobody had said there that it came
        devices.settle(db, key, event, before)
        devices.expect(db, before, [name for at, name, _ in event.data["to"] if at == of.own])
        return Taken()
    name, data = remote.at(event.instance, of.label), _as_here(db, of, event, now)
    event_id = events.append(db, event.type, name, data, now)
    devices.settle(db, key, event, event_id)
    if event.type != "message":
        return Taken(events=1)
    return _delivered(db, of, event.data, data, event_id, now)


def _as_here(db, of: _Of, event, now: float) -> dict:
    """What the event says, with everybody's name as it is here. Its own time (`sent_at`) is by a
    clock that nobody here knows."""
    of_wire = ("all", "to")
    data = {key: value for key, value in event.data.items() if key not in of_wire}
    data.update(origin=event.id, sent_at=event.ts)
    if event.type == "message":
        data.update(_addressed(db, of, event.data, now))
    for field, before in NAMING[event.type]:
        who = data[field].removeprefix(before)
        if data[field].startswith(before) and who and not is_far(who):
            data[field] = before + remote.at(who, of.label)
    return data


def _addressed(db, of: _Of, said: dict, now: float) -> dict:
    """Whom a message went to and what it answers, as that is called here."""
    places = {d.id: d.label for d in devices.every(db)}
    to = [
        name if device == of.own else remote.at(name, places.get(device, "?"))
        for device, name, _ in said["to"]
    ]
    if said["all"] and not to:  # on wire 1 nobody says who was there
        to = [a.name for a in agents.every(db) if is_listed(a, now)]
    answers = None
    if said["reply_to"]:
        device, number = said["reply_to"]
        there = places.get(device)
        answers = number if device == of.own else f"{number}:{there}" if there else None
    return {
        "delivered_to": to,
        "mentions": [] if said["all"] else to,
        "scope": "broadcast" if said["all"] else "mentions",
        "intent": said["intent"] or None,
        "thread": said["thread"] or None,
        "reply_to": answers,
    }


def _delivered(db, of: _Of, said: dict, data: dict, event_id: int, now: float) -> Taken:
    """The message waits for those of this device that it was sent to."""
    named = [name for name in data["delivered_to"] if not is_far(name)]
    births = {name: born for device, name, born in said["to"] if device == of.own}
    meant = [agent for name in named if (agent := _meant(db, name, births.get(name, "")))]
    gone = [a.name for a in meant if (a.stopped_at, a.retired_at) != (None, None)]
    mail = [a.name for a in meant if a.name not in gone] + [n for n in named if n == BIGBOSS]
    wakes = said["intent"] != ACK
    deliveries.queue(db, event_id, [*mail, *gone], wakes)
    for name in gone:  # until it is back
        deliveries.refuse(db, name, [event_id])
    devices.expect(db, event_id, named)
    requests.answer(db, data["from"], mail)
    orders = []
    if remote.HCOM in named:  # it is read as soon as it is here; an answer is answered by nobody
        orders = [(data["from"], event_id, data["text"])] if said["from"] != remote.HCOM else []
        deliveries.queue(db, event_id, [remote.HCOM], False)
        deliveries.lease(db, remote.HCOM, [event_id], 0, "", Into(), now)
        deliveries.see(db, remote.HCOM, [event_id])
    return Taken(mail, mail if wakes else (), events=1, orders=orders)


def _meant(db, name: str, birth: str) -> "Agent | None":
    """The agent of this device, also one that has left."""
    agent = agents.find(db, name)
    return agent if agent and not agent.device and birth in ("", born(agent)) else None


def _became(db, of: _Of, name: str, became: str, data: dict, now: float) -> Taken:
    """What became of a message of ours with `name` of the device, which says so: `data` has as its
    detail the device and the number."""
    device, _, number = data["detail"].partition(" ")
    known = device == of.own and number.isascii() and number.isdigit() and len(number) < 19
    sent = events.find(db, int(number)) if known else None
    to = sent.data.get("there", []) if sent and sent.type == "message" else []
    if [of.id, name] not in [one[:2] for one in to]:
        return Taken()
    agent, ids = remote.at(name, of.label), [int(number)]
    if became in (remote.REVIVED, deliveries.SEEN):  # another word may be from before it was gone
        deliveries.revive(db, agent, ids[0])
    if became == deliveries.UNDELIVERABLE:
        deliveries.refuse(db, agent, ids)
    elif became in (deliveries.QUEUED, remote.REVIVED, deliveries.DELIVERED, deliveries.SEEN):
        deliveries.lease(db, agent, ids, 0, "", Into(devices.RELAYED), now)
        devices.arrived(db, ids[0], agent)
        if became in (deliveries.DELIVERED, deliveries.SEEN):
            deliveries.deliver(db, agent, ids, now)
    if became == deliveries.SEEN:
        deliveries.see(db, agent, ids)
    return Taken()


def _restate(db, of: _Of, seats, now: float) -> int:
    """The device's agents are those; how many of them are none."""
    known = {a.name: a for a in agents.on_device(db, of.id)}
    there: set[str] = set()
    for seat in seats:
        name = remote.at(seat.name, of.label)
        if not re.fullmatch(names.VALID, seat.name) or seat.name == BIGBOSS:
            continue
        before = known.get(name)
        since = before.status_at if before and seat.age_s is None else now - (seat.age_s or 0)
        agent = agents.blank(
            name,
            seat.tool,
            now,
            device=of.id,
            tag=seat.tag,
            status=seat.status,
            context="" if seat.context == STOPPED else seat.context,  # what is ours to end
            detail=seat.detail,
            status_at=since,
            client={"born": seat.born},
        )
        agents.restate(db, agent) if before else agents.create(db, agent)
        there.add(name)
    for name in known.keys() - there:
        agents.remove(db, name)
    return len(seats) - len(there)
