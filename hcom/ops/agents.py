"""Agents: who is here and what they do, joining, leaving, being resumed, what is set of them."""

import os
from collections import namedtuple

from .. import adapters, config
from ..adapters import ADHOC
from ..bus import bootstrap, names
from ..bus.agent import ACTIVE, BIGBOSS, BLOCKED, INACTIVE, Agent
from ..delivery import bell, marks, sweep
from ..errors import HcomError
from ..hub import people
from ..process import alive, environment, itself
from ..store import agents, deliveries, events, kept
from ..store.connect import transaction
from .after import Done, after

# -- who is here --


class Seen(namedtuple("Seen", "agent unread")):
    """An agent with the status that its client shows now, and how many messages wait for it."""

    __slots__ = ()


def current(home, agent: Agent) -> Agent:
    """The agent with the status that its client shows now, where the client can be asked."""
    asked = kept.proven(home, agent) if agent.pid and agent.status != INACTIVE else agent
    said = adapters.load(agent.tool, "wake").status(asked) if asked is not agent else None
    if not said:
        return agent
    # A dialog that no hook told of is about something else than what one told last.
    detail = "" if said[0] == BLOCKED != agent.status else agent.detail
    return agent._replace(status=said[0], context=said[1], detail=detail)


def here(db, now: float) -> list[Seen]:
    """Those that take part now, oldest first; who died without a word is recorded as ended."""
    bury(db, now)
    unread = deliveries.unread(db)
    return [Seen(current(db.home, a), unread.get(a.name, 0)) for a in people.listed(db, now)]


def one(db, name: str, now: float) -> Seen:
    """The agent called `name`. UnknownAgent."""
    bury(db, now)
    agent = people.known(db, name)
    return Seen(current(db.home, agent), deliveries.count_queued(db, agent.name))


def unread_by_person(db) -> int:
    """How many messages wait for the person."""
    return deliveries.count_queued(db, BIGBOSS)


def bury(db, now: float) -> None:
    """Agents whose client died without a word are recorded as ended, and that is told."""
    if people.gone(db, now):
        after(db.home, Done(watched=events.is_watched(db)))


