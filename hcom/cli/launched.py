"""`hcom events launch [batch]`: how far the clients of a launch have come."""

from ..bus.render import harmless, one_line
from ..ops import look
from ..store import launches
from ..store.connect import open_db


def report(call, batch: str) -> int:
    """Block until each client of the batch is ready or has failed, and say which and why; 0 when
    all are ready. "" means the newest batch. HcomError when there is none."""
    with open_db(call.home) as db:
        found = look.launched(db, batch)
    for one in found:
        _say(call, one)
    return 0 if all(x.state in (launches.READY, launches.ENDED) for x in found) else 1


def _say(call, one) -> None:
    facts = {
        "batch_id": one.batch,
        "name": one.agent,
        "tool": one.tool,
        "state": one.state,
        "reason": one.why,
        "screen": one.screen,
        "log": one.log,
    }
    state, more = one.state, []
    if state == launches.WAITING:
        state, more = "not ready yet", [f"see what it shows: hcom term {one.agent}"]
    elif state == launches.FAILED and one.screen:
        more = harmless(one.screen).split("\n")
    line = f"{one.agent:<14} {one.tool:<7} {state}" + (f": {one_line(one.why)}" if one.why else "")
    call.show(facts, "\n    ".join([line, *more]))
