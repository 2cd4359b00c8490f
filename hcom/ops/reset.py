"""The conversation goes to the archive, and the database is empty again."""

from collections import namedtuple

from .. import adapters, config
from ..adapters import history
from ..bus.agent import BIGBOSS
from ..delivery import bell, sweep
from ..errors import DamagedError, HcomError
from ..hub import archive, people
from ..store import agents, kept
from ..store.connect import open_db
from . import setup
from .after import Done, after

# What was taken away: (tool, path) of each settings file, what could not be, as (tool, why), and
# where the old config.env is kept, "" when there was none.
Cleaned = namedtuple("Cleaned", "hooks problems settings")


def reset(home, everybody_leaves: bool, drain, now: float) -> archive.Done:
    """The log is in a new archive; who runs stays, with the mail they have not seen, unless
    `everybody_leaves`. `drain(home, db)` records what hooks have left to be recorded."""
    found = sweep.there(home)
    try:
        before = _ready(home, everybody_leaves, drain, now)
        done = archive.reset(home, now, bell.heard(home))
    except DamagedError:
        name = archive.set_aside(home, now)
        before, done = [], archive.Done(name, [], {}, name)
    stay = {agent.name for agent in done.kept}
    sweep.sweep(home, found, done.kept, stay)
    keys: list[str] = []
    if done.kept:
        with open_db(home) as db:
            keys = [key for one in done.kept for key in agents.bindings(db, one.name)]
    kept.prune(home, keys, archive.folder(home, done.archive) if done.archive else "")
    history.forget(home)
    after(home, Done(left=[(name, ()) for name in before if name not in stay], watched=False))
    return done


def _ready(home, everybody_leaves: bool, drain, now: float) -> list[str]:
    """What is spooled is in the log, and everyone has left if they are to; who was there."""
    with open_db(home) as db:
        drain(home, db)
        people.gone(db, now)
        before = agents.every(db)
        for agent in before if everybody_leaves else ():
            people.leave(db, agent, BIGBOSS, "reset", now)
        return [agent.name for agent in before]


def clean(home, env) -> Cleaned:
    """The hooks of this home are out of every client, its settings have their defaults."""
    hooks, problems = [], []
    for tool in adapters.TOOLS:
        with setup.moved(home, env, tool) as lost:
            try:
                hooks += [(tool, path) for path in setup.remove_own(home, env, tool)]
            except HcomError as error:
                problems.append((tool, error.message))
        problems += [(tool, line) for line in lost]
    return Cleaned(hooks, problems, config.reset(home))
