"""The presets that stand for a WHERE expression over events_v, in one table."""

from collections import namedtuple

from ..errors import HcomError


class Where(namedtuple("Where", "sql params")):
    """A WHERE expression and its parameters."""

    __slots__ = ()


# kind -> expression; ? is the agent's name. Those in ANYONE may stand without a name.
STATES = {
    "idle": "type = 'status' AND instance = ? AND status_val = 'listening'",
    "blocked": "type = 'status' AND instance = ? AND status_val = 'blocked'",
    "stopped": "instance = ? AND (life_action = 'stopped' OR status_context LIKE 'exit:%')",
    "created": "type = 'life' AND instance = ? AND life_action = 'created'",
}


def state(text: str, name_of) -> "Where | None":
    """The expression of a preset like idle:luna; None when `text` is none. `name_of(given)` is the
    agent's stored name, or raises."""
    kind, colon, given = text.partition(":")
    if not colon or kind.strip() not in STATES or " " in given.strip():
        return None
    if not given:
        raise HcomError(f"{kind}: needs a name", f"{kind}:luna")
    return Where(STATES[kind.strip()], [name_of(given.strip())])
