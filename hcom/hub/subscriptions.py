"""Subscriptions: made, taken away, and matched with what happened since the last time.

A pass over the events nobody has matched is two: `settle` with the filters that we wrote, then
`sift` with SQL of users, for which nobody waits. Either runs outside of any transaction, on a
connection that can only read and each time within a budget; what came of it is stored in one
transaction, which also moves its mark: a pass that dies is done again, none is done twice.
"""

import json
import random
from datetime import datetime

from ..bus import notice
from ..bus.agent import BIGBOSS, past
from ..bus.notice import COLLISIONS
from ..errors import HcomError, StoreError
from ..store import agents, events, filters, launches, requests, subscriptions
from ..store.connect import transaction
from ..store.filters import Where, is_ours
from ..store.restricted import open_sandboxed
from ..store.sieve import Sieve
from ..store.subscriptions import Subscription
from . import mail

MATCH_S = 0.1  # of one subscription in one pass: a sane one takes a thousandth of it
MATCHES = 50  # of one subscription in one pass; what a notice says of more is only a number


def subscribe(
    home, db, owner: str, by: str, where: Where, once: bool, now: float
) -> tuple[Subscription, bool]:
    """`owner` is told of what `where` admits from now on: the subscription, and whether it is new.

    The same one twice is one. HcomError when the expression is wrong.
    """
    if not is_ours(where.sql, where.params):
        with Sieve(home, MATCH_S * 10) as sandboxed:
            events.latest_where(sandboxed, where.sql, where.params, 1, events.last_id(db))
    with transaction(db):
        for sub in subscriptions.every(db, owner):
            if (sub.sql, sub.params, sub.label, sub.once) == (
                where.sql,
                list(where.params),
                where.label,
                once,
            ) and not sub.off:
                return sub, False
        return _added(db, owner, by, where, once, now), True


def _added(db, owner: str, by: str, where: Where, once: bool, now: float) -> Subscription:
    sub_id = f"sub-{random.randrange(16**4):04x}"
    while subscriptions.find(db, sub_id):
        sub_id = f"sub-{random.randrange(16**6):06x}"
    sub = Subscription(
        sub_id,
        owner,
        by,
        where.label or where.sql,
        where.sql,
        list(where.params),
        where.looks_at,
        once,
        events.last_id(db),
        now,
        "",
        0,
        0.0,
    )
    subscriptions.add(db, sub)
    return sub


def subscribe_defaults(db, owner: str, setting: str, now: float) -> None:
    """A new agent has the subscriptions that `setting` lists; of collisions, its own. Within the
    caller's transaction."""
    for word in dict.fromkeys(filter(None, map(str.strip, setting.split(",")))):
        where = filters.preset(word, str)
        assert where is not None  # a setting in force lists notice.DEFAULTS: none needs a name
        label = notice.owner_label(word, where.looks_at, owner)
        _added(db, owner, owner, where._replace(label=label), False, now)


def unsubscribe(db, given: str, caller: str) -> list[Subscription]:
    """The subscriptions that `given` names (an id, or a label of what the caller has or made) end.

    HcomError when there are none, or when one is neither the caller's nor made by it.
    """
    wanted = given.strip()
    with transaction(db):
        by_id = subscriptions.find(db, wanted) or subscriptions.find(db, f"sub-{wanted}")
        found = (
            [by_id]
            if by_id
            else [
                sub
                for sub in subscriptions.every(db)
                if caller in (sub.owner, sub.by)
                if wanted in (sub.label, sub.label.replace('"', ""))
                or sub.label == f"{wanted}:{caller}"
            ]
        )
        if not found:
            raise HcomError(f"no subscription {given!r}", "hcom events sub")
        for sub in found:
            if caller not in (sub.owner, sub.by, BIGBOSS):
                raise HcomError(f"{sub.id} is a subscription of {sub.owner}", "hcom events sub")
            subscriptions.remove(db, sub.id)
    return found


def settle(home, db, now: float) -> list[str]:
    """Every event up to now is matched with all but users' SQL; the names of those who have a
    notice for it.

    One pass at a time, also of `sift`: the caller holds the lock.
    """
    start, _ = subscriptions.matched_up_to(db)
    last = events.last_id(db)
    subs = subscriptions.live(db)
    ours = [sub for sub in subs if is_ours(sub.sql, sub.params)]
    found, broken = [], []
    with open_sandboxed(home, MATCH_S) as sandboxed:
        for sub in ours:
            try:
                found += _matches(db, sandboxed, sub, start, last)
            except HcomError as error:
                broken.append((sub, error.message))
    silences, clashes = _silences(db, start, last, now), _clashes(db, subs, start, last)
    with transaction(db):
        lines: dict[str, list[str]] = {}
        _tell_clashes(db, subscriptions.of_collisions(subs), clashes, lines)
        for silence in silences:
            requests.close(db, silence.request, silence.target)
            lines.setdefault(silence.requester, []).append(notice.silence_line(silence))
        for batch, by in launches.untold(db):
            launches.tell(db, batch, "")
            if (owner := agents.find(db, by)) and owner.stopped_at is None:
                told = notice.launch_lines(batch, launches.of_batch(db, batch))
                lines.setdefault(by, []).extend(told)
        _tell(db, found, broken, lines, now)
        subscriptions.set_matched(db, last, last if len(ours) == len(subs) else 0)
    return list(lines)


