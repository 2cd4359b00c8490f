"""The life of a launch: begun, started, ready or failed, over."""

from ..bus.agent import INACTIVE, LISTENING, Agent
from ..process import alive
from ..store import agents, deliveries, events, launches
from ..store.connect import transaction


def begun(db, agent: Agent, launch: str, batch: str, log: str, now: float) -> None:
    """The agent's client is about to be started as `launch`."""
    with transaction(db):
        agents.bind(db, "launch", launch, agent.name)
        launches.begin(db, launch, batch, agent.name, agent.tool, log, now)


def started(
    db, launch: str, name: str, wrapper: int, wrapper_start: str, pid: int, pid_start: str
) -> None:
    """The wrapper runs the client, whose process is `pid`."""
    with transaction(db):
        launches.set_wrapper(db, launch, wrapper, wrapper_start)
        agents.met(db, name, "", "", pid, pid_start, {})


def ready(db, launch: str, name: str, now: float) -> bool:
    """The client can be given work; True when that is news."""
    with transaction(db):
        if not launches.settle(db, launch, launches.READY):
            return False
        agent = agents.find(db, name)
        agents.set_status(db, name, LISTENING, "start", "", now)
        events.append_life(db, name, "ready", name, "", agent.batch, now)
        return True


def interrupted(db, name: str, now: float) -> None:
    """The agent's turn is over, though no hook said so."""
    with transaction(db):
        agents.set_status(db, name, LISTENING, "interrupted", "", now)
        events.append_status(db, name, LISTENING, "interrupted", "", now)


def over(db, launch: str, name: str, why: str, screen: str, now: float) -> list[str]:
    """The client has ended; the ids by which hooks knew it. One that never was ready has failed,
    and an agent that was made for it is gone with it."""
    with transaction(db):
        agent = agents.find(db, name)
        failed = launches.settle(db, launch, launches.FAILED, why, screen)
        launches.end(db, launch)
        if failed and not agent.session:
            if agents.leave(db, name, now):
                events.append_life(
                    db, name, "stopped", "hcom", f"launch failed: {why}", agent.batch, now
                )
            return [*agents.bindings(db, name), f"pid-{agent.pid}"]
        if agent.launch == launch and agent.ended_at is None and agent.stopped_at is None:
            agents.end_session(db, name, "exit:" + why.replace(" ", "_"), now)
            events.append_status(db, name, INACTIVE, "exit:" + why.replace(" ", "_"), "", now)
            deliveries.requeue(db, name)
        return [launch, f"pid-{agent.pid}"]


def runs(launch: launches.Launch | None) -> bool:
    """Whether the launch's wrapper is alive."""
    return launch is not None and alive(launch.wrapper, launch.wrapper_start)
