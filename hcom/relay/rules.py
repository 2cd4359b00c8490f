"""The rules between devices, pure: what is signed, what a device is called, what is taken of it.

What comes from a device is data. Here it becomes values, or is dropped and counted by the reason;
nothing behind this file has to look at it again.
"""

import base64
import hashlib
import hmac
import json
import re
from collections import Counter, namedtuple

from ..bus.agent import STATUSES
from ..bus.message import EXTERNAL, INSTANCE, INTENTS, LIMIT_BYTES, THREAD
from ..bus.names import TAG
from ..bus.render import clean, one_line

ID = r"[A-Za-z0-9_-]{1,64}"  # of a device and of an epoch, in a path and in a key
NAME = r"[A-Za-z][A-Za-z0-9_.-]{0,40}"  # of who speaks: an agent, a program, the person
NUMBER = 1 << 53  # what every JSON reader takes for the same number
STATE, EVENT = "state", "event"  # what a signature is of
INVITES = "hcom-join-"  # begins the code of an invitation
AGENTS = 200  # of one device
TO = 16_000  # addresses of one message: all agents of as many devices as are taken
DETAIL = 400  # characters of what is shown on a line


class Key(namedtuple("Key", "device epoch seq")):
    """What an import is unique by; of a state, `seq` is its own number."""

    __slots__ = ()


class Seat(namedtuple("Seat", "name tag tool status context detail age_s born")):
    """An agent of another device, as it says; `age_s` is how old its status was, None: not said;
    `born` tells it from a later one of its name."""

    __slots__ = ()


class Incoming(namedtuple("Incoming", "key id ts type instance data")):
    """An event of another device; `data` has the fields of TYPES and nothing else. `id` is its
    number there, which people name."""

    __slots__ = ()


class Dropped(Exception):
    """It is not taken; the argument is the reason, one word for the count."""


