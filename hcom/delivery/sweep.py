"""What sessions that are over, or never were, left in run/: away with it, when somebody joins."""

from ..bus.agent import Agent
from ..home import MAIL, MARKS, WAKE, dropped, listed
from . import bell, marks, owner


def there(home) -> list[tuple[str, str, str]]:
    """All that lies there now: the part of run/, the name in it, and of which agent it is."""
    return [
        *((MARKS, key, agent) for key, agent in marks.every(home)),
        *((MAIL, name, name) for name in listed(home.run(MAIL))),
        *((WAKE, lock, lock.removesuffix(".lock")) for lock in listed(home.run(WAKE))),
    ]


def sweep(home, found: list[tuple[str, str, str]], agents: list[Agent], staying: set[str]) -> None:
    """Of what was `found`, only what is of `agents` is left, or in use, and the sessions of those
    `staying`. It was found before it was asked who they are: nothing is put there for one that is
    not known yet."""
    bell.heard(home)
    here = {agent.name for agent in agents}
    running = [agent for agent in agents if agent.ended_at is None]
    pids, names = {f"pid-{agent.pid}" for agent in running}, {agent.name for agent in running}
    for part, key, agent in found:
        if part == WAKE and agent not in here:
            _unlock(home, agent)
        elif part == MAIL and agent not in here:
            marks.lower_flag(home, agent)
        elif part == MARKS and not _is_known(key, agent, staying, names, pids):
            marks.unmark(home, [key] if marks.marked(home, key) == agent else [])  # else another's


def _is_known(key: str, agent: str, staying: set[str], running: set[str], pids: set[str]) -> bool:
    """Whether hooks may still come with that key. A session may be resumed; its process and its
    subagents are over with it."""
    if key.startswith("pid-"):
        return key in pids
    return agent in (running if key.startswith("sub-") else staying)


def _unlock(home, agent: str) -> None:
    lock = owner.take(home, agent)
    if lock >= 0:
        dropped(home.run(WAKE, agent + ".lock"))
    owner.give_up(lock)
