"""What each kind of signal changes, whatever is said to it: the agent's status and session, and
the log. One function a kind, within the caller's transaction; late signals of the spool go through
them, too, so nothing here goes back in time.
"""

import os

from ..adapters.base import (
    BLOCKED,
    END,
    PROMPT,
    START,
    SUB_END,
    SUB_START,
    SUB_TOOL,
    TOOL,
    TURN_END,
    TURN_FAILED,
)
from ..bus.agent import ACTIVE, INACTIVE, LISTENING
from ..bus.agent import BLOCKED as WAITING
from ..delivery import marks
from ..hub import mail, people
from ..store import agents, events, kept
from ..store.connect import transaction
from .context import Context, process_marks


def record(context: Context) -> None:
    """The signal has done what it does, though nobody was answered; in one transaction."""
    verdict = context.judged()
    with transaction(context.db):
        mail.settle(context.db, context.to.name, *verdict)
        RECORDS.get(context.signal.kind, nothing)(context)
        if verdict[1]:
            context.flag()


def started(context: Context) -> None:
    """A session began: the agent is idle, and ready where that was waited for."""
    from ..store import launches  # once in a session

    signal, agent, db = context.signal, context.agent, context.db
    if not signal.shared:
        people.succeed(db, agent, signal.at)
    context.report(LISTENING, "start", signal.source)
    # At its start the wrapper has yet to learn whose session it runs; the wake is its.
    context.idle = not signal.launch or agent.launch != signal.launch
    if launches.settle(db, signal.launch, launches.READY) or (
        agent.context == "new" and not signal.launch
    ):
        events.append_life(db, agent.name, "ready", agent.name, "", agent.batch, signal.at)


def prompted(context: Context) -> None:
    """A turn begins, or one that goes on has got a prompt."""
    signal = context.signal
    what, said = ("woken", "") if signal.woken else ("prompt", signal.prompt)
    agents.begin_turn(context.db, context.agent.name, what, said, signal.at)
    context.note(ACTIVE, what, said)


def used_tool(context: Context) -> None:
    """The use of a tool is in the log, and shows as what the agent does now."""
    signal, name = context.signal, context.to.name
    # A subagent that is nobody works on behind the turn's end, whose hook may be the older one.
    if context.sub or not signal.subagent:
        agents.used_tool(context.db, name, f"tool:{signal.tool}", signal.detail, signal.at)
    events.append_tool(
        context.db,
        name,
        ACTIVE,
        f"tool:{signal.tool}",
        signal.detail,
        # the one path of each, however the tool named it
        [os.path.realpath(os.path.join(signal.cwd, p)) for p in signal.edited if "\0" not in p],
        signal.command,
        signal.at,
    )


def ended_turn(context: Context) -> None:
    """The turn is over: the agent is idle."""
    context.report(LISTENING, "stop")
    context.idle = True


def failed_turn(context: Context) -> None:
    """The turn ended by an error: the agent is idle."""
    context.report(LISTENING, "error", context.signal.source)
    context.idle = True


def blocked(context: Context) -> None:
    """A dialog waits for the person."""
    signal = context.signal
    what = f"{signal.tool}: {signal.detail}" if signal.detail else signal.tool
    context.report(WAITING, "approval", what)


def ended(context: Context) -> None:
    """The session is over; not so where the same client goes on with another."""
    signal, agent = context.signal, context.agent
    goes_on = signal.source in ("clear", "resume") or signal.session != agent.session
    if goes_on or agent.ended_at is not None:  # the latter was said before
        return
    if agents.end_session(context.db, agent.name, f"exit:{signal.source}", signal.at):
        people.dismiss(context.db, agent.name, signal.at)
        context.note(INACTIVE, f"exit:{signal.source}")
        marks.unmark(context.home, process_marks(signal))


def began_subagent(context: Context) -> None:
    """The subagent may take part: its launcher and its commands are known by its key."""
    home, signal, agent = context.home, context.signal, context.agent
    marks.mark(home, [f"sub-{signal.subagent}"], agent.name)
    facts = {"transcript": signal.transcript, "client": {"kind": signal.source}}
    kept.note(home, signal.subagent, tool=agent.tool, **facts)


def ended_subagent(context: Context) -> None:
    """The subagent is over, and has left if it took part."""
    marks.unmark(context.home, [f"sub-{context.signal.subagent}"])
    if context.sub is None:
        kept.drop(context.home, [context.signal.subagent])
    else:
        people.depart(context.db, context.sub, context.sub.name, "finished", context.signal.at)


def nothing(_context: Context) -> None:
    """It changes nothing."""


RECORDS = {
    START: started,
    PROMPT: prompted,
    TOOL: used_tool,
    TURN_END: ended_turn,
    TURN_FAILED: failed_turn,
    BLOCKED: blocked,
    END: ended,
    SUB_START: began_subagent,
    SUB_TOOL: used_tool,
    SUB_END: ended_subagent,
}