def canonical(value) -> bytes:
    """`value` as the one JSON that is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def signature(secret: bytes, room: str, kind: str, key: Key, value) -> str:
    """The mac of a state or an event; no two of (room, kind, key, value) have the same bytes."""
    signed = canonical([kind, room, *key]) + b"\n" + canonical(value)
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


def verify(secret: bytes, room: str, kind: str, key: Key, value, mac) -> None:
    """Dropped unless it has the signature; with no `secret` the room is unsigned."""
    if not secret:
        return
    if not isinstance(mac, str):
        raise Dropped("unsigned")
    try:
        right = signature(secret, room, kind, key, value)
    except (ValueError, RecursionError):
        raise Dropped("malformed") from None
    if not hmac.compare_digest(mac.encode("ascii", "replace"), right.encode()):
        raise Dropped("forged")


class Invitation(namedtuple("Invitation", "url token key")):
    """All that a device needs to join: the relay, its token, and the key of the room."""

    __slots__ = ()

    def code(self) -> str:
        """It as one word, a secret."""
        return INVITES + base64.urlsafe_b64encode(canonical(list(self))).decode().rstrip("=")


def invited(code: str) -> "Invitation | None":
    """What the code says, unchecked but for its form; None when it is none, or not whole."""
    head, _, rest = code.strip().partition(INVITES)
    try:
        said = json.loads(base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4)))
    except (ValueError, RecursionError):
        return None
    is_whole = isinstance(said, list) and [type(one) for one in said] == [str] * 3
    return Invitation(*said) if is_whole and not head else None


# -- what is taken: a check gives the value, or raises Dropped


def _text(value) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Dropped("malformed")
    if len(value.encode("utf-8", "surrogatepass")) > LIMIT_BYTES:
        raise Dropped("large")
    return clean(value.replace("\r\n", "\n"))


def _line(value) -> str:
    if not isinstance(value, str):
        raise Dropped("malformed")
    return one_line(value[: 2 * DETAIL], DETAIL)


def _like(pattern: str, empty: bool = False):
    """The check of a word that matches; "" and nothing too where it may be `empty`."""

    def check(value) -> str:
        if empty and value in ("", None):
            return ""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise Dropped("malformed")
        return value

    return check


def _one_of(*values: str, empty: bool = False):
    return _like("|".join(map(re.escape, values)), empty)


def _number(value) -> int:
    if type(value) is not int or not 0 <= value < NUMBER:
        raise Dropped("malformed")
    return value


def _pair(value, second) -> tuple:
    if not isinstance(value, list) or len(value) != 2:
        raise Dropped("malformed")
    return _like(ID)(value[0]), second(value[1])


def _reference(value) -> "tuple[str, int] | None":
    return None if value is None else _pair(value, _number)


def _addressees(value) -> tuple:
    if not isinstance(value, list) or len(value) > TO:
        raise Dropped("malformed")
    pairs = [(one[:2], one[2:] or [""]) if isinstance(one, list) else (one, [""]) for one in value]
    if any(len(born) > 1 for _, born in pairs):
        raise Dropped("malformed")
    return tuple((*_pair(who, _like(NAME)), _BORN(born[0])) for who, born in pairs)


def _truth(value) -> bool:
    if not isinstance(value, bool):
        raise Dropped("malformed")
    return value


_BORN = _like(r"[0-9.]{1,40}", empty=True)
# The events that are taken, and of each the fields: (check, what it is where it is not given), or
# only the check where it must be.
TYPES = {
    "message": {
        "from": (_like(NAME),),
        "tag": (_like(TAG, empty=True), ""),
        "sender_kind": (_one_of(INSTANCE, EXTERNAL),),  # what a SYSTEM says is said by our own
        "text": (_text,),
        "intent": (_one_of(*INTENTS, empty=True), ""),
        "thread": (_like(THREAD, empty=True), ""),
        "reply_to": (_reference, None),  # [device, id]
        "all": (_truth, False),  # a broadcast, which `to` says nothing of
        # [[device, name, born], ...], `born` where it is known: the sender has resolved them
        "to": (_addressees, ()),
    },
    "status": {
        "val": (_one_of(*STATUSES),),
        "context": (_line, ""),
        "detail": (_line, ""),
    },
    "life": {
        "action": (_like(r"[a-z_]{1,40}"),),
        "by": (_like(NAME, empty=True), ""),
        "reason": (_line, ""),
        "batch_id": (_like(ID, empty=True), ""),
    },
}
_HEAD = {
    "id": (_number,),
    "ts": (_like(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,6})?(Z|\+00:00)"),),
    "type": (_like(r"[a-z_]{1,40}"),),
    "instance": (_like(NAME),),
}
_SEAT = {
    "tag": (_like(TAG, empty=True), ""),
    "tool": (_like(r"[a-z0-9_-]{1,30}"), "adhoc"),
    "status": (_one_of(*STATUSES),),
    "context": (_line, ""),
    "detail": (_line, ""),
    "age_s": (lambda value: None if value is None else _number(value), None),
    "born": (_BORN, ""),
}


def _taken(given, fields: dict) -> dict:
    """The `fields` of the object, each checked; what else it has is left out."""
    if not isinstance(given, dict):
        raise Dropped("malformed")
    found = {}
    for name, (check, *default) in fields.items():
        if name not in given and not default:
            raise Dropped("malformed")
        found[name] = check(given[name]) if name in given else default[0]
    return found


def event(key: Key, given) -> Incoming:
    """What a device sent as an event. Dropped when it is none that is taken."""
    head = _taken(given, _HEAD)
    if head["type"] not in TYPES:
        raise Dropped("type")
    data = _taken(given.get("data"), TYPES[head["type"]])
    if head["type"] == "message" and data["from"] != head["instance"]:
        raise Dropped("malformed")  # it says in two ways who speaks
    return Incoming(key, data=data, **head)


def seats(given, dropped: "Counter[str]") -> "list[Seat]":
    """The agents of a device's state {"agents": {name: {...}}}; what is none is counted."""
    agents = given.get("agents") if isinstance(given, dict) else None
    if not isinstance(agents, dict):
        dropped["malformed"] += 1
        return []
    dropped["many"] += max(0, len(agents) - AGENTS)
    found = []
    for name, one in list(agents.items())[:AGENTS]:
        try:
            found.append(Seat(_like(NAME)(name), **_taken(one, _SEAT)))
        except Dropped as reason:
            dropped[str(reason)] += 1
    return found


class News(namedtuple("News", "states events ages", defaults=((), (), {}))):
    """`states` are (Key, [Seat]) of each device that told of one, `events` Incoming in order;
    `ages` how long ago the server heard each device, in seconds."""

    __slots__ = ()


def news(devices, secret: bytes, room: str, dropped: "Counter[str]") -> News:
    """What is taken of a poll's `devices`; the rest is counted in `dropped`."""
    states, events, ages = [], [], {}
    for device, one in devices.items() if isinstance(devices, dict) else ():
        given = one if isinstance(one, dict) and re.fullmatch(ID, device) else {}
        told, listed, age = given.get("state"), given.get("events"), given.get("age_ms")
        if given:
            ages[device] = age / 1000 if type(age) is int and 0 <= age < NUMBER else 0.0
        for kind, item in [(STATE, told), *((EVENT, each) for each in _list(listed))]:
            if item is None:
                continue
            try:
                checks = {"epoch": (_like(ID),), "seq": (_number,)}
                key = Key(device, **_taken(item, checks))
                verify(secret, room, kind, key, item.get(kind), item.get("mac"))
                if kind == EVENT:
                    events.append(event(key, item.get(EVENT)))
                else:
                    states.append((key, seats(item.get(STATE), dropped)))
            except Dropped as reason:
                dropped[str(reason)] += 1
    return News(states, events, ages)


def _list(value) -> list:
    return value if isinstance(value, list) else []
