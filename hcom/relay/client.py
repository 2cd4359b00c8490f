"""What a worker does next, pure: pushes and polls of wire 2, when, and what their answers mean.

Two lanes, each with one request at a time, so that a push never waits for a poll that is held. What
is stored and sent is others' work: a Sync and what happened in, another Sync out.
"""

import math
from collections import namedtuple

from ..bus.render import one_line

HOLD_S = 25  # the server's own limit, asked for in full: a worker is gone 35 s after the last agent
# Seconds to wait after that many failures in a row, the last one for ever; each less by up to half,
# so that a hundred clients of a server that comes back do not come as one.
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
REFUSED_S = 300.0  # a token that is wrong is wrong until a person acts, who rings
BEAT_S = 240.0  # a state is pushed again though nothing changed: that the lane works is then known
AGES_S = 60.0  # ages come with an answer without news: where there always is some, one is asked for
BATCH_BYTES = 512 * 1024
CURSOR = 200  # characters
LEAD = 1000  # so far may the state of another process of this device be ahead: `hcom relay`
GAP_S = 0.25  # between two polls with news, as between two pushes: a server takes 10 requests/s
# So long from one poll without news to the next at the least, where the server does not hold them;
# each less by up to half. What holds them for as long is not slowed.
PACE_S = (0.5, 1.0, 2.0, 4.0)
WRONG = (400, 401, 403, 404, 405, 411, 431)  # what no second try makes right


class Lane(namedtuple("Lane", "at failures error hasty", defaults=(0.0, 0, "", 0))):
    """Requests of one kind: none before `at`; `error` is the last one's, "" when it went well;
    `hasty` of how many in a row the answer was neither held nor news."""

    __slots__ = ()


class Outbox(namedtuple("Outbox", "epoch first last state")):
    """What there is to push: events `first` to `last` of the epoch (last is first - 1 for none),
    and the number of the newest state."""

    __slots__ = ()


class Push(namedtuple("Push", "epoch seq first with_state after limit")):
    """A push to be made: events behind number `after`, `limit` bytes of them or one; -1: none."""

    __slots__ = ()


class Poll(namedtuple("Poll", "cursor timeout")):
    """A poll to be made."""

    __slots__ = ()


class Answer(
    namedtuple(
        "Answer",
        "status said retry_after beat_s held_s is_news",
        defaults=(0.0, BEAT_S, math.inf, True),
    )
):
    """What came back: `said` is the parsed body, a dict; `status` 0 is no answer, and its `said`
    {"error": why}. `beat_s` is how often who answers wants a state though nothing changed,
    `held_s` how long a poll was held that could be, `is_news` False where it said so before."""

    __slots__ = ()


class Sync(
    namedtuple(
        "Sync",
        "boot epoch have told told_at cursor limit push poll usurped aged_at beat_s",
        defaults=("", "", None, -1, 0.0, "", BATCH_BYTES, Lane(), Lane(), False, math.inf, BEAT_S),
    )
):
    """How far a device and the server are with each other.

    `boot` is the server's, as it last pushed; `have` is the last event of `epoch` that it holds,
    None: not known; `told` the newest state that it has, -1: none. `usurped`: the server has more
    of this epoch than there is: a new one has to begin. `aged_at` is when it last said how long ago
    it heard each device, `beat_s` as of an Answer.
    """

    __slots__ = ()


def next_push(sync: Sync, outbox: Outbox, now: float) -> "Push | None":
    """The push to make now; None for none."""
    if now < sync.push.at:
        return None
    known = sync.epoch == outbox.epoch and sync.have is not None
    with_state = not known or sync.told < outbox.state or now >= sync.told_at + sync.beat_s
    waits = known and sync.have < outbox.last
    if not with_state and not waits:
        return None
    # What the server has is asked for with a state alone: it would refuse what comes too early.
    # So it is where a server takes little at a time: then what it does not take is one event.
    alone = not waits or with_state and sync.limit <= 1
    after = -1 if alone else max(sync.have, outbox.first - 1)
    return Push(outbox.epoch, outbox.state, outbox.first, with_state, after, sync.limit)


def next_poll(sync: Sync, now: float) -> "Poll | None":
    """The poll to make now; None for none."""
    if now < sync.poll.at:
        return None
    return Poll(sync.cursor, 0 if now > sync.aged_at + AGES_S else HOLD_S)


def pause(sync: Sync, outbox: Outbox, now: float) -> float:
    """Seconds until there may be a push to make, if nothing else happens."""
    if next_push(sync, outbox, now):
        return 0.0
    return max(sync.push.at - now, 0.0) or sync.told_at + sync.beat_s - now


