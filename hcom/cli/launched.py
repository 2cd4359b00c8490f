"""`hcom events launch [batch]`: how far the clients of a launch have come."""

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
    if call.values.json:
        call.say_json(
            {
                "batch_id": one.batch,
                "name": one.agent,
                "tool": one.tool,
                "state": one.state,
                "reason": one.why,
                "screen": one.screen,
                "log": one.log,
            }
        )
        return
    state = "not ready yet" if one.state == launches.WAITING else one.state
    call.say(f"{one.agent:<14} {one.tool:<7} {state}" + (f": {one.why}" if one.why else ""))
    if one.state == launches.FAILED:
        for line in one.screen.split("\n") if one.screen else ():
            call.say(f"    {line}")
    if one.state == launches.WAITING:
        call.say(f"    see what it shows: hcom term {one.agent}")