def sift(home, db, now: float) -> list[str]:
    """The same with users' SQL, of what `settle` has matched. Where one can't go on it is switched
    off, and those behind it are for another pass: `settle` may be waited for by then."""
    last, start = subscriptions.matched_up_to(db)
    subs = [sub for sub in subscriptions.live(db) if not is_ours(sub.sql, sub.params)]
    if start == last or not subs:
        return []
    found, broken, done = [], [], []
    with Sieve(home, MATCH_S) as sandboxed:
        for sub in subs:
            try:
                found += _matches(db, sandboxed, sub, start, last)
            except StoreError:
                raise
            except HcomError as error:
                broken = [(sub, error.message)]
                break
            done.append(sub.id)
    with transaction(db):
        lines: dict[str, list[str]] = {}
        _tell(db, found, broken, lines, now)
        if broken:
            subscriptions.set_done(db, done, last)
        else:
            subscriptions.set_matched(db, last, last)
    return list(lines)


def _matches(db, sandboxed, sub: Subscription, start: int, last: int) -> list:
    """What the subscription wants, as (subscription, event). HcomError when it can't go on."""
    low = max(start, sub.after_id)
    if sub.looks_at == COLLISIONS or last <= low:
        return []
    found = []
    for event_id in subscriptions.matches(sandboxed, sub, low, last, MATCHES):
        event = events.find(db, event_id)
        if event is None:
            continue
        if not notice.is_echo(subscriptions.before(db, event.instance, event.id), event):
            found.append((sub, event))
            if sub.once:
                break
    return found


def _tell(db, found, broken, lines: dict[str, list[str]], now: float) -> None:
    """Who is told has a message: of what was found, of what is switched off, and of `lines`, which
    has it all in the end."""
    for sub, event in found:
        lines.setdefault(sub.owner, []).append(notice.notice(sub.label, sub.id, event))
    for sub, why in [*broken, *_count(db, found, now)]:
        subscriptions.switch_off(db, sub.id, why)
        lines.setdefault(sub.owner, []).append(notice.off_line(sub.label, sub.id, why))
    for owner, said in lines.items():
        mail.notify(db, [owner], notice.gathered(said), now)


def _count(db, found, now: float) -> list[tuple[Subscription, str]]:
    """What fired is counted, what was to fire once is gone; those that fire too often, and why."""
    noisy = []
    for sub in {sub.id: sub for sub, _ in found}.values():
        if sub.once:
            subscriptions.remove(db, sub.id)
            continue
        fresh = abs(now - sub.fired_since) > notice.BURST_S
        fired, since = (1, now) if fresh else (sub.fired + 1, sub.fired_since)
        subscriptions.count_fired(db, sub.id, fired, since)
        if fired > notice.BURST:
            noisy.append((sub, f"it fired more than {notice.BURST} times in a minute"))
    return noisy


def _clashes(db, subs, start: int, last: int) -> list[notice.Clash]:
    """The collisions among what was not matched, where anybody watches for them."""
    subs = subscriptions.of_collisions(subs)
    if not subs:
        return []
    return subscriptions.clashes(db, max(start, min(s.after_id for s in subs)), last)


def _tell_clashes(db, subs, clashes, lines: dict[str, list[str]]) -> None:
    """Who watches for collisions has a line for each new one: of everyone's, or of its own."""
    for clash in clashes:
        if subscriptions.is_told(db, clash):
            continue
        told = set()
        for sub in subs:
            wanted = sub.label == "collision" or sub.owner in clash.pair
            if wanted and sub.owner not in told and clash.newer.event_id > sub.after_id:
                lines.setdefault(sub.owner, []).append(notice.clash_line(clash, sub.owner, sub.id))
                told.add(sub.owner)
                if sub.once:
                    subscriptions.remove(db, sub.id)
        if told:
            subscriptions.set_told(db, clash)


def _silences(db, start: int, last: int, now: float) -> list[notice.Silence]:
    """The requests whose target went idle, left or ended without an answer; each once."""
    oldest = requests.oldest(db)
    if not oldest:
        return []
    found = {}
    for row in requests.developments(db, max(start, oldest), last):
        at = datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")).timestamp()
        leased_at = row["leased_at"] and past(row["leased_at"], now)
        how = notice.how_silent(json.loads(row["data"]), row["type"], past(at, now), leased_at)
        key = (row["event_id"], row["target"])
        if how and key not in found:
            found[key] = notice.Silence(
                row["event_id"], row["requester"], row["target"], row["text"], how
            )
    return list(found.values())
