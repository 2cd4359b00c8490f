"""The filter flags that events, listen and sub share, and what a call asks for with them."""

from ..ops import look
from ..store import filters
from .model import Option

GROUP = "Filter (all given must hold):"
OPTIONS = tuple(
    Option(f"--{name}", flag.about, flag.value, group=GROUP) for name, flag in filters.FLAGS.items()
)


def given_flags(values) -> dict[str, str]:
    """The filter flags that a call gives."""
    said = vars(values)
    return {name: said[name] for name in filters.FLAGS if said.get(name) is not None}


def where(call, db, expression: "str | None") -> filters.Where:
    """What `expression` (a preset or SQL) and the call's flags ask for together."""
    return look.where(db, expression, given_flags(call.values), call.now)


def wait(call, db, timeout: float) -> int:
    """The next event that the call asks for is printed: 0; 1 when none comes within `timeout`."""
    for event in look.coming(db, where(call, db, call.values.sql), timeout):
        call.say_json(event.as_dict())
        return 0
    return in_vain(call, "event", timeout)


def in_vain(call, what: str, timeout: float) -> int:
    """The exit code of a wait that was over before anything came, which is said."""
    call.tell(f"hcom: no {what} within {timeout:g} s")
    return 1
