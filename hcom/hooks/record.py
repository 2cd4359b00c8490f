"""What a hook proves and reports without an answer: offers seen, the use of tools, failed turns."""

import os

from ..adapters.base import (
    END,
    NOTHING,
    PROMPT,
    START,
    SUB_TOOL,
    TOOL,
    TURN_FAILED,
    Reply,
)
from ..bus.agent import ACTIVE, LISTENING
from ..hub import mail
from ..store import agents, deliveries, events
from ..store.connect import transaction
from .context import Context


def settle(context: Context) -> None:
    """What the agent was offered before this hook is seen, as far as the hook proves it.

    Where a tool's hooks prove nothing (HOOKS_PROVE), its transcript does; what the conversation has
    not kept when the next prompt comes is queued again.
    """
    signal, db, name = context.signal, context.db, context.agent.name
    # A session that starts or ends proves nothing of what its model saw before.
    if signal.subagent or signal.kind in (START, END):
        return
    if context.adapter.HOOKS_PROVE:
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


def record(context: Context) -> None:
    """A spooled tool event is in the log, and earlier offers are confirmed by it."""
    if context.signal.kind == TOOL:
        settle(context)
    if context.signal.kind in (TOOL, SUB_TOOL):
        record_tool(context)
    elif context.signal.kind == TURN_FAILED:
        failed_turn(context)
    elif context.signal.kind != NOTHING:
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


def failed_turn(context: Context) -> Reply:
    """The turn ended by an error: the agent is idle."""
    context.report(LISTENING, "error", context.signal.source)
    return Reply()
