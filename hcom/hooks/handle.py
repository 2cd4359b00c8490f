"""What each kind of signal does: one function a kind, in one table.

A signal is recorded, earlier offers are confirmed by it, and what is queued for the agent goes into
the reply when its channel will carry it.
"""

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
from ..ops.after import Done, after
from ..store import agents, deliveries, events
from ..store.connect import HOOK_BUSY_S, open_db, transaction
from . import spool
from .context import Context, evidence, process_marks, recognise
from .record import failed_turn, record_tool, settle


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
            # At its start the wrapper has yet to learn whose session it runs; the wake is its.
            if signal.kind == START and context.agent.launch == signal.launch != "":
                idle = False
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
    name = context.agent.name
    # The wrapper too, which may not know yet that its client's session is this agent's.
    rung = [name, bell.of_launch(signal.launch)]
    after(home, Done(rung=rung, restless=[name] if restless else (), watched=watched))
    return 0


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


def _started(context: Context) -> Reply:
    from ..bus import bootstrap  # once in a session
    from ..store import launches

    signal, agent = context.signal, context.agent
    if signal.source != "compact":
        mail.offer_again(context.db, agent.name, lambda ids: evidence(context, ids))
    with transaction(context.db):
        if not signal.shared:
            people.succeed(context.db, agent, signal.at)
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
    marks.unmark(context.home, process_marks(signal))
    return Reply()


def _subagent(context: Context) -> Reply:
    from . import subagents  # most sessions have none

    return subagents.HANDLERS[context.signal.kind](context)


HANDLERS = {
    START: _started,
    PROMPT: _prompted,
    TOOL: _used,
    TURN_END: _ended_turn,
    TURN_FAILED: failed_turn,
    BLOCKED: _blocked,
    END: _ended,
    SUB_START: _subagent,
    SUB_ASKS: _subagent,
    SUB_TOOL: _subagent,
    SUB_END: _subagent,
}
