"""Who runs this process."""

from .. import adapters
from ..hub import people
from ..process import start_of


def surroundings(env) -> tuple[people.Caller, dict]:
    """Who runs this process, by its environment, and what the adapter wants to be kept of it."""
    around = adapters.surrounding(env)
    start = start_of(around.pid) if around.pid else ""
    caller = people.Caller(
        around.session, around.launch, around.pid, start, around.tool, around.shared
    )
    return caller, around.client or {}
