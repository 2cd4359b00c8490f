"""Subagents: they take part when they ask to, under a name of their own, and get their own mail.

A subagent's commands look like its parent's; the hook before its hcom commands tells them apart and
sees to it that it speaks under its own name.
"""

import time

from ..adapters.base import SUB_ASKS, SUB_END, SUB_START, Reply
from ..bus.agent import ACTIVE, LISTENING
from ..delivery import bell
from ..hub import mail
from ..process import alive
from ..store import agents
from ..store.connect import transaction
from .context import Context
from .record import began_subagent, ended_subagent

INVITATION = """\
[hcom] You are a subagent of {parent!r}. If your task says to talk to other agents through hcom, \
first run: hcom start --name {key}
It gives you a name of your own for every hcom command. Otherwise ignore this."""

REFUSAL = "hcom: you are a subagent, not {parent}. First run: hcom start --name {key}"
ADD_NAME = "hcom: you are {name} here: put --name {name} behind the hcom command"
LOOK_S = 2.0  # how often the waiting last hook sees whether its client still lives


def begun(context: Context) -> Reply:
    """It is told how to take part."""
    began_subagent(context)
    key = context.signal.subagent
    return Reply(SUB_START, INVITATION.format(parent=context.agent.display, key=key))


def permitted(context: Context) -> Reply:
    """Its hcom command may run if it speaks under its own name; else it is told how."""
    key, words, sub = context.signal.subagent, context.signal.detail.split(), context.sub
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


def finished(context: Context) -> Reply:
    """It stays for mail, subagent_timeout seconds, before it is really over."""
    sub, db = context.sub, context.db
    if sub is None:
        ended_subagent(context)
        return Reply()
    end, waits = time.monotonic() + sub.subagent_timeout, False
    cap = context.adapter.stop_cap(context.env)
    with bell.Bell(context.home, sub.name) as rings:
        while sub.stop_streak < cap - 1:
            verdict = context.judged()
            with transaction(db):
                mail.settle(db, sub.name, *verdict)
                text = context.take(SUB_END)
                if text:
                    agents.count_stop(db, sub.name)
                if bool(text) == waits:
                    waits = not text
                    context.report(*((LISTENING, "stop") if waits else (ACTIVE, "deliver")))
                context.flag()
            if text:
                return Reply(SUB_END, text)
            left = end - time.monotonic()
            if (
                left <= 0
                or bell.QUIT in rings.wait(min(left, LOOK_S))
                or not alive(context.signal.pid, context.agent.pid_start)
            ):
                break
    with transaction(db):
        ended_subagent(context)
    return Reply()


ANSWERS = {SUB_START: begun, SUB_ASKS: permitted}
