"""The life of a launch: begun, started, ready or failed, over."""

from ..bus.agent import ACTIVE, BLOCKED, INACTIVE, LISTEN, LISTENING, Agent
from ..process import start_of
from ..store import agents, events, kept, launches
from ..store.connect import transaction
from . import people

DIALOG = "dialog"  # the context of who is blocked before its client has begun


def begun(db, agent: Agent, launch: str, batch: str, log: str, now: float) -> None:
    """The agent's client is about to be started as `launch`."""
    with transaction(db):
        agents.bind(db, "launch", launch, agent.name)
        launches.begin(db, launch, batch, agent.name, agent.tool, log, now)


def again(db, agent: Agent, launch: str, directory: str, now: float) -> Agent:
    """`agent`, also one that has left, takes part and is about to be started anew as `launch`."""
    with transaction(db):
        people.back(db, agent)
        agents.end_session(db, agent.name, "resume", now)  # whose end nobody may have seen
        agents.bind(db, "launch", launch, agent.name)
        agents.met(db, agent.name, directory, "", 0, "", {})
        return agents.find(db, agent.name) or agent


def started(db, launch: str, wrapper: int, pid: int) -> None:
    """The process `wrapper` runs the client, whose process is `pid`."""
    began = start_of(pid)
    kept.note(
        db.home,
        launch,
        pid=pid,
        pid_start=began,
        wrapper=wrapper,
        wrapper_start=start_of(wrapper),
    )
    with transaction(db):
        agent = agents.bound(db, "launch", launch)
        if agent:
            agents.met(db, agent.name, "", "", pid, began, {})


def ready(db, launch: str, now: float) -> bool:
    """The client can be given work; True when that is news."""
    with transaction(db):
        agent = agents.bound(db, "launch", launch)
        if not launches.settle(db, launch, launches.READY) or agent is None:
            return False
        agents.set_status(db, agent.name, LISTENING, "start", "", now)
        events.append_life(db, agent.name, "ready", agent.name, "", agent.batch, now)
        return True


def working(db, name: str, now: float) -> None:
    """The agent is in a turn, though no hook said so; one that listens does that in its turn."""
    _seen(db, name, lambda agent: agent.context != LISTEN, ACTIVE, "screen", "", now)


def asks(db, name: str, now: float) -> None:
    """The agent's client, which starts, shows a dialog before it takes a prompt; unless a hook has
    told more of it since."""
    what = f"at its start: hcom term {name}"
    _seen(db, name, lambda agent: agent.status == INACTIVE, BLOCKED, DIALOG, what, now)


def interrupted(db, name: str, now: float) -> None:
    """The agent's turn is over, though no hook said so (yet)."""
    works = (ACTIVE, BLOCKED)
    _seen(db, name, lambda agent: agent.status in works, LISTENING, "interrupted", "", now)


def _seen(db, name: str, when, status: str, context: str, detail: str, now: float) -> None:
    """That is the status of the agent and in the log, where `when(agent)` holds."""
    with transaction(db):
        agent = agents.find(db, name)
        if agent and when(agent):
            agents.set_status(db, name, status, context, detail, now)
            events.append_status(db, name, status, context, "", now)


def over(db, launch: str, why: str, screen: str, now: float) -> list[tuple[str, list[str]]]:
    """The client has ended: the name of the agent that it was, and the ids by which hooks knew it;
    none where it was nobody. One that never was ready has failed, and an agent that was made for it
    is gone with it."""
    kept.drop(db.home, [launch])
    with transaction(db):
        agent = agents.bound(db, "launch", launch)
        failed = launches.settle(db, launch, launches.FAILED, why, screen)
        launches.end(db, launch)
        if agent is None:
            return []
        if failed and not agent.session:
            if agents.leave(db, agent.name, now):
                reason = f"launch failed: {why}"
                events.append_life(db, agent.name, "stopped", "hcom", reason, agent.batch, now)
            return [(agent.name, [*agents.bindings(db, agent.name), f"pid-{agent.pid}"])]
        if agent.launch == launch and agent.ended_at is None and agent.stopped_at is None:
            context = "exit:" + why.replace(" ", "_")
            agents.end_session(db, agent.name, context, now)
            events.append_status(db, agent.name, INACTIVE, context, "", now)
        return [(agent.name, [launch, f"pid-{agent.pid}"])]
