"""Agents: who is here and what they do, leaving, being resumed."""

from collections import namedtuple

from .. import adapters
from ..bus.agent import (
    ACTIVE,
    BIGBOSS,
    BLOCKED,
    INACTIVE,
    LAUNCHING,
    LISTEN,
    LISTENING,
    STOPPED,
    Agent,
    is_listed,
    refuse_remote,
)
from ..delivery.bell import heard
from ..errors import HcomError
from ..hub import people
from ..process import alive
from ..store import agents, deliveries, devices, events, kept
from .after import Done, after

# -- who is here --


# An agent with the status that its client shows now, and how many messages wait for it
Seen = namedtuple("Seen", "agent unread")


def shown(db, found: "list[Agent]", now: float) -> list[Agent]:
    """The agents with the status that is known of each now: of those on another device, what that
    has told, as long as it is heard."""
    is_far = any(agent.device for agent in found)
    heard_at = {one.id: one.heard_at for one in devices.every(db)} if is_far else {}
    return [_shown(db.home, agent, heard_at.get(agent.device, now), now) for agent in found]


def _shown(home, agent: Agent, heard_at: float, now: float) -> Agent:
    if not agent.device:
        return current(home, agent)
    if now - heard_at < devices.UNHEARD_S:
        return agent
    return agent._replace(status=INACTIVE, context="not heard", detail="", status_at=heard_at)


def current(home, agent: Agent) -> Agent:
    """The agent with the status that its client shows now, where the client can be asked."""
    if agent.status == INACTIVE and agent.ended_at is None:
        return agent._replace(context=LAUNCHING, detail="")
    if (agent.status, agent.context) == (LISTENING, LISTEN) and agent.name not in heard(home):
        return agent._replace(status=ACTIVE)  # its `hcom listen` was killed
    asked = kept.proven(home, agent) if agent.pid and agent.status != INACTIVE else agent
    said = adapters.load(agent.tool, "wake").status(asked) if asked is not agent else None
    # That it has gone is a guess of ours; its wrapper, while it lives, knows better.
    if not said or (said[0] == INACTIVE and kept.of(home, agent.launch).wrapped):
        return agent
    # A dialog that no hook told of is about something else than what one told last.
    detail = "" if said[0] == BLOCKED != agent.status else agent.detail
    return agent._replace(status=said[0], context=said[1], detail=detail)


def here(db, now: float) -> list[Seen]:
    """Those that take part now, oldest first; who died without a word is recorded as ended. Behind
    them those that do not, but run."""
    bury(db, now)
    unread = deliveries.unread(db)
    there = shown(db, [a for a in agents.everywhere(db) if is_listed(a, now)], now)
    return [Seen(a, unread.get(a.name, 0)) for a in [*there, *loose(db, now)]]


def loose(db, now: float) -> list[Agent]:
    """What hcom launched and still runs, but is no agent that takes part: each as who it was."""
    found = []
    for key, known in kept.running(db.home).items():
        agent = agents.bound(db, "launch", key) or agents.blank(known.name, known.tool, now)
        if agent.stopped_at is not None or agent.launch != key:
            found.append(agent._replace(launch=key, status=INACTIVE, context=STOPPED, detail=""))
    return found


def one(db, name: str, now: float) -> Seen:
    """The agent called `name`. UnknownAgent."""
    bury(db, now)
    agent = people.named(db, name)
    if not agent.device:
        agent = people.known(db, agent.name)
    (agent,) = shown(db, [agent], now)
    return Seen(agent, deliveries.count_queued(db, agent.name))


def unread_by_person(db) -> int:
    """How many messages wait for the person."""
    return deliveries.count_queued(db, BIGBOSS)


def bury(db, now: float) -> None:
    """Agents whose client died without a word are recorded as ended, subagents that were broken off
    as gone, and that is told."""
    over = [a for a in people.listed(db, now) if a.parent and _is_broken_off(db.home, a)]
    for agent in over:
        people.leave(db, agent, agent.parent, "interrupted", now)
    if people.gone(db, now) or over:
        after(db.home, Done(watched=events.is_watched(db)))


def _is_broken_off(home, agent: Agent) -> bool:
    reader = adapters.load(agent.tool, "transcript")
    return reader.is_broken_off(kept.of(home, agent.session).transcript)


def facts(seen: Seen, now: float) -> dict:
    """What is said of an agent, by field name."""
    agent = seen.agent
    return {
        "name": agent.display,
        "base_name": agent.name,
        "tag": agent.tag,
        "tool": agent.tool,
        "device": agent.place,
        "status": agent.status,
        "status_context": agent.context,
        "status_detail": agent.detail,
        "status_age": int(max(now - agent.status_at, 0)),
        "unread": seen.unread,
        "directory": agent.directory,
        "session_id": agent.session,
        "transcript_path": agent.transcript,
        "parent_name": agent.parent,
        "process_id": agent.launch,
        "pid": agent.pid,
        "headless": agent.headless,
        "created_at": int(agent.created_at),
        "wake_failure": agent.wake_failure,
        "hints": agent.hints,
    }


def receipts(db, sender: str) -> tuple[int, dict[str, str]]:
    """The newest message of `sender`, and how far it came with each recipient; (0, {}) for none."""
    last = events.last_sent(db, sender)
    return last, deliveries.receipts(db, last) if last else {}


def chosen(db, words, now: float, also=()) -> list[Agent]:
    """The agents that `words` name, among those that take part and `also` these: names, tag:NAME,
    all. UnknownAgent when one means nobody."""
    everyone = [*people.listed(db, now), *also]
    found = []
    for word in words:
        if word == "all":
            found += everyone
        elif word.startswith("tag:"):
            tagged = [a for a in everyone if a.tag and a.tag.lower() == word[4:].lower()]
            if not tagged:
                raise HcomError(f"no agent has the tag {word[4:]!r}", "hcom list")
            found += tagged
        else:
            wanted = word.lstrip("@").lower()
            called = [a for a in everyone if wanted in (a.name.lower(), a.display.lower())]
            found.append(called[0] if called else people.known(db, word))
    return list({(a.name, a.launch): a for a in found}.values())


# -- leaving, and being started again --


def stop(db, targets: list[Agent], by: str, reason: str, now: float) -> None:
    """The agents have left at the wish of `by`; their clients go on."""
    left = [(agent.name, people.leave(db, agent, by, reason, now)) for agent in targets]
    after(db.home, Done(left=left, watched=events.is_watched(db)))


# What is started to have an agent, or a copy of it, again: a client with these arguments, in that
# directory ("" where it is not known).
Again = namedtuple("Again", "tool args directory")


def runs(home, agent: Agent) -> bool:
    """Whether the agent's session surely goes on in its client, also where it has left."""
    if agent.ended_at is not None or not alive(agent.pid, agent.pid_start):
        return False
    return not current(home, agent).context.startswith("exit:")


def again(db, word: str, fork: bool) -> Again:
    """The agent called `word`, also by its session and when it has left, can be started again; or
    a copy of it. HcomError when it cannot."""
    agent = people.named(db, word)
    refuse_remote(agent)
    known = kept.of(db.home, agent.session)
    if agent.tool not in adapters.TOOLS:
        raise HcomError(
            f"{agent.tool} cannot be started by hcom", f"in it: hcom start --as {agent.name}"
        )
    if known.tool not in adapters.TOOLS:
        raise HcomError(
            f"no hook told of a session of {agent.display}, so there is no session to go on with",
            "resume it with the client itself" if agent.session else "hcom list -v",
        )
    args = adapters.load(known.tool, "launch").resuming(agent.session, fork)
    return Again(known.tool, args, known.directory)
