"""One hook call of one agent: whose session it is, and what the agent may be handed by it."""

import time

from ..adapters.base import END, PROMPT, START, Signal, size
from ..bus.agent import ACTIVE, BLOCKED, Agent, Caller, past
from ..delivery import marks
from ..hub import mail, people
from ..process import alive, is_above, start_of
from ..store import agents, deliveries, events, kept
from ..store.connect import transaction
from ..store.deliveries import Into


class Context:
    """What a handler works with: one hook call of one agent. `sub` is the subagent that it is of,
    where that takes part, and `to` whose mail the hook is about: its, or the agent's."""

    def __init__(self, home, db, adapter, env, agent: Agent, signal: Signal):
        self.home, self.db, self.adapter, self.env = home, db, adapter, env
        self.agent, self.signal = agent, signal
        found = agents.bound(db, "session", signal.subagent) if signal.subagent else None
        mine = found and found.parent == agent.name and found.stopped_at is None
        self.sub = found if mine else None
        self.to: Agent = self.sub or agent
        self.leased = mail.Leased()
        self.idle = False  # whether the agent is, after this hook
        self.is_first = False  # whether none was heard of its session, which it joined by a command

    @property
    def takes(self) -> bool:
        """Whether this hook can hand over mail."""
        joined = self.sub is not None or not self.signal.subagent
        return joined and self.signal.kind in self.adapter.BUDGET

    def report(self, status: str, context: str, detail: str = "") -> None:
        """The status of whom the hook is about is this, and the log says so; within the caller's
        transaction."""
        agents.set_status(self.db, self.to.name, status, context, detail, self.signal.at)
        self.note(status, context, detail)

    def note(self, status: str, context: str, detail: str = "") -> None:
        """The log says that the status of whom the hook is about is this."""
        events.append_status(self.db, self.to.name, status, context, detail, self.signal.at)

    def judged(self) -> tuple[list[int], list[deliveries.Held]]:
        """What this hook, and the client's transcript, prove of what was delivered before: the ids
        of what was seen, and what is to be queued again."""
        held, signal = deliveries.held(self.db, self.to.name), self.signal
        if not held:
            return [], []
        from ..ops import evidence  # most hooks find nothing held

        # After a compaction the session goes on; one that ends may not be the agent's any more.
        goes_on = signal.kind == START and signal.source == "compact"
        other = signal.kind == END and signal.session != self.agent.session
        kind = "" if goes_on or other else signal.kind
        path, proven_by = signal.transcript, self.adapter.PROVEN_BY
        return evidence.judge(self.db, held, self.to, kind, signal.at, path, proven_by)

    def take(self, kind: str) -> str:
        """The text of what waits for who is handed mail, as much as the channel of `kind` carries;
        it is leased to this process, within the caller's transaction."""
        signal, agent = self.signal, self.to
        # The text of a prompt that comes while a turn goes on waits for its end, or is taken back:
        # no later hook says that the model has got it.
        beside = kind == PROMPT and agent.status in (ACTIVE, BLOCKED)
        path = signal.transcript or kept.of(self.home, signal.subagent or signal.session).transcript
        into = Into("" if beside else kind, path, size(path))
        # Leased as of now, not of when the hook began: a hook that ran beside this one must not
        # count as proof that the client took what this one prints.
        may = self._may if kind in self.adapter.UNSURE else None
        budget = min(self.adapter.BUDGET[kind], self.adapter.most(agent))
        self.leased = mail.lease(self.db, agent, into, budget, time.time(), may)
        return self.leased.text

    def _may(self, text: str) -> bool:
        """Whether this hook's channel brings `text` to the model, whole and as it is."""
        signal, adapter = self.signal, self.adapter
        return adapter.reaches(signal, self.agent) and adapter.carries(signal.kind, text)

    def flag(self) -> None:
        """The agent's next hook looks for mail while any is not written, for it or its subagents.
        Within the caller's transaction: nothing can come between the look and this, and one that
        is killed with mail in its hand leaves the flag up."""
        name = self.agent.name
        if self.leased.ids or deliveries.is_unwritten(self.db, name):
            marks.raise_flag(self.home, [name])
        else:
            marks.lower_flag(self.home, name)

    def introduction(self) -> str:
        """What an agent is told of hcom, where its tool's prompt hook has to say it and the model
        has not got it (any more), or where it has joined before any hook was heard; else ""."""
        introduced = self.signal.kind != PROMPT or self.adapter.introduced(self.signal, self.agent)
        if introduced and not (self.is_first and self.takes):
            return ""
        from ..bus import bootstrap  # once in a session

        if introduced:
            return bootstrap.HEARD
        agents.met(self.db, self.agent.name, "", "", 0, "", {"told": self.signal.session})
        return bootstrap.text(self.agent, by=self.launcher()) + "\n\n"

    def launcher(self) -> str:
        """The agent that launched this one; "" where none did."""
        by = events.launcher(self.db, self.agent.name) if self.agent.launch else ""
        return by if by != self.agent.name and agents.find(self.db, by) else ""


