"""What each kind of signal does: one function a kind, in one table.

A signal is recorded, earlier offers are confirmed by it, and what is queued for the agent goes into
the reply when its channel will carry it.
"""

import os
import time

from .. import home as homes
from .. import log
from ..adapters.base import (
    BLOCKED,
    END,
    PROMPT,
    START,
    SUB_ASKS,
    SUB_END,
    SUB_START,
    SUB_TOOL,
    TOOL,
    TURN_END,
    TURN_FAILED,
    Reply,
    Signal,
)
from ..bus.agent import ACTIVE, INACTIVE, LISTENING
from ..bus.agent import BLOCKED as WAITING
from ..delivery import bell, marks
from ..errors import StoreError
from ..hub import mail, people
from ..process import start_of
from ..store import agents, deliveries, events
from ..store.connect import HOOK_BUSY_S, open_db, transaction
from . import spool


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
        """Whether the channel of `kind` brings given messages to the model whole and as they are,
        where the tool's adapter has an opinion on that; else None."""
        carries = getattr(self.adapter, "carries", None)
        return carries and (
            lambda messages: carries(kind, mail.text_for(self.agent, mail.Claimed(messages, 1)))
        )

    def take(self, kind: str) -> str:
        """The text of what waits for the agent, as much as the channel of `kind` carries."""
        reaches = getattr(self.adapter, "reaches", None)
        if (
            reaches
            and deliveries.count_queued(self.db, self.agent.name)
            and not reaches(self.signal, agents.find(self.db, self.agent.name))
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
        introduced = getattr(self.adapter, "introduced", None)
        if introduced is None or introduced(self.signal, self.agent):
            return ""
        from ..hub import bootstrap  # once in a session

        with transaction(self.db):
            agents.met(self.db, self.agent.name, "", "", 0, "", {"told": self.signal.session})
        return bootstrap.text(self.agent) + "\n\n"


def run(adapter, tool: str, event: str, signal: Signal, raw: bytes, env, emit) -> int:
    """The signal is recorded and answered through `emit(text)`, which raises OSError when the
    client is gone: then nothing counts as handed over. Always 0."""
    home = homes.locate(env)
    log.to(home.root)
    try:
        with open_db(home, HOOK_BUSY_S) as db:
            context = recognise(home, db, adapter, tool, env, signal)
            if context is None:
                return 0
            drained = spool.drain(home, db, context.agent.name)
            reply = _answer(context, event, emit)
            idle = signal.kind in (START, TURN_FAILED) or (
                signal.kind == TURN_END and not reply.text
            )
            restless = idle and deliveries.wants_wake(db, context.agent.name)
            watched = (
                events.are_tools_watched(db)
                if drained or signal.kind == TOOL
                else events.is_watched(db)
            )
    except StoreError as error:
        # The database cannot be had now: what this hook saw waits in the spool.
        spool.put(home, raw, tool, event, signal)
        log.log("hook.spooled", hook=event, error=error.message)
        return 0
    bell.ring(home, [bell.EVERYONE, context.agent.name])
    if restless:
        from .. import wake

        wake.rouse(home, [context.agent.name])
    if watched:
        from .. import notices

        notices.leave_behind(home)
    return 0


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
        marks.unmark(home, [signal.session, *_process(signal)])
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


def _process(signal: Signal) -> list[str]:
    """The mark of the session's process, where that is its alone."""
    return [] if signal.shared else [f"pid-{signal.pid}"]


def _answer(context: Context, event: str, emit) -> Reply:
    settle(context)
    written = False
    try:
        reply = (
            HANDLERS[context.signal.kind](context) if context.signal.kind in HANDLERS else Reply()
        )
        text = context.adapter.write(event, reply)
        if text:
            emit(text)
        written = True
    except OSError as error:
        log.log("hook.unanswered", hook=event, error=repr(error))
        reply = Reply()
    finally:
        taken = context.claimed.messages if context.claimed else []
        if taken and not written:
            marks.raise_flag(context.home, [context.agent.name])
            mail.take_back(context.db, context.claimant.name, taken)
    if taken and written:
        mail.handed(context.db, context.claimant.name, taken, time.time())
    return reply


def settle(context: Context) -> None:
    """What the agent was offered before this hook is seen, as far as the hook proves it.

    Where a tool's hooks prove nothing (HOOKS_PROVE), its transcript does; what the conversation has
    not kept when the next prompt comes is queued again.
    """
    signal, db, name = context.signal, context.db, context.agent.name
    # A session that starts or ends proves nothing of what its model saw before.
    if signal.subagent or signal.kind in (START, END):
        return
    if getattr(context.adapter, "HOOKS_PROVE", True):
        mail.confirm(db, name, signal.at)
        return
    ids = deliveries.offered(db, name)
    if not ids:
        return
    from .. import adapters

    transcript = adapters.load(context.agent.tool, "transcript")
    path = signal.transcript or context.agent.transcript
    if not transcript.readable(path):
        mail.confirm(db, name, signal.at)
    elif signal.kind == PROMPT:
        mail.offer_again(db, name, lambda offered: transcript.kept(path, offered))
    else:
        with transaction(db):
            deliveries.mark_seen(db, name, transcript.seen(path, ids))


def _started(context: Context) -> Reply:
    from ..hub import bootstrap  # once in a session
    from ..store import launches

    signal, agent = context.signal, context.agent
    if signal.source != "compact":
        mail.offer_again(context.db, agent.name, lambda ids: evidence(context, ids))
    with transaction(context.db):
        first = agent.context == "new"
        agents.set_status(context.db, agent.name, LISTENING, "start", signal.source, signal.at)
        events.append_status(context.db, agent.name, LISTENING, "start", signal.source, signal.at)
        if launches.settle(context.db, signal.launch, launches.READY) or (
            first and not signal.launch
        ):
            events.append_life(
                context.db, agent.name, "ready", agent.name, "", agent.batch, signal.at
            )
    return Reply(START, bootstrap.text(agent, signal.source, signal.forked_from))


def evidence(context: Context, ids: list[int]) -> list[int]:
    """Which of the messages the client's transcript shows the model to have seen."""
    from .. import adapters

    transcript = adapters.load(context.agent.tool, "transcript")
    if transcript is None:
        return []
    return transcript.seen(context.signal.transcript or context.agent.transcript, ids)


def _prompted(context: Context) -> Reply:
    signal = context.signal
    with transaction(context.db):
        agents.reset_stops(context.db, context.agent.name)
        agents.set_wake_failure(context.db, context.agent.name, "")
    before = context.agent
    # Said before the mail is taken: who typed the wake knows it by that.
    context.report(ACTIVE, "woken" if signal.woken else "prompt", signal.prompt)
    text = context.take(PROMPT)
    if signal.woken and not text:
        # Another channel was faster than the wake: a turn about nothing is not worth having. None
        # begins, so no hook would tell that it ended.
        context.report(before.status, before.context, before.detail)
        return Reply(PROMPT, drop=True)
    return Reply(PROMPT, context.introduction() + text)


def record(context: Context) -> None:
    """A spooled tool event is in the log, and earlier offers are confirmed by it."""
    if context.signal.kind == TOOL:
        settle(context)
    if context.signal.kind in (TOOL, SUB_TOOL):
        record_tool(context)
    elif context.signal.kind == TURN_FAILED:
        _failed_turn(context)
    elif context.signal.kind in HANDLERS:
        # Not a tool event: one that a locked database kept from being handled when it happened.
        with transaction(context.db):
            events.append_status(
                context.db,
                context.agent.name,
                context.agent.status,
                context.signal.kind,
                context.signal.detail,
                context.signal.at,
            )


def record_tool(context: Context) -> None:
    """The use of a tool is in the log, and shows as what the agent does now."""
    signal = context.signal
    with transaction(context.db):
        agents.used_tool(
            context.db, context.agent.name, f"tool:{signal.tool}", signal.detail, signal.at
        )
        events.append_tool(
            context.db,
            context.agent.name,
            ACTIVE,
            f"tool:{signal.tool}",
            signal.detail,
            [_real(signal.cwd, path) for path in signal.edited],
            signal.command,
            signal.at,
        )


def _real(directory: str, path: str) -> str:
    """The one path of a file, however its tool named it."""
    return os.path.realpath(os.path.join(directory, path))


def _used(context: Context) -> Reply:
    record_tool(context)
    return Reply(TOOL, context.take(TOOL))


def _ended_turn(context: Context) -> Reply:
    cap = context.adapter.stop_cap(context.env)
    # One short of the cap: the client counts other hooks' continuations too.
    if context.agent.stop_streak < cap - 1:
        text = context.take(TURN_END)
        if text:
            with transaction(context.db):
                agents.count_stop(context.db, context.agent.name)
            return Reply(TURN_END, text)
    context.report(LISTENING, "stop")
    return Reply()


def _failed_turn(context: Context) -> Reply:
    context.report(LISTENING, "error", context.signal.source)
    return Reply()


def _blocked(context: Context) -> Reply:
    signal = context.signal
    context.report(
        WAITING, "approval", f"{signal.tool}: {signal.detail}" if signal.detail else signal.tool
    )
    return Reply()


def _ended(context: Context) -> Reply:
    signal, agent = context.signal, context.agent
    mail.offer_again(context.db, agent.name, lambda ids: evidence(context, ids))
    if signal.source == "clear" or signal.source == "resume" or signal.session != agent.session:
        return Reply()  # the same client goes on with another session
    if agent.ended_at is not None:
        return Reply()  # said before
    with transaction(context.db):
        agents.end_session(context.db, agent.name, f"exit:{signal.source}", signal.at)
        people.dismiss(context.db, agent.name, signal.at)
        events.append_status(
            context.db, agent.name, INACTIVE, f"exit:{signal.source}", "", signal.at
        )
    marks.unmark(context.home, _process(signal))
    return Reply()


def _subagent(context: Context) -> Reply:
    from . import subagents

    return subagents.HANDLERS[context.signal.kind](context)


HANDLERS = {
    START: _started,
    PROMPT: _prompted,
    TOOL: _used,
    TURN_END: _ended_turn,
    TURN_FAILED: _failed_turn,
    BLOCKED: _blocked,
    END: _ended,
    SUB_START: _subagent,
    SUB_ASKS: _subagent,
    SUB_TOOL: _subagent,
    SUB_END: _subagent,
}
