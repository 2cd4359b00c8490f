"""Subagents: they take part when they ask to, under a name of their own, and get their own mail.

A subagent's commands look like its parent's; the hook before its hcom commands tells them apart and
sees to it that it speaks under its own name.
"""

import time

from ..adapters.base import SUB_ASKS, SUB_END, SUB_START, SUB_TOOL, Reply
from ..delivery import bell, marks
from ..hub import mail, people
from ..process import alive
from ..store import agents
from .record import record_tool

INVITATION = """\
[hcom] You are a subagent of {parent!r}. If your task says to talk to other agents through hcom, \
first run: hcom start --name {key}
It gives you a name of your own for every hcom command. Otherwise ignore this."""

REFUSAL = "hcom: you are a subagent, not {parent}. First run: hcom start --name {key}"
ADD_NAME = "hcom: you are {name} here: put --name {name} behind the hcom command"
LOOK_S = 2.0  # how often the waiting last hook sees whether its client still lives


def _joined(context):
    """The agent that the subagent is, None when it has not asked to take part."""
    found = agents.bound(context.db, "session", context.signal.subagent)
    return found if found and found.stopped_at is None else None


def _begun(context) -> Reply:
    key = context.signal.subagent
    marks.mark(context.home, [f"sub-{key}"], context.agent.name)
    return Reply(SUB_START, INVITATION.format(parent=context.agent.display, key=key))


def _asks(context) -> Reply:
    key, words = context.signal.subagent, context.signal.detail.split()
    sub = _joined(context)
    if sub is None:
        if f"--name {key}" in " ".join(words):
            return Reply(SUB_ASKS)
        return Reply(SUB_ASKS, REFUSAL.format(parent=context.agent.display, key=key), drop=True)
    names = {sub.name, sub.display, key}
    given = {words[i + 1].strip("'\"") for i, w in enumerate(words[:-1]) if w == "--name"}
    given |= {w[7:].strip("'\"") for w in words if w.startswith("--name=")}
    if given and given <= names:
        return Reply(SUB_ASKS)
    return Reply(SUB_ASKS, ADD_NAME.format(name=sub.name), drop=True)


def _used(context) -> Reply:
    record_tool(context)
    sub = _joined(context)
    if sub is None:
        return Reply()
    mail.confirm(context.db, sub.name, context.signal.at)
    return Reply(SUB_TOOL, _taken(context, sub, SUB_TOOL))


def _taken(context, sub, kind: str) -> str:
    budget = context.adapter.BUDGET[kind]
    context.claimant = sub
    now = time.time()
    mail.pick_up(context.db, sub.name, lambda _ids: [], now)
    context.claimed = mail.claim(context.db, sub.name, budget, now)
    return mail.text_for(sub, context.claimed, budget)


def _finished(context) -> Reply:
    """The subagent stays for mail, subagent_timeout seconds, before it is really over."""
    marks.unmark(context.home, [f"sub-{context.signal.subagent}"])
    sub = _joined(context)
    if sub is None:
        return Reply()
    mail.confirm(context.db, sub.name, context.signal.at)
    end = time.monotonic() + sub.subagent_timeout
    cap = context.adapter.stop_cap(context.env)
    with bell.Bell(context.home, sub.name) as rings:
        while sub.stop_streak < cap - 1:
            text = _taken(context, sub, SUB_END)
            if text:
                agents.count_stop(context.db, sub.name)
                return Reply(SUB_END, text)
            left = end - time.monotonic()
            if (
                left <= 0
                or bell.QUIT in rings.wait(min(left, LOOK_S))
                or not alive(context.signal.pid, context.agent.pid_start)
            ):
                break
    people.leave(context.db, sub, sub.name, "finished", time.time())
    return Reply()


HANDLERS = {SUB_START: _begun, SUB_ASKS: _asks, SUB_TOOL: _used, SUB_END: _finished}
