"""This device among others: who it is to them, who is meant by their names, what is told to them.
What they say is `hearing`'s. Knows no network; each use is one transaction.
"""

import re
from collections import namedtuple

from ..bus import remote
from ..bus.agent import BIGBOSS, INACTIVE, RETIRE_S, STOPPED, Agent, is_far, is_listed
from ..errors import HcomError
from ..home import keep, read
from ..store import agents, deliveries, devices, events
from ..store.connect import transaction
from ..store.deliveries import Into

FORGET_S = RETIRE_S  # a device that was not heard for as long: a relay holds nothing of it any more
FILE = "device"  # the id, and a word for the room, where no agent in a sandbox can change it
BY = r"[A-Za-z][A-Za-z0-9_.-]{0,40}"  # of who did something, where others can know it


def begin(db, room: str = "") -> devices.Own:
    """This device, by the id that is kept beside the database: one that was copied from elsewhere
    is another's, and what it numbered is not told again. Nor is it in another `room` than the one
    that is kept: who is new to hear us hears nothing of what was, but what waits for others."""
    path = db.home.kept(FILE)
    try:
        said = read(path).decode("ascii", "replace").strip()
    except OSError:
        said = ""
    kept, _, before = said.partition(" ")
    with transaction(db):
        own = devices.own(db)
        if kept and kept != own.id:
            devices.renew(db, kept)
        elif room and before != room:
            _renew(db)
        if devices.own(db).up_to < 0:  # the relay is new here: nobody hears what was before
            devices.skip(db)
    found = devices.own(db)
    now = f"{found.id} {room or before}".strip()
    if now != said:
        keep(path, now + "\n")
    return found


def skip(db) -> None:
    """Nobody hears what happened while the relay was off, but for messages that wait for it."""
    with transaction(db):
        devices.skip(db)


def renew(db) -> None:
    """This device counts anew, as after its database was put back to an earlier one."""
    with transaction(db):
        _renew(db)


def _renew(db) -> None:
    devices.renew(db, devices.own(db).id)
    devices.repeat(db)  # who has one of them knows it


def others(db) -> "list[devices.Device]":
    """The other devices, but for those that are forgotten."""
    return [one for one in devices.every(db) if one.forgotten_at is None]


def forget(db, one: devices.Device, now: float) -> None:
    """Nobody is on that device any more, and nothing on its way there; until it is heard again,
    which then has what it was owed."""
    with transaction(db):
        devices.forget(db, one.id, now)
        for agent in agents.on_device(db, one.id):
            agents.remove(db, agent.name)
        for name in devices.addressed(db, one.label):
            deliveries.retire(db, name)


def forget_silent(db, now: float) -> None:
    """Devices that were not heard for FORGET_S are forgotten. For who knows all that the relay has:
    while nobody here listened, none was silent."""
    for one in others(db):
        if one.heard_at < now - FORGET_S:
            forget(db, one, now)


# -- addresses --


def label(db) -> str:
    """What this device is called."""
    own = devices.own(db).id
    return remote.labels([own, *(d.id for d in devices.every(db))])[own]


class Elsewhere(namedtuple("Elsewhere", "addresses persons labels")):
    """Addresses without the name of this device; the persons of others (bigboss:BOXE); the id of
    each of the others by its label."""

    __slots__ = ()


def elsewhere(db, addresses: "list[str]") -> Elsewhere:
    """The addresses as they are meant here."""
    known = {d.label: d.id for d in others(db)}
    own = label(db)
    meant = [remote.split(address) for address in addresses]
    bare = [name if there == own else word for (name, there), word in zip(meant, addresses)]
    persons = [remote.at(who, there) for there in known for who in (BIGBOSS, remote.HCOM)]
    return Elsewhere(bare, persons, known)


def resolved(names, everyone: "list[Agent]", labels: "dict[str, str]") -> list:
    """The (device, name, born) of each of `names` that is on another device."""
    born = {a.name: a.client.get("born", "") for a in everyone if a.device}
    return [
        [labels[label], name, born.get(f"{name}:{label}", "")]
        for name, _, label in (one.partition(":") for one in names)
        if label in labels
    ]


