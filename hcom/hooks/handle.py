"""What each kind of signal is answered: one function a kind, in one table.

What the hook proves, what it changes and what it leases for the agent is one transaction: what a
locked database delays is delayed as a whole, and waits in the spool.
"""

import time

from .. import home as homes
from .. import log
from ..adapters.base import (
    PROMPT,
    START,
    SUB_ASKS,
    SUB_END,
    SUB_START,
    SUB_TOOL,
    TOOL,
    TURN_END,
    Reply,
    Signal,
)
from ..delivery import bell
from ..errors import StoreError
from ..hub import mail, people
from ..ops.after import Done, after
from ..store import agents, deliveries
from ..store.connect import HOOK_BUSY_S, TROUBLE, open_db, transaction
from . import spool
from .context import Context, recognise
from .record import RECORDS, ended_turn, nothing, prompted, started, used_tool


def run(adapter, tool: str, event: str, signal: Signal, raw: bytes, env, emit) -> int:
    """The signal is recorded and answered through `emit(text)`, which raises OSError when the
    client is gone: then nothing counts as handed over. Always 0."""
    home = homes.locate(env)
    log.to(home.root)
    payload = spool.Payload(raw, tool, event, signal)
    try:
        with open_db(home, HOOK_BUSY_S) as db:
            context = recognise(home, db, adapter, tool, env, signal)
            drained = spool.drain(home, db, context.agent.name) if context else []
            if drained:
                context = recognise(home, db, adapter, tool, env, signal)
            if context is None:
                return 0
            _answer(context, payload, emit)
            restless, watched = spool.followed(db, [*drained, context])
    except people.Elsewhere as error:
        log.log("hook.refused", hook=event, error=error.message)
        if text := _apart(adapter, event, signal.kind, error):
            emit(text)
        return 0
    except StoreError as error:
        # The database cannot be had now: what this hook saw waits in the spool.
        log.log("hook.spooled", hook=event, error=error.message)
        spool.put(home, env, payload)
        return 0
    # The wrapper too, which may not know yet that its client's session is this agent's.
    rung = [context.agent.name, bell.of_launch(signal.launch)]
    after(home, Done(rung=rung, restless=restless, watched=watched))
    return 0


def _apart(adapter, event: str, kind: str, error: people.Elsewhere) -> str:
    """What a session is told that was opened beside itself: at its start, else at its prompts."""
    said = f"[hcom] Not here: {error.message}. To take part under a name of your own: hcom start"
    told = adapter.write(event, Reply(START, said))
    if kind == PROMPT and not told:
        return adapter.write(event, Reply(PROMPT, said))
    return told if kind == START else ""


def _answer(context: Context, payload: "spool.Payload", emit) -> None:
    """The signal has done what it does, and the client has the reply."""
    kind = context.signal.kind
    if kind == SUB_END:  # it waits, and has transactions of its own
        from . import subagents  # most sessions have none

        _written(context, payload, subagents.finished(context), emit)
        return
    verdict = context.judged()
    with transaction(context.db):
        mail.settle(context.db, context.to.name, *verdict)
        reply = ANSWERS[kind](context) if kind in ANSWERS else _silent(context)
        context.flag()
    _written(context, payload, reply, emit)


def _written(context: Context, payload: "spool.Payload", reply: Reply, emit) -> None:
    """The client has the reply, and what was leased for it is delivered; or waits again."""
    ids, written = context.leased.ids, False
    if ids:  # who wakes the agent looks whether this process lives to say that it is written
        bell.ring(context.home, [context.agent.name])
    try:
        text = context.adapter.write(payload.event, reply)
        if text:
            emit(text)
        written = True
    except OSError as error:
        log.log("hook.unanswered", hook=payload.event, error=repr(error))
    finally:
        if ids and not written:
            mail.released(context.db, context.to.name, ids)
    if ids and written:
        try:
            with transaction(context.db):
                deliveries.deliver(context.db, context.to.name, ids, time.time())
                context.leased = mail.Leased()
                context.flag()
        except TROUBLE as error:
            log.log("hook.spooled", hook=payload.event, error=str(error))
            spool.put(context.home, context.env, payload, context.to.name, ids)


def _silent(context: Context) -> Reply:
    RECORDS.get(context.signal.kind, nothing)(context)
    return Reply()


def _started(context: Context) -> Reply:
    from ..bus import bootstrap  # once in a session

    started(context)
    signal = context.signal
    said = bootstrap.text(context.agent, signal.source, signal.forked_from, by=context.launcher())
    return Reply(START, said)


def _prompted(context: Context) -> Reply:
    if context.signal.woken and not deliveries.count_queued(context.db, context.agent.name):
        # Another channel was faster than the wake: a turn about nothing is not worth having. None
        # begins, so no hook would tell that it ended.
        return Reply(PROMPT, drop=True)
    # Said before the mail is taken: the log shows what it came with.
    prompted(context)
    text = context.take(PROMPT)
    return Reply(PROMPT, context.introduction() + text)


def _used(context: Context) -> Reply:
    used_tool(context)
    kind = context.signal.kind
    text = context.take(kind) if context.takes else ""
    return Reply(kind, context.introduction() + text)


def _ended_turn(context: Context) -> Reply:
    # One short of the cap: the client counts other hooks' continuations too.
    if context.agent.stop_streak < context.adapter.stop_cap(context.env) - 1:
        text = context.take(TURN_END)
        if text:
            agents.count_stop(context.db, context.agent.name)
            return Reply(TURN_END, text)
    ended_turn(context)
    return Reply()


def _of_subagent(context: Context) -> Reply:
    from . import subagents

    return subagents.ANSWERS[context.signal.kind](context)


ANSWERS = {
    START: _started,
    PROMPT: _prompted,
    TOOL: _used,
    TURN_END: _ended_turn,
    SUB_START: _of_subagent,
    SUB_ASKS: _of_subagent,
    SUB_TOOL: _used,
}
