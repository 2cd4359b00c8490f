"""What a wrapper does beside passing bytes, and the fence around it."""

from collections.abc import Callable
from typing import Protocol


class Policy(Protocol):
    """What to do beside passing bytes; `now` is time.monotonic()."""

    def on_start(self, pid: int, cols: int, rows: int) -> None:
        """The program runs, leading process group `pid`, on a screen of that size."""

    def on_resize(self, cols: int, rows: int) -> None: ...

    def on_output(self, data: bytes, now: float) -> None:
        """The program wrote `data`; called before the person sees it. Must be cheap."""

    def on_ready(self, fd: int) -> None:
        """One of the doorbells can be read; must read it."""

    def deadline(self) -> float | None:
        """When `tick` is wanted, None for never; asked after everything that happens."""

    def tick(self, now: float) -> bytes | None:
        """What to type now. Called at the deadline or later: only when nothing of the person's
        is half-way, all input has gone to the program and all its output has been shown to us."""


class Guarded:
    """The policy until its first exception, nothing after it."""

    def __init__(self, policy: Policy, on_fault: Callable[[Exception], None]) -> None:
        self._policy = policy
        self._on_fault = on_fault
        self.broken = False

    def call(self, name: str, *facts: object):
        if self.broken:
            return None
        try:
            return getattr(self._policy, name)(*facts)
        except Exception as error:  # boundary
            self.broken = True
            try:
                self._on_fault(error)
            except Exception:  # boundary: a full disk must not do what the fault could not
                pass
            return None
