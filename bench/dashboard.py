"""How soon the dashboard stands on the screen, and what happens elsewhere on it."""

import random
import statistics
import sys
import time
from functools import partial

from bench.bus import CI, HCOM, Bus
from bench.local import MILLION
from bench.measure import BARE, Row, at_most, below, medians, timed
from bench.wrapper import Terminal
from hcom.bus.message import Envelope
from hcom.hub import people
from hcom.ops import talk

REPEATS, EVENTS = 15, 40
AGENTS = 200
BASE = [*BARE, "import sqlite3, json, argparse, curses"]
LAST = b"q quit"  # what is drawn last
PAUSE_S = 0.5  # between two events, at least


def started(bus: Bus) -> Terminal:
    """The dashboard, whose first screen stands."""
    terminal = Terminal(HCOM, {**bus.env, "TERM": "xterm-256color"})
    terminal.until(LAST)
    return terminal


def painted(bus: Bus) -> float:
    """How long that took, in ms."""
    began = time.perf_counter()
    with started(bus):
        return (time.perf_counter() - began) * 1000


def paint() -> list[Row]:
    """The first screen, with two agents and few events, and with many of both."""
    with Bus(200) as small, Bus() as large:
        for _ in range(AGENTS):
            people.join(large.db, "adhoc", time.time(), status="listening")
        print("(writing 1,000,000 events ...)", file=sys.stderr, flush=True)
        large.fill(MILLION)
        runs = {
            "small": partial(painted, small),
            "large": partial(painted, large),
            "base": partial(timed, BASE, small.env),
        }
        found = medians(runs, REPEATS)
    name = "python sqlite3, json, argparse, curses"
    many = f"the same, {AGENTS} agents and 1,000,000 events"
    return [
        at_most("dashboard, the first screen", found["small"], name, found["base"], 3),
        at_most(many, found["large"], "few", found["small"], 1.3),
    ]


def shows() -> list[Row]:
    """From a message that is sent by another process until it stands on the screen."""
    taken = []
    with Bus(200) as bus, started(bus) as terminal:
        for number in range(EVENTS):
            time.sleep(PAUSE_S + random.random() / 4)  # at no certain time of its ticks
            began = time.perf_counter()
            text = f"@nova word-{number}-"
            talk.send(bus.db, CI, text, text, Envelope("", "", ""), time.time())
            terminal.until(f"word-{number}-".encode())
            taken.append((time.perf_counter() - began) * 1000)
    return [
        below("dashboard, what happens elsewhere shows", statistics.median(taken), 250),
        below("the worst of them", max(taken), 1000),
    ]