def pushed(sync: Sync, push: Push, last: int, answer: Answer, now: float, chance: float) -> Sync:
    """After the push of events up to `last` was answered; `chance` is from 0 to 1."""
    if answer.status == 413 and sync.limit > 1:  # less at a time; in the end one event
        return sync._replace(limit=sync.limit // 16, push=Lane(now))
    if answer.status not in (200, 409):
        return sync._replace(push=_later(sync.push, answer, now, chance))
    have, boot, seq = (answer.said.get(key, "") for key in ("have", "boot", "seq"))
    if type(have) is not int or not isinstance(boot, str) or type(seq or 0) is not int:
        wrong = Answer(0, {"error": "the server's answer is none of its wire"})
        return sync._replace(push=_later(sync.push, wrong, now, chance))
    is_more = have > last or (seq or 0) > push.seq + LEAD
    sync = sync._replace(epoch=push.epoch, have=have, usurped=is_more, beat_s=answer.beat_s)
    is_gap = answer.status == 409 or push.after >= 0 and have <= push.after
    if is_gap or sync.usurped:  # it began empty, or lost a push: its state may be gone with that
        # Only the first comes at once: a server that never agrees is not asked without a pause.
        gap = "" if sync.usurped else "a gap"
        lane = sync.push._replace(at=now, failures=sync.push.failures + 1, error=gap)
        if sync.push.failures:
            lane = _later(sync.push, answer._replace(said={"error": "a gap"}), now, chance)
        return sync._replace(told=-1, push=lane)
    fresh = boot != sync.boot and not push.with_state
    told, told_at = (push.seq, now) if push.with_state else (sync.told, sync.told_at)
    # The other lane need not wait for its turn: there is a server again.
    poll = sync.poll._replace(at=now) if sync.poll.failures and sync.push.failures else sync.poll
    return sync._replace(
        boot=boot,
        told=-1 if fresh else told,
        told_at=told_at,
        push=Lane(),
        poll=poll,
        limit=min(max(sync.limit, 1) * 4, BATCH_BYTES),
    )


def polled(sync: Sync, answer: Answer, now: float, chance: float) -> Sync:
    """After a poll was answered, and what it brought is stored."""
    cursor, boot = answer.said.get("cursor"), answer.said.get("boot")
    is_whole = isinstance(cursor, str) and is_cursor(cursor) and isinstance(boot, str)
    if answer.status == 200 and not is_whole:
        answer = Answer(0, {"error": "the server's answer is none of its wire"})
    if answer.status != 200:
        return sync._replace(poll=_later(sync.poll, answer, now, chance))
    push = sync.push._replace(at=now) if sync.push.failures and sync.poll.failures else sync.push
    if boot != sync.boot and sync.boot:  # it began anew: it says what it has when asked
        sync = sync._replace(have=None, told=-1, boot=boot)
    quiet = is_quiet(answer.said)
    aged_at = now if quiet or sync.aged_at == math.inf else sync.aged_at
    poll, hasty = Lane(now + GAP_S), sync.poll.hasty
    pace = PACE_S[min(hasty, len(PACE_S) - 1)] * (1 - chance / 2) - answer.held_s
    if pace > 0 and (quiet or not answer.is_news):
        poll = Lane(now + max(GAP_S, pace), hasty=hasty + 1)
    return sync._replace(cursor=cursor, poll=poll, push=push, aged_at=aged_at)


def is_cursor(said: str) -> bool:
    """Whether it can be kept, and sent back as part of a path."""
    return len(said) <= CURSOR and said.isascii()


def is_quiet(answer: dict) -> bool:
    """Whether a poll's answer has no news: all that the server has is here."""
    devices = answer.get("devices")
    news = devices.values() if isinstance(devices, dict) else ()
    given = [one for one in news if isinstance(one, dict)]
    return not any(one.get("events") or one.get("state") for one in given)


def rung(sync: Sync, now: float) -> Sync:
    """After a person asked for it, or changed the settings: nothing waits any longer."""
    return sync._replace(
        push=sync.push._replace(at=now), poll=sync.poll._replace(at=now), limit=BATCH_BYTES
    )


def _later(lane: Lane, answer: Answer, now: float, chance: float) -> Lane:
    """The lane after one more failure."""
    wait = BACKOFF_S[min(lane.failures, len(BACKOFF_S) - 1)] * (1 - chance / 2)
    if answer.status in WRONG:
        wait = REFUSED_S * (1 - chance / 2)
    wait = max(wait, min(answer.retry_after, 3600.0))
    why = answer.said.get("error") or f"the server said {answer.status}"
    return Lane(now + wait, lane.failures + 1, one_line(str(why)))
