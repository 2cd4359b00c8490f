"""Waiting for what other processes do."""

import time
from collections.abc import Iterator

FIRST_S, LAST_S = 0.02, 0.2


def looks(seconds: float) -> Iterator[None]:
    """A turn for each look, until the time is over, and one after that. Soon at first, for most
    things come at once; then less and less often: looking takes time from what is waited for."""
    end = time.monotonic() + seconds
    pause = FIRST_S
    while True:
        yield
        if time.monotonic() > end:
            return
        time.sleep(pause)
        pause = min(pause * 1.2, LAST_S)