def referred(db, reference: str) -> "tuple[int, tuple]":
    """The event that 42 or 42:BOXE is here, 0 for none, and its (device, id) where it is another
    device's. HcomError when two devices may be meant."""
    number, there = remote.split(reference)
    if not there:
        return int(number), devices.origin(db, int(number))
    if there == label(db):
        return int(number), ()
    # One that was typed before there was another that is called alike.
    known = [d for d in devices.every(db) if d.label.startswith(there)]
    if len(known) > 1:
        which = " or ".join(f"{number}:{d.label}" for d in known)
        raise HcomError(f"{reference} may be of {len(known)} devices", f"use {which}")
    if not known:
        return 0, ()
    return devices.imported(db, known[0].id, int(number)), (known[0].id, int(number))


# -- what is told to others --


def born(agent: Agent) -> str:
    """What tells an agent from a later one of its name."""
    return f"{agent.created_at:.6f}"


def next_state(db) -> int:
    """The number of a state that is new."""
    with transaction(db):
        return devices.next_state(db)


def state(shown: "list[Agent]", now: float) -> dict:
    """The state of this device: those of `shown` that are of it and take part."""
    told = {
        a.name: {
            "tag": a.tag,
            "tool": a.tool,
            "status": a.status,
            "context": a.context,
            "detail": a.detail,
            "age_s": int(max(now - a.status_at, 0)),
            "born": born(a),
        }
        for a in shown
        if not a.device and a.context != STOPPED and is_listed(a, now)
    }
    return {"agents": told}


def number(db, now: float) -> devices.Own:
    """This device; all that is to be told to others has a number: what happened here, and what
    became of what came from them; never what came from them."""
    if not devices.is_behind(db):
        return devices.own(db)
    with transaction(db):
        # What an agent did before it had a message is told before it is said to have it.
        devices.number(db)
        for event_id, agent, became in devices.news(db):
            of = " ".join(map(str, devices.origin(db, event_id)))
            devices.queue(db, _said(agent, remote.RECEIPT + became, of, now))
        return devices.own(db)


def outgoing(db, since: int, limit: int, now: float) -> "list[tuple[int, dict]]":
    """At most `limit` (number, event) behind `since`, of what has one."""
    own = devices.own(db).id
    return [(seq, _told(one, own, now)) for seq, one in devices.outgoing(db, since, limit)]


def _said(name: str, context: str, detail: str, now: float) -> dict:
    """What is told as a status, and is none."""
    data = {"val": INACTIVE, "context": context, "detail": detail}
    return events.Event(0, events.timestamp(now), "status", name, data).as_dict()


def _told(one, own: str, now: float) -> dict:
    if one is None:
        return _said("hcom", remote.NOTHING, "", now)
    if isinstance(one, dict):
        return one
    told = {"message": _message, "life": _life}.get(one.type, lambda data, _: data)
    return one._replace(data=told(one.data, own)).as_dict()


def _message(data: dict, own: str) -> dict:
    """A message as others are told: its addresses resolved, and what it answers."""
    here = [[own, name] for name in data["delivered_to"] if not is_far(name)]
    answered = data.get("reply_to")
    return {
        **{key: data.get(key) or "" for key in ("from", "tag", "sender_kind", "text")},
        **{key: data.get(key) or "" for key in ("intent", "thread")},
        "reply_to": data.get("re") or ([own, answered] if isinstance(answered, int) else None),
        "all": data.get("scope") == "broadcast",
        "to": here + data.get("there", []),
    }


def _life(data: dict, _own: str) -> dict:
    return {**data, "by": data["by"] if re.fullmatch(BY, data.get("by") or "") else ""}


def give_up(db, seq: int) -> None:
    """Nothing is told in the place of this number, and its message undeliverable to those of other
    devices: the relay takes none so large."""
    with transaction(db):
        event_id = devices.give_up(db, seq)
        for agent in filter(is_far, deliveries.receipts(db, event_id)):
            deliveries.refuse(db, agent, [event_id])


def pushed(db, up_to: int, now: float) -> None:
    """A relay has all up to this number: what waited for other devices is on its way."""
    with transaction(db):
        for event_id, agent in devices.pushed(db, up_to):
            deliveries.lease(db, agent, [event_id], 0, "", Into(devices.RELAYED), now)
        devices.trim(db)
