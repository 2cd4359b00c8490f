"""One hook call of one agent: whose session it is, and what the agent may be handed by it."""

import time

from ..adapters.base import (
    END,
    START,
    Signal,
)
from ..delivery import marks
from ..hub import mail, people
from ..process import start_of
from ..store import agents, deliveries, events
from ..store.connect import transaction


class Context:
    """What a handler works with: one hook call of one agent."""

    def __init__(self, home, db, adapter, env, agent, signal):
        self.home, self.db, self.adapter, self.env = home, db, adapter, env
        self.agent, self.signal = agent, signal
        self.claimed, self.claimant = None, agent

    def report(self, status: str, context: str, detail: str = "") -> None:
        """The agent's status is this, and the log says so."""
        with transaction(self.db):
            agents.set_status(self.db, self.agent.name, status, context, detail, self.signal.at)
            events.append_status(self.db, self.agent.name, status, context, detail, self.signal.at)

    def _carrier(self, kind: str):
        """Whether the channel of `kind` brings given messages to the model whole and as they are;
        None where it surely does."""
        if kind not in self.adapter.UNSURE:
            return None
        return lambda messages: self.adapter.carries(
            kind, mail.text_for(self.agent, mail.Claimed(messages, 1))
        )

    def take(self, kind: str) -> str:
        """The text of what waits for the agent, as much as the channel of `kind` carries."""
        if (
            kind in self.adapter.UNSURE
            and deliveries.count_queued(self.db, self.agent.name)
            and not self.adapter.reaches(self.signal, agents.find(self.db, self.agent.name))
        ):
            return ""
        budget = self.adapter.BUDGET[kind]
        marks.lower_flag(self.home, self.agent.name)
        now = time.time()
        mail.pick_up(self.db, self.agent.name, lambda ids: evidence(self, ids), now)
        # Offered as of now, not of when the hook began: a hook that ran beside this one must not
        # count as proof that the client took what this one prints.
        self.claimed = mail.claim(self.db, self.agent.name, budget, now, self._carrier(kind))
        if self.claimed.waiting or deliveries.children_wait(self.db, self.agent.name):
            marks.raise_flag(self.home, [self.agent.name])
        return mail.text_for(self.agent, self.claimed, budget)

    def introduction(self) -> str:
        """What an agent is told of hcom, where its tool's prompt hook has to say it and the model
        has not got it (any more); else ""."""
        if self.adapter.introduced(self.signal, self.agent):
            return ""
        from ..bus import bootstrap  # once in a session

        with transaction(self.db):
            agents.met(self.db, self.agent.name, "", "", 0, "", {"told": self.signal.session})
        return bootstrap.text(self.agent) + "\n\n"


def recognise(home, db, adapter, tool: str, env, signal: Signal) -> Context | None:
    """The context of the agent whose session this signal comes from; None when it is none."""
    caller = people.Caller(
        signal.session, signal.launch, signal.pid, start_of(signal.pid), tool, signal.shared
    )
    with transaction(db):
        agent = people.whose(db, caller, signal.forked_from)
        _met(db, agent, caller, signal)
    if agent is None and signal.forked_from:
        parent = agents.bound(db, "session", signal.forked_from)
        if parent is not None and parent.stopped_at is None:
            from .. import config

            agent = people.join(
                db,
                tool,
                signal.at,
                parent.name,
                tag=parent.tag,
                session=signal.session,
                hints=parent.hints,
                subscriptions=config.read(home, env).default_subscriptions,
            )
            with transaction(db):
                _met(db, agent, caller, signal)
    if agent is None or agent.tool != tool:
        marks.unmark(home, [signal.session, *process_marks(signal)])
        return None
    if signal.kind == START or (signal.kind != END and agent.session != signal.session):
        marks.mark(home, [signal.session, signal.launch, f"pid-{signal.pid}"], agent.name)
    return Context(home, db, adapter, env, agents.find(db, agent.name), signal)


def _met(db, agent, caller, signal: Signal) -> None:
    """The agent's session lives, if it is one of this tool's: where, and in which process."""
    if agent is not None and agent.tool == caller.tool and signal.kind != END:
        agents.met(
            db,
            agent.name,
            signal.cwd,
            "" if signal.subagent else signal.transcript,
            signal.pid,
            caller.pid_start,
            signal.client or {},
        )


def process_marks(signal: Signal) -> list[str]:
    """The mark of the session's process, where that is its alone."""
    return [] if signal.shared else [f"pid-{signal.pid}"]


def evidence(context: Context, ids: list[int]) -> list[int]:
    """Which of the messages the client's transcript shows the model to have seen."""
    from .. import adapters

    transcript = adapters.load(context.agent.tool, "transcript")
    return transcript.seen(context.signal.transcript or context.agent.transcript, ids)
