"""The filter flags that events, listen and sub share, and what a call's --sql, presets and flags
mean together."""

import os

from ..bus.names import near
from ..errors import UnknownAgent
from ..store import agents, events, filters
from .model import Option

GROUP = "Filter (all given must hold):"
OPTIONS = tuple(
    Option(f"--{name}", flag.about, flag.value, group=GROUP) for name, flag in filters.FLAGS.items()
)


def namer(db):
    """`name_of` for presets and flags: the stored name of an agent, also one that has left; the
    sender of an event, where there is no such agent. UnknownAgent."""

    def name_of(given: str) -> str:
        wanted = given.strip().lstrip("@").lower()
        agent = agents.find(db, wanted)
        if agent is not None:
            return agent.name
        everyone = agents.every(db)
        for other in everyone:
            if other.display.lower() == wanted:
                return other.name
        if wanted in ("bigboss", "hcom") or events.has_instance(db, given.lstrip("@")):
            return given.lstrip("@")
        close = near(wanted, [a.display for a in everyone])
        raise UnknownAgent(
            f"no agent {given!r}", f"did you mean {close[0]}?" if close else "hcom list"
        )

    return name_of


def given_flags(values) -> dict[str, str]:
    """The filter flags that a call gives."""
    said = vars(values)
    return {name: said[name] for name in filters.FLAGS if said.get(name) is not None}


def where(call, db, expression: str | None) -> filters.Where | None:
    """What `expression` (a preset or SQL) and the call's flags ask for; None when nothing."""
    name_of = namer(db)
    asked = None
    if expression is not None:
        events.refuse_empty(expression)
        asked = filters.preset(expression, name_of)
        if asked is None:
            events.refuse_statement(expression)
            asked = filters.Where(expression, [], label=expression.strip())
    flags = filters.flags(
        given_flags(call.values),
        name_of,
        lambda path: os.path.realpath(os.path.expanduser(path)),
        call.now,
    )
    return filters.both(asked, flags)
