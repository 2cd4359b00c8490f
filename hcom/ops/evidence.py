"""Evidence that a model was asked with what it was delivered, and what becomes of the rest.

Two things prove it: a hook that only a request with the message in it can cause, by the adapter's
table PROVEN_BY; and the client's transcript, with a model's answer behind the message. A hook that
ran beside the one that delivered proves nothing, nor does a prompt (a person types it while tools
run), nor a session that starts. What is lost from a conversation is queued again.
"""

import time

from .. import adapters
from ..adapters.base import END, OUTPUT, PROMPT, START, TURN_END, size
from ..adapters.lines import ANSWERED, GONE, STANDING, Given
from ..bus.agent import ACTIVE, BLOCKED, Agent, past
from ..hub import mail
from ..store import agents, deliveries, kept
from ..store.connect import transaction
from ..store.deliveries import DELIVERED, Held

COMMAND = "command"  # one of ours: who runs it has read the output of the one before
OF_COMMANDS = {OUTPUT: (COMMAND,)}


def judge(db, held: list[Held], agent: Agent, kind: str, at: float, path: str, proven_by):
    """What a hook of this kind (or COMMAND, or "" for none), which began at `at`, and transcripts
    say of what is held for `agent`: the ids that were seen, and what is to be queued again.
    The transcripts are those in which it was delivered, and `path`, else the session's."""
    now = time.time()
    moments = {"turn_at": past(agent.turn_at, now), "status_at": past(agent.status_at, now)}
    agent, at = agent._replace(**moments), past(at, now)
    known = [one._replace(delivered_at=past(one.delivered_at or 0.0, now)) for one in held]
    proven = {one.event_id for one in known if _proves(one, agent, kind, at, proven_by)}
    # A prompt may have been taken back, and the hook of the next one may have died.
    rest = [one for one in known if one.event_id not in proven or one.channel == PROMPT]
    fates = _fates(agent, *_readable(db, rest, agent, path)) if rest else {}
    proven -= {i for i, fate in fates.items() if fate == GONE}
    proven |= {i for i, fate in fates.items() if fate == ANSWERED}
    lost = {
        one.event_id
        for one in rest
        if one.event_id not in proven and _is_lost(one, agent, kind, at, fates.get(one.event_id))
    }
    return sorted(proven), [one for one in held if one.event_id in lost]


def _proves(held: Held, agent: Agent, kind: str, at: float, proven_by) -> bool:
    """Whether the hook could not have come without a request that had the message."""
    return (
        held.state == DELIVERED
        and kind in proven_by.get(held.channel, ())
        and agent.turn_at <= held.delivered_at < at
    )


def _readable(db, held: list[Held], agent: Agent, path: str) -> tuple[list[Held], str]:
    """What is held, each without its transcript where that is neither `path` nor one that a hook
    of the agent's sessions told of; and `path`, or what they told last."""
    path = path or kept.of(db.home, agent.session).transcript
    if all(one.transcript in ("", path) for one in held):
        return held, path
    sessions = agents.bindings(db, agent.name)
    known = {path}.union(*(kept.of(db.home, session).transcripts for session in sessions))
    clean = [h if h.transcript in known else h._replace(transcript="", since=0) for h in held]
    return clean, path


def _fates(agent: Agent, held: list[Held], path: str) -> dict[int, str]:
    """What became of each by the transcripts; "" where they know nothing of it, and no entry where
    there is none to be read."""
    found: dict[int, str] = {}
    for place in dict.fromkeys([*(one.transcript for one in held), path]):
        if not size(place):
            continue
        given = {
            h.event_id: Given(h.channel, h.since)
            if h.transcript == place
            else Given(h.channel, at=h.leased_at)
            for h in held
        }
        said = adapters.load(agent.tool, "transcript").fates(place, given)
        for number in given:
            if found.get(number) != ANSWERED:
                found[number] = said.get(number) or found.get(number, "")
    return found


def _is_lost(held: Held, agent: Agent, kind: str, at: float, fate: "str | None") -> bool:
    """Whether the model will not be asked with it, as things are."""
    over = kind in (START, END)  # the conversation is, and this was not answered in it
    if held.state != DELIVERED:
        return mail.is_dropped(held, time.time()) and (over or fate != STANDING)
    if over:
        return held.delivered_at < at
    if fate == GONE:
        # Not by the end of the turn itself: where the model cannot be asked, as in an outage, it
        # would be asked again and again.
        return kind == PROMPT or held.delivered_at < agent.turn_at
    idle = agent.status not in (ACTIVE, BLOCKED) and held.delivered_at <= agent.status_at
    return kind == PROMPT and idle and fate == "" and held.channel != OUTPUT


def recover(db, agent: Agent, now: float) -> bool:
    """What processes that died had taken and not written for `agent` is queued again. A turn whose
    end they were is over. Whether a living process holds some."""
    taken = [one for one in deliveries.held(db, agent.name) if one.state != DELIVERED]
    dropped = [one for one in taken if mail.is_dropped(one, now)]
    seen, lost = judge(db, dropped, agent, "", now, "", {}) if dropped else ([], [])
    if seen or lost:
        if any(one.channel == TURN_END for one in lost):
            from ..hub import launches  # seldom, and every hook loads this

            launches.interrupted(db, agent.name, now)
        with transaction(db):
            mail.settle(db, agent.name, seen, lost)
    return len(taken) > len(dropped)


def settle(db, agent: Agent, kind: str, at: float) -> None:
    """What `judge` says, outside of a hook, is done."""
    held = deliveries.held(db, agent.name)
    seen, lost = judge(db, held, agent, kind, at, "", OF_COMMANDS) if held else ([], [])
    if seen or lost:
        with transaction(db):
            mail.settle(db, agent.name, seen, lost)
