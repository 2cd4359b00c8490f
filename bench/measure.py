"""Timing processes and telling the result: one row for each thing measured, in one table."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

BARE = [sys.executable, "-I", "-S", "-c"]


class Row(NamedTuple):
    """One line of the table. `value` and `base` are medians in ms, or words."""

    what: str
    value: float | str
    base_name: str = ""
    base: float | str = ""
    target: str = ""
    ok: bool | None = None  # None: there is no target

    @property
    def ratio(self) -> str:
        numbers = isinstance(self.value, float) and isinstance(self.base, float)
        return f"{self.value / self.base:.2f}x" if numbers else ""


def at_most(what: str, value: float, base_name: str, base: float, factor: float) -> Row:
    """The row of something that may cost `factor` times its baseline."""
    return Row(what, value, base_name, base, f"<= {factor:g}x", value <= factor * base)


def below(
    what: str, value: float, limit_ms: float, base_name: str = "", base: float | str = ""
) -> Row:
    """The row of something that has `limit_ms` in the median."""
    return Row(what, value, base_name, base, f"<= {limit_ms:g} ms", value <= limit_ms)


def timed(
    argv: list[str], env: dict[str, str], stdin: str = os.devnull, stdout: str = os.devnull
) -> float:
    """How many ms it took until the program had ended. RuntimeError unless it ended with 0."""
    files = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    began = time.perf_counter()
    # not subprocess, whose own work in between is a good part of what a shell costs
    _, status = os.waitpid(os.posix_spawnp(argv[0], argv, env, file_actions=files), 0)
    took = (time.perf_counter() - began) * 1000
    if status:
        raise RuntimeError(f"{argv} ended with {os.waitstatus_to_exitcode(status)}")
    return took


def medians(runs: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The median of each run, one after the other in turns: the machine's drift hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            took = run()
            if turn >= 2:  # the first two fill the caches
                taken[name].append(took)
    return {name: statistics.median(times) for name, times in taken.items()}


def header() -> str:
    """What this machine is."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}, load {load:.1f} at the start"
    )


def shown(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


TITLES = ("what", "median", "baseline", "", "ratio", "target", "")


def cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "ok", False: "OVER", None: ""}[row.ok]
    return (
        row.what,
        shown(row.value),
        row.base_name,
        shown(row.base),
        row.ratio,
        row.target,
        verdict,
    )


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    lines = [TITLES, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(TITLES))]
    left = (0, 2)  # names; the rest are numbers
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )
