"""Who takes part: joining, binding a client's session to an agent, identity, leaving."""

from collections import namedtuple

from ..bus.agent import ACTIVE, INACTIVE, Agent, Caller, is_listed, refuse_remote
from ..bus.message import EXTERNAL, INSTANCE, Sender
from ..errors import HcomError, UnknownAgent
from ..process import alive, ended, environment, is_above
from ..store import agents, deliveries, events, kept
from ..store.connect import transaction

PROOF = "HCOM_PROOF"  # a variable of a launched client: what it holds stands nowhere else


class Elsewhere(HcomError):
    """Who calls is not of the session that lives under that name; a person may say it is well."""


def join(
    db,
    tool: str,
    now: float,
    by: str = "",
    name: str = "",
    stem: str = "",
    batch: str = "",
    subscriptions: str = "",
    **facts,
) -> Agent:
    """A new agent takes part; its value. `name` is drawn when not given, or is `stem` and a number;
    it is told of what `subscriptions` (HCOM_DEFAULT_SUBSCRIPTIONS) lists."""
    import random
    from itertools import count

    from ..bus import names  # hooks and commands of those who are known have no use for it

    with transaction(db):
        taken = set(agents.names(db))
        if stem:  # which are taken, two that begin at once would find alike before
            name = next(stem + str(n) for n in count(1) if stem + str(n) not in taken)
        chosen = names.check(name) if name else names.fresh(taken, random.choice)
        if agents.find(db, chosen):
            raise HcomError(f"the name {chosen!r} is taken", f"hcom start --as {chosen}")
        agent = agents.blank(chosen, tool, now, batch=batch, **facts)
        agents.create(db, agent)
        for kind in ("session", "launch"):
            if getattr(agent, kind):
                agents.bind(db, kind, getattr(agent, kind), chosen)
        events.append_life(db, chosen, "created", by or chosen, "", batch, now)
        if subscriptions:
            from .subscriptions import subscribe_defaults  # most hooks never make an agent

            subscribe_defaults(db, chosen, subscriptions, now)
        return agent


def join_subagent(db, parent: Agent, key: str, now: float) -> Agent:
    """The subagent that its tool calls `key` takes part, its kind and a number in its name."""
    from ..bus import names  # most hooks never make an agent

    known = agents.bound(db, "session", key)
    if known and known.parent == parent.name:
        if known.stopped_at is not None:  # its parent has given it more to do
            with transaction(db):
                back(db, known)
                agents.set_status(db, known.name, ACTIVE, "start", "", now)
        return known
    said = kept.of(db.home, key)
    return join(
        db,
        parent.tool,
        now,
        parent.name,
        stem=names.stem(parent.name, (said.client or {}).get("kind", "")),
        parent=parent.name,
        session=key,
        tag=parent.tag,
        hints=parent.hints,
        hints_by=parent.hints_by,
        status="active",
        subagent_timeout=parent.subagent_timeout,
        directory=parent.directory,
        transcript=said.transcript,
    )


def dismiss(db, parent: str, now: float) -> None:
    """The subagents of `parent` have left, within the caller's transaction: its session is over."""
    for child in agents.children(db, parent):
        agents.leave(db, child.name, now)
        events.append_life(db, child.name, "stopped", parent, "parent ended", "", now)


def reclaim(db, name: str, caller: Caller, now: float) -> Agent:
    """The caller's session is the agent `name` (again). HcomError when it is another's, alive."""
    with transaction(db):
        agent = agents.find(db, name)
        if agent is None:
            raise UnknownAgent(f"no agent {name!r}", "hcom start for a new name")
        refuse_remote(agent)
        refuse_elsewhere(db, agent, caller)
        launched = caller.launch and agents.bound(db, "launch", caller.launch)
        mine = not launched or _fits(launched, caller)
        _displace(db, [whose(db, caller).agent, mine and launched], agent, now)
        back(db, agent)
        elsewhere = not caller.pid or agent.pid != caller.pid
        if caller.session and caller.session != agent.session and elsewhere:
            agents.unbind_sessions(db, agent.name)  # resumed, they would be this agent beside it
        _bind(db, Whose(agent, ("session", "launch") if mine else ("session",)), caller)
        if caller.tool and caller.tool != agent.tool:
            agents.set_tool(db, agent.name, caller.tool)
        agents.met(db, agent.name, "", "", caller.pid or 0, caller.pid_start, {})
        agents.set_status(db, agent.name, ACTIVE, "start", "", now)  # it runs this command
        events.append_status(db, agent.name, ACTIVE, "start", "", now)
        return agents.find(db, agent.name) or agent


def back(db, agent: Agent) -> None:
    """`agent`, which left or has retired, takes part again, and its mail waits for it; within the
    caller's transaction."""
    agents.rejoin(db, agent.name)
    deliveries.revive(db, agent.name)


def _displace(db, named, agent: Agent, now: float) -> None:
    """Those that the caller's session was so far have left, if they are others than `agent`, whose
    their subagents are now."""
    for former in filter(None, named):
        if former.name != agent.name and agents.leave(db, former.name, now):
            events.append_life(db, former.name, "stopped", agent.name, "renamed", "", now)
            agents.adopt(db, former.name, agent.name)


