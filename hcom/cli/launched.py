"""`hcom events launch [batch]`: how far the clients of a launch have come."""

import time

from ..delivery import bell
from ..errors import HcomError
from ..store import launches

# Clients are ready in 1 to 6 s; one that waits for a person (login, trust) never gets there itself.
WAIT_S = 60.0


def report(call, db, batch: str, timeout: float = WAIT_S) -> int:
    """Block until each client of the batch is ready or has failed, and say which and why; 0 when
    all are ready. "" means the newest batch. HcomError when there is none."""
    batch = batch or launches.last_batch(db)
    if not launches.of_batch(db, batch) or not batch:
        raise HcomError(
            f"no launch {batch!r}" if batch else "nothing was launched yet",
            "hcom events --sql \"life_action = 'batch_launched'\"",
        )
    end = time.monotonic() + timeout
    with bell.Bell(call.home, bell.EVERYONE) as rings:
        while any(x.state == launches.WAITING for x in launches.of_batch(db, batch)):
            if time.monotonic() > end:
                break
            rings.wait(min(1.0, timeout))
    found = launches.of_batch(db, batch)
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