def facts(seen: Seen, now: float) -> dict:
    """What is said of an agent, by field name."""
    agent = seen.agent
    return {
        "name": agent.display,
        "base_name": agent.name,
        "tag": agent.tag,
        "tool": agent.tool,
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


def chosen(db, words, now: float) -> list[Agent]:
    """The agents that `words` name: names, tag:NAME, all. UnknownAgent when one means nobody."""
    everyone = people.listed(db, now)
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
            found.append(people.known(db, word))
    return list({a.name: a for a in found}.values())


# -- joining and leaving --


class Joined(namedtuple("Joined", "agent text")):
    """An agent that takes part, and what it is told of hcom."""

    __slots__ = ()


def start(
    db, env, caller, client: dict, own: "Agent | None", wanted: "str | None", now: float
) -> Joined:
    """The session of `caller` takes part: as `wanted` where that is said, else as its `own` agent,
    else under a new name. `client` are facts for its adapter. HcomError when it may not."""
    home, directory = db.home, env.get("PWD", "")
    found = sweep.there(home)
    if wanted:
        agent = _again(db, wanted, caller, now)
    else:
        agent = own or _joined(db, env, caller, client, directory, now)
    if client and caller.session:
        with transaction(db):
            agents.met(db, agent.name, directory, "", caller.pid, caller.pid_start, client)
    sweep.sweep(home, found, agents.every(db), agents.staying(db))
    marks.mark(home, people.keys(db, agent), agent.name)
    rung = [bell.of_launch(caller.launch)]  # its client may have been another agent's
    after(home, Done(rung=rung, watched=events.is_watched(db)))
    return Joined(agent, _told(home, env, agent, (caller.tool or ADHOC) != ADHOC))


def _told(home, env, agent: Agent, hooked: bool = True) -> str:
    """What an agent that takes part by a command is told of hcom; it works in the shell that this
    command ran in, and in the next."""
    import shlex  # few commands join
    from shutil import which

    written = "hcom" if which("hcom", path=env.get("PATH", "")) else shlex.join(itself())
    if env.get("HCOM_DIR") and environment(os.getppid()).get("HCOM_DIR") != env["HCOM_DIR"]:
        written = f"HCOM_DIR={shlex.quote(home.root)} {written}"
    return bootstrap.text(agent, hooked=hooked, written=written)


def _again(db, name: str, caller, now: float) -> Agent:
    """The agent `name`, which the session of `caller` is from now on. What was delivered to another
    session of it is looked up there."""
    from ..adapters.base import START  # few commands join
    from . import evidence

    before = agents.find(db, name)
    agent = people.reclaim(db, name, caller, now)
    if before and caller.session and caller.session != before.session:
        evidence.settle(db, before, START, now)  # by the transcript of the tool that it was
    return agent


def _joined(db, env, caller, client: dict, directory: str, now: float) -> Agent:
    settings = config.read(db.home, env)
    return people.join(
        db,
        caller.tool or ADHOC,
        now,
        session=caller.session,
        pid=caller.pid,
        pid_start=caller.pid_start,
        client=client,
        status=ACTIVE,
        tag=names.check_tag(settings.tag),
        hints=settings.hints,
        subagent_timeout=settings.subagent_timeout,
        subscriptions=settings.default_subscriptions,
        directory=directory,
    )


def start_subagent(db, env, caller, key: str, now: float) -> "Joined | None":
    """The subagent that its tool calls `key` takes part; None when no hook has offered it to.
    Elsewhere when that was in another session than the caller's."""
    name = marks.marked(db.home, f"sub-{key}")
    if not name:
        return None
    parent = people.known(db, name)
    people.refuse_elsewhere(db, parent, caller._replace(session=""))  # a Codex has one for each
    agent = people.join_subagent(db, parent, key, now)
    after(db.home, Done(watched=events.is_watched(db)))
    return Joined(agent, _told(db.home, env, agent))


def stop(db, targets: list[Agent], by: str, reason: str, now: float) -> None:
    """The agents have left at the wish of `by`; their clients go on."""
    left = [
        (agent.name, [*people.leave(db, agent, by, reason, now), f"pid-{agent.pid}"])
        for agent in targets
    ]
    after(db.home, Done(left=left, watched=events.is_watched(db)))


# -- being started again --


class Again(namedtuple("Again", "tool args directory")):
    """What is started to have an agent, or a copy of it, again: a client with these arguments, in
    that directory ("" where it is not known)."""

    __slots__ = ()


def again(db, word: str, fork: bool) -> Again:
    """The agent called `word`, also by its session and when it has left, can be started again; or
    a copy of it. HcomError when it cannot."""
    agent = people.named(db, word)
    known = kept.of(db.home, agent.session)
    if agent.tool not in adapters.TOOLS:
        raise HcomError(f"{agent.tool} cannot be started by hcom", "hcom list -v")
    if known.tool not in adapters.TOOLS:
        raise HcomError(
            f"{agent.display} has no session to go on with that a hook told of",
            "resume it with the client itself" if agent.session else "hcom list -v",
        )
    if not fork and agent.ended_at is None and alive(agent.pid, agent.pid_start):
        raise HcomError(f"{agent.display} still runs", f"hcom fork {agent.name} for a copy")
    if not fork and (agent.stopped_at, agent.retired_at) != (None, None):
        with transaction(db):
            people.back(db, agent)
    args = adapters.load(known.tool, "launch").resuming(agent.session, fork)
    return Again(known.tool, args, known.directory)


# -- what can be set of an agent that runs --


# The setting whose check a value has to pass, and what it is kept as.
RUNTIME = {
    "tag": ("HCOM_TAG", str),
    "timeout": ("HCOM_SUBAGENT_TIMEOUT", int),
    "hints": ("HCOM_HINTS", str),
    "subagent_timeout": ("HCOM_SUBAGENT_TIMEOUT", int),
}


def configure(db, agent: Agent, key: str, value: str, who: str) -> Agent:
    """`key`, one of RUNTIME, of the agent is `value`, at the wish of `who`: the agent as it is now.
    HcomError."""
    setting, kind = RUNTIME[key]
    config.check(setting, value)
    with transaction(db):
        if key == "tag" and agents.find(db, value):
            raise HcomError(f"{value!r} is an agent's name", "choose another tag")
        now = (agents.find(db, agent.name) or agent)._replace(**{key: kind(value)})
        if key == "hints":
            now = now._replace(hints_by=who)
        agents.configure(db, now)
    after(db.home, Done(watched=False))
    return now