class Whose(namedtuple("Whose", "known binds instead_of", defaults=((), ""))):
    """Whose session runs a caller: the agent that is `known` (None: none), also one that has left;
    which of the caller's ids (session, launch) are new and belong to it; and the agent that was
    made for its launch and is none."""

    __slots__ = ()

    @property
    def agent(self) -> Agent | None:
        """The agent, where it takes part, or does again: a launch of ours goes on with it."""
        left = self.known and self.known.stopped_at is not None and "launch" not in self.binds
        return None if left else self.known


def whose(db, caller: Caller, forked_from: str = "") -> Whose:
    """The agent whose session runs the caller. Nothing is changed.

    By session id, else by the launch, else (after /clear in a session that hcom did not launch, or
    where commands know no session) by the client's process. A client started from inside an agent
    inherits its launch id: it is told apart by its process and is nobody.
    """
    known = caller.session and agents.bound(db, "session", caller.session)
    launched = caller.launch and agents.bound(db, "launch", caller.launch)
    if launched and not _fits(launched, caller):
        launched = None
    if known:
        other = launched if launched and launched.name != known.name else None
        if other and other.session and caller.shared:
            other = None
        if other and None in (known.stopped_at, other.stopped_at):
            # Launched for a session that turned out to be known, or gone on with it: it keeps its
            # name.
            return Whose(known, ("launch",), "" if other.session else other.name)
        return Whose(known)
    if launched and launched.stopped_at is None:
        new = caller.session and forked_from != caller.session
        return Whose(launched, ("session",) if new else ())
    same = not forked_from and _in_process(db, caller)
    return Whose(same, ("session",) if caller.session else ()) if same else Whose(None)


def _in_process(db, caller: Caller) -> Agent | None:
    """The agent whose client is the caller's process, where that is its alone."""
    alone = caller.pid and not caller.shared
    return agents.by_process(db, caller.pid, caller.pid_start) if alone else None


def own(db, caller: Caller, forked_from: str = "") -> Agent | None:
    """The agent whose session runs the caller, and that is so from now on for all its ids."""
    found = whose(db, caller, forked_from)
    if not found.binds:
        return found.agent
    with transaction(db):
        found = whose(db, caller, forked_from)  # again, now that nobody else can write
        _bind(db, found, caller)
        if found.agent and found.agent.stopped_at is not None:
            back(db, found.agent)
    return found.agent and agents.find(db, found.agent.name)


def _bind(db, found: Whose, caller: Caller) -> None:
    for kind in found.binds:
        if getattr(caller, kind):
            agents.bind(db, kind, getattr(caller, kind), found.known.name)
    if found.instead_of:
        agents.remove(db, found.instead_of)


def _fits(agent: Agent, caller: Caller) -> bool:
    """Whether the caller can be the client that was launched as `agent`."""
    if caller.tool and caller.tool != agent.tool:
        return False
    if not agent.pid or not caller.pid or (agent.session and not caller.session):
        return True
    if agent.pid == caller.pid or not alive(agent.pid, agent.pid_start):
        return True
    # What was launched may only start the client.
    return not agent.session and is_above(agent.pid, caller.pid)


def launch_of(db, caller: Caller) -> str:
    """The launch that runs the caller, where it is nobody's (any more); "" for none."""
    launched = caller.launch and agents.bound(db, "launch", caller.launch)
    if launched:
        mine = launched.stopped_at is not None and _fits(launched, caller)
    else:  # a reset has been
        known = kept.of(db.home, caller.launch)
        mine = known.tool == caller.tool and caller.pid in (0, known.pid)
    return caller.launch if mine else ""


def is_elsewhere(db, agent: Agent, caller: Caller) -> bool:
    """Whether the session of `agent`, for a subagent its parent's, lives in a process that does not
    run the caller, or runs it as another session. What the environment says is no proof of that;
    nor do we know who lives where we see no process."""
    host = (agent.parent and agents.find(db, agent.parent)) or agent
    if host.ended_at is not None or not alive(host.pid, host.pid_start):
        return False
    if caller.session and agent.session and caller.session != agent.session:
        # A session that has gone on in the same process; a shared one does not tell, but by a stop.
        return (caller.shared and agent.stopped_at is None) or caller.pid != host.pid
    if is_above(host.pid):
        return False
    return not caller.proof or environment(host.pid).get(PROOF) != caller.proof


def refuse_elsewhere(db, agent: Agent, caller: Caller) -> None:
    """Elsewhere when the agent is_elsewhere and no person vouches for the caller."""
    if not caller.vouched and is_elsewhere(db, agent, caller):
        raise Elsewhere(
            f"{agent.display} is a session that still runs, and not yours",
            "hcom start for a name of your own, or send --from NAME",
        )


