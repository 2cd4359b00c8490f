"""Telling agents that they have mail, and seeing to it that the idle ones wake.

Every wake has one owner: who holds delivery.owner's lock. That is the agent's wrapper or waiter
where it has one; otherwise whoever sends leaves a process behind that rings, waits for the prompt
hook's confirmation, rings again within bounds, and is gone when the mail is taken.
"""

import os
import time

from .. import adapters, log
from ..bus.agent import Agent
from ..delivery import bell, owner
from ..errors import StoreError
from ..home import locate
from ..process import FIRST_KEPT, alive, itself, leave_behind
from ..store import agents, deliveries
from ..store.connect import open_db

IDLE, BUSY, GONE = "idle", "busy", "gone"  # what an adapter's wake.state says

# Seconds to wait for the prompt hook after each ring. A loaded machine takes about one; the third
# goes unanswered only when something holds the message back, and a fourth would not help.
PATIENCE_S = (3.0, 6.0, 12.0)
LOOK_S = 0.5  # how often a busy client is asked whether it is idle: no hook tells of Esc


def rouse(home, names) -> None:
    """Those of `names` that are idle with mail waiting are woken; a process that sees to it stays
    behind. Never fails: a wake that cannot be sent is for the next one."""
    try:
        with open_db(home) as db:
            wanted = [agents.find(db, n) for n in names if deliveries.wants_wake(db, n)]
            targets = []
            for agent in wanted:
                # A subagent is never idle while it lives: it works, or its last hook waits.
                if (
                    agent
                    and not agent.parent
                    and agent.ended_at is None
                    and adapters.has(agent.tool, "wake")
                ):
                    targets.append(agent)
    except StoreError as error:
        log.log("wake.skipped", error=error.message)
        return
    owned = []
    for agent in targets:
        lock = owner.take(home, agent.name)
        if lock >= 0:
            owned.append(Wake(agent, lock))
    if not owned:
        return
    for wake in owned:
        wake.look(time.monotonic())
    # Its words say which descriptor holds the ownership of whose wake, and what was rung by now.
    fds = [wake.lock for wake in owned]
    words = [f"{w.agent.name}:{FIRST_KEPT + n}:{w.tries}:{w.rung_at}" for n, w in enumerate(owned)]
    leave_behind([*itself(), "wake", *words], {**os.environ, "HCOM_DIR": home.root}, fds)
    for wake in owned:
        owner.give_up(wake.lock)  # here: the process left behind holds it on


def main(argv: list[str]) -> int:
    """`wake NAME:DESCRIPTOR:TRIES:RUNG_AT ...`: see to wakes that another began. Always 0."""
    home = locate(os.environ)
    log.to(home.root)
    try:
        _stay(home, [wake for wake in (_taken_over(home, word) for word in argv[1:]) if wake])
    except Exception as error:  # boundary
        log.log("wake.failed", error=repr(error)[:300])
    return 0


def _taken_over(home, word: str) -> "Wake | None":
    name, lock, tries, rung_at = word.split(":")
    with open_db(home) as db:
        agent = agents.find(db, name)
    if agent is None:
        return None
    wake = Wake(agent, int(lock))
    wake.tries, wake.rung_at = int(tries), float(rung_at)
    if wake.tries:
        wake.due = time.monotonic() + PATIENCE_S[wake.tries - 1]
    return wake


class Wake:
    """One owned wake: how often it was rung, and when the next ring is due."""

    def __init__(self, agent: Agent, lock: int):
        self.agent, self.lock = agent, lock
        self.tries, self.due, self.rung_at = 0, 0.0, 0.0
        self.failure = ""
        self.adapter = adapters.load(agent.tool, "wake")

    def look(self, now: float) -> None:
        """Ring if the client is idle and a ring is due; note why it can't be woken if so."""
        if now < self.due:
            return
        state = self.adapter.state(self.agent)
        if state == GONE or not alive(self.agent.pid, self.agent.pid_start):
            self.failure = "gone"
        elif state == IDLE and self.tries == len(PATIENCE_S):
            self.failure = "it does not take the wake"
        elif state == IDLE:
            try:
                self.adapter.ring(self.agent, self.tries, self.rung_at)
            except OSError as error:
                self.failure = f"its socket refuses: {error.strerror or error}"
            log.log("wake.rung", agent=self.agent.name, tries=self.tries + 1, error=self.failure)
            self.due, self.rung_at = now + PATIENCE_S[self.tries], time.time()
            self.tries += 1


def _stay(home, owned: list[Wake]) -> None:
    """Until each agent has taken its mail, or cannot be woken: look, ring, wait."""
    if not owned:
        return
    with bell.Bell(home, owned[0].agent.name) as first:
        bells = [bell.Bell(home, w.agent.name).__enter__() for w in owned[1:]]
        try:
            while owned:
                owned = [w for w in owned if not _settled(home, w)]
                for wake in owned:
                    wake.look(time.monotonic())
                if owned:
                    first.wait(LOOK_S, [b.fd for b in bells])
                    for other in bells:
                        other.rung()
        finally:
            for other in bells:
                other.__exit__()


def _settled(home, wake: Wake) -> bool:
    """Whether nothing is left to do; then the ownership is given up, and not a moment too early:
    mail that came in between is looked for once more."""
    name = wake.agent.name
    with open_db(home) as db:
        agent = agents.find(db, name)
        if agent is None or agent.stopped_at is not None:
            owner.give_up(wake.lock)
            return True
        wake.agent = agent
        if wake.failure:
            if wake.failure != "gone":
                agents.set_wake_failure(db, name, wake.failure)
            owner.give_up(wake.lock)
            return True
        if deliveries.wants_wake(db, name):
            return False
        owner.give_up(wake.lock)
        if not deliveries.wants_wake(db, name):
            return True
    wake.lock = owner.take(home, name)
    return wake.lock < 0