def recognise(home, db, adapter, tool: str, env, signal: Signal) -> Context | None:
    """The context of the agent whose session this signal comes from; None when it is none.
    people.Elsewhere when that session lives in another process."""
    caller = Caller(
        signal.session, signal.launch, signal.pid, start_of(signal.pid), tool, signal.shared
    )
    before = heard(home, db, adapter, caller, signal.forked_from)
    agent = people.own(db, caller, signal.forked_from) if before.binds else before.agent
    if agent is None and signal.forked_from:
        agent = _forked(home, db, tool, env, signal)
    if agent is None or agent.tool != tool:
        marks.unmark(home, [signal.session, *process_marks(signal)])
        return None
    if agent.pid not in (0, signal.pid) and not caller.pid_start and not alive(signal.pid, ""):
        signal = signal._replace(pid=0)  # late, from the spool: the session lives elsewhere by now
    new = signal.kind != END and "session" in before.binds
    joined = not (signal.launch or signal.subagent)
    is_first = joined and kept.of(home, signal.session) == kept.NOTHING
    if signal.kind != END:
        _keep(home, tool, caller, signal)
    if signal.kind != END and _is_news(agent, caller, signal):
        with transaction(db):
            _met(db, agent, caller, signal)
        agent = agents.find(db, agent.name) or agent
    if new or signal.kind == START:
        marks.mark(home, [signal.session, signal.launch, f"pid-{signal.pid}"], agent.name)
    context = Context(home, db, adapter, env, agent, signal)
    context.is_first = is_first
    return context


def heard(home, db, adapter, caller: Caller, forked_from: str = "") -> people.Whose:
    """people.whose for a hook of the client's process. people.Elsewhere when the agent lives in
    another process, by what is kept of it, and that still runs: then a payload only claims to be of
    its session. Nothing is changed."""
    found = people.whose(db, caller, forked_from)
    agent = found.agent
    if agent is None:
        return found
    host = (agent.parent and agents.find(db, agent.parent)) or agent
    known, pid = kept.of(home, host.session), caller.pid
    lives, start = (known.pid, known.pid_start) if known.pid else (host.pid, host.pid_start)
    if pid == lives or host.ended_at is not None or not alive(lives, start):
        return found
    late = pid == known.former and not alive(pid, "")  # from the spool; it was resumed since
    holds, client = adapter.holds, known.client or {}
    if pid > 0 and (late or is_above(lives, pid) or holds(client, host.session, pid)):
        return found
    raise people.Elsewhere(f"{agent.display} is a session that still runs in another process")


def _forked(home, db, tool: str, env, signal: Signal) -> Agent | None:
    """The agent that a fork of another agent's session is from now on; None where it is of none."""
    parent = agents.bound(db, "session", signal.forked_from)
    if parent is None or parent.stopped_at is not None:
        return None
    from .. import config

    return people.join(
        db,
        tool,
        signal.at,
        parent.name,
        tag=parent.tag,
        session=signal.session,
        hints=parent.hints,
        hints_by=parent.hints_by,
        subagent_timeout=parent.subagent_timeout,
        subscriptions=config.read(home, env).default_subscriptions,
    )


def _is_news(agent: Agent, caller: Caller, signal: Signal) -> bool:
    """Whether the hook says something that is not known of the agent's session."""
    return (
        signal.cwd not in ("", agent.directory)
        or signal.main_transcript not in ("", agent.transcript)
        or (signal.pid and (signal.pid, caller.pid_start) != (agent.pid, agent.pid_start))
        or any(agent.client.get(key) != value for key, value in (signal.client or {}).items())
        or _is_back(agent, signal)
    )


def _is_back(agent: Agent, signal: Signal) -> bool:
    """Whether its session had ended; not so where the hook is older than that."""
    return agent.ended_at is not None and signal.at > past(agent.ended_at, time.time())


def _met(db, agent: Agent, caller: Caller, signal: Signal) -> None:
    """The agent's session lives: where, and in which process."""
    agents.met(
        db,
        agent.name,
        signal.cwd,
        signal.main_transcript,
        signal.pid,
        caller.pid_start,
        signal.client or {},
    )
    if _is_back(agent, signal):
        people.back(db, agent)


def _keep(home, tool: str, caller: Caller, signal: Signal) -> None:
    """What the hook knows of the session is kept where no agent can write. Judged by what is kept
    and not by the row, whose writer might want that nothing is."""
    texts = {key: said for key, said in (signal.client or {}).items() if isinstance(said, str)}
    kept.note(
        home,
        signal.session,
        tool=tool,
        directory=signal.cwd,
        transcript=signal.main_transcript,
        pid=signal.pid,
        pid_start=caller.pid_start,
        client=texts,
    )


def process_marks(signal: Signal) -> list[str]:
    """The mark of the session's process, where that is its alone."""
    return [] if signal.shared else [f"pid-{signal.pid}"]