def proven(db, caller: Caller) -> Caller:
    """The caller without what it claims to be of a session that lives elsewhere; and with the
    session of its launch or process, which not every client tells its commands."""
    known = caller.session and agents.bound(db, "session", caller.session)
    if known and is_elsewhere(db, known, caller._replace(session="")):  # it is one of its own
        return Caller()
    launched = caller.launch and agents.bound(db, "launch", caller.launch)
    if launched and is_elsewhere(db, launched, caller):
        return caller._replace(launch="")
    me = launched if launched and _fits(launched, caller) else _in_process(db, caller)
    if me and not caller.session:
        facts = {key: getattr(me, key) for key in ("session", "pid", "pid_start", "tool")}
        return caller._replace(**facts)
    return caller


def speaker(db, caller: Caller, claimed: str) -> Agent | None:
    """The agent a command speaks for: the one it `claimed` by --name, else its session's. Elsewhere
    when that is a session that lives elsewhere.

    No one speaks for another: inside a client's session, --name may only name the agent that the
    session is, its subagents, or an agent that no session has.
    """
    me = own(db, caller)
    if not claimed:
        return me
    agent = known(db, claimed)
    if me and me.name in (agent.name, agent.parent):
        return agent
    if agent.session and (me or caller.session):
        raise HcomError(
            f"{agent.display} is another session, you are {me.display if me else 'no agent'}",
            "leave --name out" if me else "hcom start for a name of your own",
        )
    refuse_elsewhere(db, agent, caller)
    return agent


def named(db, name: str) -> Agent:
    """The agent called `name` (with or without tag, or by session id), also one that has left.
    UnknownAgent when none."""
    wanted = name.strip().lstrip("@").lower()
    agent = agents.find(db, wanted) or agents.bound(db, "session", name)
    if agent is None:
        from ..bus import names

        shown = {a.display: a for a in agents.everywhere(db)}
        agent = next((a for display, a in shown.items() if display.lower() == wanted), None)
        if agent is None:
            raise UnknownAgent(f"no agent {name!r}", names.meant(wanted, shown, "hcom list"))
    return agent


def known(db, name: str) -> Agent:
    """The same, but that it takes part, on this device. UnknownAgent when not."""
    agent = named(db, name)
    refuse_remote(agent)
    if agent.stopped_at is not None:
        way = "resume" if agent.session else "start --as"
        raise UnknownAgent(f"{agent.display} has left", f"hcom {way} {agent.name}")
    return agent


def leave(db, agent: Agent, by: str, reason: str, now: float) -> list[str]:
    """`agent` no longer takes part; its keys, by which hooks knew it."""
    with transaction(db):
        depart(db, agent, by, reason, now)
    return keys(db, agent)


def depart(db, agent: Agent, by: str, reason: str, now: float) -> None:
    """The same within the caller's transaction."""
    if agents.leave(db, agent.name, now):
        events.append_life(db, agent.name, "stopped", by, reason, "", now)
        dismiss(db, agent.name, now)


def keys(db, agent: Agent) -> list[str]:
    """Every id by which hooks know the agent's session: sessions, launches, its process."""
    return [*agents.bindings(db, agent.name), *([f"pid-{agent.pid}"] if agent.pid else [])]


def gone(db, now: float) -> list[Agent]:
    """Agents whose client died without a word are recorded as ended; those agents. A wrapper that
    lives will have that word."""
    from . import retirement  # no hook looks

    dead = [a for a in agents.every(db) if a.ended_at is None and _has_died(db.home, a)]
    if not dead and not retirement.is_due(db, now):
        return []
    with transaction(db):
        retirement.retire(db, now)
        # Again, now that nobody can write: one of them may have been resumed meanwhile.
        dead = [
            a
            for a in dead
            if (now_is := agents.find(db, a.name))
            and (now_is.launch, now_is.pid, now_is.pid_start) == (a.launch, a.pid, a.pid_start)
            and now_is.stopped_at is None
        ]
        for agent in dead:
            _end(db, agent.name, "exit:killed", now)
    return dead


def _has_died(home, agent: Agent) -> bool:
    if agent.pid and not ended(agent.pid, agent.pid_start):
        return False
    known = kept.of(home, agent.launch)
    pid, start = agent.pid, agent.pid_start
    if not pid and agent.status == INACTIVE:  # it died as it was started: its launch knows
        pid, start = known.pid, known.pid_start
    return pid > 0 and ended(pid, start) and not known.wrapped


def succeed(db, agent: Agent, now: float) -> None:
    """The process of `agent` goes on with its session: who ran there before has ended, within the
    caller's transaction."""
    for name in agents.before_in_process(db, agent):
        _end(db, name, "exit:resume", now)


def _end(db, name: str, context: str, now: float) -> None:
    agents.end_session(db, name, context, now)
    dismiss(db, name, now)
    events.append_status(db, name, INACTIVE, context, "", now)


def listed(db, now: float) -> list[Agent]:
    """The agents that take part now, oldest first."""
    return [a for a in agents.every(db) if is_listed(a, now)]


def sender(agent: Agent | None, external: str) -> Sender:
    """The sender value for an agent, or for the external name when there is no agent."""
    return Sender(agent.name, INSTANCE, agent.tag) if agent else Sender(external, EXTERNAL)
