"""A random walk of a whole bus against a small model of it: clients of all three kinds, as their
recorded payloads show them, agents without hooks, people's commands, and what may go wrong.

    python3 -m tests.walk --steps 20000 --kills 2000 --seed 1
    python3 -m tests.walk --steps 1000 --real    # with the launcher, and interpreters of their own

A walk is a list of steps, made from a seed before it begins; each step holds all its chances, so
that steps can be left out. A walk that fails is made as short as it can be and printed.

The model: who is here by which name, what was sent to whom, and which conversation has which
message. A message counts as asked once a model has answered behind it. It must be asked once, and
given again only where the hook that gave it was killed, or what it was given into is lost.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter, namedtuple

from tests.acts import CLOSED, FULL, GONE, KILL, STOP, Fault, Forks
from tests.bus import Broken, Step
from tests.moves import Walk
from tests.real import Real

TRIES = {Forks: 1, Real: 4}  # what runs by the clock is not the same another time
QUIET_STEPS = 40  # between two times when everything has to be quiet
WEIGHTS = {
    "send": 24, "prompt": 14, "tool": 18, "stop": 14, "failing": 2, "inside": 2, "error": 2,
    "back": 2, "dialog": 2, "clear": 2, "compact": 2, "end": 2, "die": 2, "resume": 5, "fork": 2,
    "client": 5, "join": 5, "sub": 3, "sub_tool": 4, "sub_end": 2, "listen": 5, "look": 2,
    "tag": 2, "subscribe": 2, "leave": 2, "as": 2, "reset": 1,
}  # fmt: skip
FIRST = [Step("client", n, n) for n in range(3)] + [Step("join", n, 0) for n in range(3)]


def walk_of(seed: int, count: int) -> list[Step]:
    """The steps of a walk."""
    chance = random.Random(seed)
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())

    def step(nested: bool = False) -> Step:
        do, who, what = chance.choices(kinds, weights)[0], *(chance.randrange(10**4) for _ in "ab")
        roll, point, fault, beside = chance.random(), 0, Fault(), None
        if roll < 0.16:
            point = int(chance.triangular(1, 160, 40))
            fault = Fault(KILL, point)
        elif roll < 0.2:
            fault = Fault(chance.choice((GONE, FULL, CLOSED)))
        elif roll < 0.28 and not nested:
            fault, beside = Fault(STOP, int(chance.triangular(1, 160, 40))), step(True)
        return Step(do, who, what, fault, beside)

    steps = list(FIRST)
    while len(steps) < count:
        steps.append(step())
        if len(steps) % QUIET_STEPS == 0:
            steps.append(Step("quiet", 0, 0))
    return [*steps, Step("quiet", 0, 0)]


class Ended(namedtuple("Ended", "broken at counts")):
    """How a walk ended: what was broken (None: nothing), by which step, and what was done."""

    __slots__ = ()


def walked(seed: int, steps: list[Step], runner, tell=None) -> Ended:
    """The walk, in a world of its own."""
    with Walk(seed, runner) as walk:
        at = 0
        try:
            for at, step in enumerate(steps):
                if tell:
                    tell(f"{at}: {step}")
                walk.do(step)
        except Broken as broken:
            return Ended(broken, at, walk.counts)
        return Ended(None, at, walk.counts)


def broken_again(seed: int, steps: list[Step], kind: str, runner) -> int:
    """After how many steps the walk breaks in this way, in one of its tries; 0 if in none."""
    for _ in range(TRIES[runner]):
        ended = walked(seed, steps, runner)
        if ended.broken and ended.broken.kind == kind:
            return ended.at + 1
    return 0


def shortest(seed: int, steps: list[Step], kind: str, seconds: float, runner) -> list[Step]:
    """As few of the steps as still break it in the same way, found in the time."""
    end, size = time.monotonic() + seconds, max(len(steps) // 2, 1)
    while size:
        at, cut = 0, False
        while at < len(steps):
            if time.monotonic() > end:
                return steps
            less = steps[:at] + steps[at + size :]
            many = broken_again(seed, less, kind, runner)
            if many:
                steps, cut = less[:many], True
            else:
                at += size
        size = size if cut and size == 1 else size // 2
    return steps


def told(seed: int, steps: list[Step], kind: str, seconds: float, runner) -> list[str]:
    """The lines that say of a broken walk how short it can be."""
    short = shortest(seed, steps, kind, seconds, runner)
    again = "" if TRIES[runner] == 1 else f", each list tried {TRIES[runner]} times: not repeatable"
    return [
        f"shortest ({len(short)} steps{again}): {walked(seed, short, runner).broken}",
        *(f"  {step}" for step in short),
    ]


def main() -> int:
    """Walk until the steps are done, or something broke."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.walk")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=0, help="go on until as many were killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=200, help="steps in one world")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no walk after this")
    parser.add_argument("--shrink", type=float, default=120.0, help="seconds for it")
    parser.add_argument("--tell", action="store_true", help="print each step")
    parser.add_argument("--real", action="store_true", help="as clients run hooks and commands")
    given = parser.parse_args()
    runner = Real if given.real else Forks
    total, seed, done = Counter(), given.seed, 0
    began = time.monotonic()
    while (done < given.steps or total["kills"] < given.kills) and (
        time.monotonic() < began + given.seconds
    ):
        steps = walk_of(seed, min(given.each, max(given.steps - done, 40)))
        broken, at, counts = walked(seed, steps, runner, print if given.tell else None)
        total.update(counts)
        done += at + 1
        if broken:
            print(f"seed {seed}, step {at} of {len(steps)}: {broken}")
            print("\n".join(told(seed, steps[: at + 1], broken.kind, given.shrink, runner)))
            return 1
        seed += 1
    print(f"seeds {given.seed} to {seed - 1}: {done} steps in {time.monotonic() - began:.0f} s, "
          f"nothing broken; {dict(sorted(total.items()))}")  # fmt: skip
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
