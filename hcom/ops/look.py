"""What happened and what happens: the log, filters, waiting for events, subscriptions, launches."""

import os
import time
from collections import namedtuple

from ..bus.agent import BIGBOSS
from ..bus.notice import COLLISIONS, OWN
from ..delivery import bell
from ..errors import HcomError, UnknownAgent, UsageError
from ..hub import people, subscriptions
from ..store import events, filters, launches
from ..store.restricted import open_sandboxed
from ..store.sieve import Sieve
from ..store.subscriptions import Subscription

EVERYTHING = filters.Where("1", [])
# Clients are ready in 1 to 6 s; one that waits for a person (login, trust) never gets there itself.
READY_S = 60.0
# Whoever scrolls waits for it: so long for all of the log, and where that is not enough, for parts.
LOOK_S, NEAR_S = 0.5, 0.3
WHOLE, SPAN = 1 << 62, 2000  # events that are looked through at first, and in the first part
BURST = 1000  # events that are looked at in one query


def namer(db):
    """`name_of` for presets and flags: the stored name of an agent, also one that has left; the
    sender of an event, where there is no such agent. UnknownAgent."""

    def name_of(given: str) -> str:
        try:
            return people.named(db, given).name
        except UnknownAgent:
            sender = given.lstrip("@")
            if sender.strip().lower() in (BIGBOSS, OWN) or events.has_instance(db, sender):
                return sender
            raise

    return name_of


def where(db, expression: "str | None", flags: dict[str, str], now: float) -> filters.Where:
    """What `expression` (a preset or SQL) and the flags ask for; EVERYTHING when nothing does.
    HcomError when one of them is wrong."""
    name_of = namer(db)
    asked = None
    if expression is not None:
        asked = filters.preset(expression, name_of)
        if asked is None:
            events.refuse_statement(expression)
            asked = filters.Where(expression, [], label=expression.strip())
    return filters.both(asked, filters.flags(flags, name_of, _real_path, now)) or EVERYTHING


def _real_path(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))


def _refuse_collisions(wanted: filters.Where) -> None:
    if wanted.looks_at == COLLISIONS:
        raise UsageError("collision is for subscriptions only", "hcom events sub collision")


def _sandbox(db, wanted: filters.Where):
    """Where what is wanted can be asked for."""
    ours = filters.is_ours(wanted.sql, wanted.params)
    return open_sandboxed(db.home) if ours else Sieve(db.home)


def latest(db, wanted: filters.Where, count: int) -> list[events.Event]:
    """The `count` newest events that are wanted, oldest first."""
    _refuse_collisions(wanted)
    if wanted is EVERYTHING:
        return events.latest(db, count)
    sandbox = _sandbox(db, wanted)
    wanted = filters.of_the_log(wanted)
    with sandbox as sandboxed:
        return events.latest_where(sandboxed, wanted.sql, wanted.params, count)


class Around(namedtuple("Around", "events low high")):
    """Events in their order, and from where to where it was looked for them; 0 where there is
    nothing to look for behind that."""

    __slots__ = ()


def around(db, wanted: filters.Where, at: int, count: int) -> Around:
    """The `count` newest events up to id `at` that are wanted, and as many behind it, as far as
    they are found at once. HcomError where these are not ours to ask for."""
    _refuse_collisions(wanted)
    wanted, last = filters.of_the_log(wanted), events.last_id(db)
    at = min(at, last)
    with open_sandboxed(db.home, LOOK_S) as sandboxed:
        older, low = _nearest(sandboxed, wanted, at, 0, count)
        newer, high = _nearest(sandboxed, wanted, at, last, count)
    return Around(older + newer, low, high)


def _nearest(sandboxed, wanted, at: int, end: int, count: int) -> "tuple[list[events.Event], int]":
    """The events between `at` and `end` that are nearest to `at`, and how far it was looked, 0
    where that is all: at once, where an index serves, else part after part of the log, longer where
    that is quick."""
    found: list[events.Event] = []
    began, size, back = time.monotonic(), WHOLE, end < at
    while at != end and len(found) < count:
        to = max(at - size, end) if back else min(at + size, end)
        low, high, left = min(at, to), max(at, to), count - len(found)
        try:
            part = events.searched(sandboxed, wanted, low, high, left, back)
        except TimeoutError:
            if size <= SPAN:
                return found, at
            began, size = time.monotonic(), SPAN
            continue
        found = part + found if back else found + part
        at, took = to, time.monotonic() - began
        size *= 1 + (took < NEAR_S / 4)
        if took > NEAR_S and at != end and len(found) < count:
            return found, at
    return found, 0


def coming(db, wanted: filters.Where, timeout: float, last: int = 0, after: "int | None" = None):
    """The `last` newest events that are wanted, then each as it comes, until `timeout` seconds have
    gone without one: none is left out that is committed while one before it is used, or behind the
    event `after`."""
    _refuse_collisions(wanted)
    behind = events.last_id(db) if after is None else after
    for event in latest(db, wanted, last) if last else ():
        behind = max(behind, event.id)
        yield event
    with _sandbox(db, wanted) as sandboxed, bell.Bell(db.home, bell.EVERYONE) as rings:
        # wrong SQL: at once
        events.latest_where(sandboxed, wanted.sql, wanted.params, 1, behind)
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            newest = events.last_id(db)
            while behind < newest:
                upto = min(newest, behind + BURST)
                for event in events.between_where(
                    sandboxed, wanted.sql, wanted.params, behind, upto
                ):
                    yield event
                    end = time.monotonic() + timeout
                behind = upto
            rings.wait(min(left, bell.SAFETY_S))
            db.wait_on()


def text(db, reference: str) -> str:
    """The whole text of a message (42, or 42:BOXE). HcomError when it is none."""
    from ..hub import devices  # few ask for one, and a dashboard loads this before its first screen

    event = events.find(db, devices.referred(db, reference)[0])
    if event is None or event.type != "message":
        raise HcomError(f"#{reference} is not a message", "hcom events --last 20")
    return event.data["text"]


# -- subscriptions --


def unsubscribe(db, given: str, caller: str) -> list[Subscription]:
    """The subscriptions that `given` (an id, a preset or a label) names are gone. HcomError when
    there are none, or they are somebody else's."""
    asked = filters.preset(given, namer(db)) if ":" in given else None
    return subscriptions.unsubscribe(db, asked.label if asked else given, caller)


# -- launches --


def launched(db, batch: str, timeout: float = READY_S) -> list[launches.Launch]:
    """The launches of a batch ("": the newest), once each is ready or has failed, or `timeout`
    seconds are over. HcomError when there is none."""
    asked, batch = batch, batch or launches.last_batch(db)
    if not batch or not launches.of_batch(db, batch):
        raise HcomError(
            f"no launch {asked!r}" if asked else "nothing was launched yet",
            "hcom events --sql \"life_action = 'batch_launched'\"",
        )
    end = time.monotonic() + timeout
    with bell.Bell(db.home, bell.EVERYONE) as rings:
        while time.monotonic() <= end and any(
            x.state == launches.WAITING for x in launches.of_batch(db, batch)
        ):
            rings.wait(min(1.0, timeout))
            db.wait_on()
    return launches.of_batch(db, batch)
