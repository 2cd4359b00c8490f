"""Joining: the session that runs a command takes part, also a subagent, or under a name again."""

import os
import shlex
import shutil
from collections import namedtuple

from .. import config
from ..adapters import ADHOC
from ..adapters.base import START
from ..bus import bootstrap
from ..bus.agent import ACTIVE, Agent
from ..delivery import bell, marks, sweep
from ..hub import people
from ..process import environment, itself
from ..store import agents, events
from ..store.connect import transaction
from . import evidence, relay, talk
from .after import Done, after

# An agent that takes part, and what it is told of hcom
Joined = namedtuple("Joined", "agent text")


def start(db, env, caller, own: "Agent | None", wanted: "str | None", now: float) -> Joined:
    """The session of `caller` takes part: as `wanted` where that is said, else as its `own` agent,
    else under a new name. HcomError when it may not."""
    home, directory = db.home, env.get("PWD", "")
    found = sweep.there(home)
    again = wanted and _again(db, wanted, caller, now)
    agent = again or own or _joined(db, env, caller, directory, now)
    if caller.session:
        with transaction(db):
            agents.met(db, agent.name, directory, "", caller.pid, caller.pid_start, {})
    sweep.sweep(home, found, agents.every(db), agents.staying(db))
    marks.mark(home, people.keys(db, agent), agent.name)
    # Rung, for its client may have been another agent's.
    after(home, Done(rung=[bell.of_launch(caller.launch)], watched=events.is_watched(db)))
    relay.rouse(home, env)
    return Joined(agent, _told(home, env, agent, caller.tool in ("", ADHOC)))


def _told(home, env, agent: Agent, named: bool = True) -> str:
    """What an agent that takes part by a command, and has to be `named` in the next, is told of
    hcom; it works in the shell that this command ran in, and in the next. Only once a hook of its
    was heard it is told that messages come by themselves; that hook comes at once, if any does."""
    written = "hcom" if shutil.which("hcom", path=env.get("PATH", "")) else shlex.join(itself())
    if env.get("HCOM_DIR") and environment(os.getppid()).get("HCOM_DIR") != env["HCOM_DIR"]:
        written = f"HCOM_DIR={shlex.quote(home.root)} {written}"
    hooked = talk.is_heard(home, agent)
    if not hooked:
        marks.raise_flag(home, [agent.name])
    return bootstrap.text(agent, hooked=hooked, named=named, written=written)


def _again(db, name: str, caller, now: float) -> Agent:
    """The agent `name`, which the session of `caller` is from now on. What was delivered to another
    session of it is looked up there."""
    before = agents.find(db, name)
    agent = people.reclaim(db, name, caller, now)
    if before and caller.session and caller.session != before.session:
        evidence.settle(db, before, START, now)  # by the transcript of the tool that it was
    return agent


def _joined(db, env, caller, directory: str, now: float) -> Agent:
    return people.join(
        db,
        caller.tool or ADHOC,
        now,
        session=caller.session,
        launch=people.launch_of(db, caller),
        pid=caller.pid,
        pid_start=caller.pid_start,
        status=ACTIVE,
        **config.read(db.home, env).of_an_agent(),
        directory=directory,
    )


def start_subagent(db, env, caller, key: str, now: float) -> "Joined | None":
    """The subagent that its tool calls `key` takes part; None when no hook has offered it to.
    Elsewhere when that was in another session than the caller's."""
    name = marks.marked(db.home, f"sub-{key}")
    if not name:
        return None
    parent = people.known(db, name)
    people.refuse_elsewhere(db, parent, caller._replace(session=""))  # a Codex has one for each
    agent = people.join_subagent(db, parent, key, now)
    after(db.home, Done(watched=events.is_watched(db)))
    return Joined(agent, _told(db.home, env, agent))
