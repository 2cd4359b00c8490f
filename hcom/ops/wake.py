"""Telling agents that they have mail, and seeing to it that the idle ones wake.

Every wake has one owner: who holds delivery.owner's lock. That is the agent's wrapper or waiter
where it has one; otherwise whoever sends leaves a process behind that rings, waits for the prompt
hook's confirmation, rings again within bounds, and is gone when the mail is taken. All of them
drive the machine of delivery.wake. They sleep on the agent's doorbell, which each hook rings: no
busy client is looked at.
"""

import json
import os
import time
from collections import namedtuple

from .. import adapters, log
from ..bus.agent import ACTIVE, BLOCKED, LISTENING
from ..bus.client import BUSY, GONE, IDLE, UNKNOWN
from ..delivery import bell, owner, wake
from ..delivery.gate import APART, DEAF, HEARD, NEVER, Seen, Why
from ..errors import StoreError
from ..home import locate
from ..process import FIRST_KEPT, ended, is_told_of, itself, leave_behind
from ..store import agents, deliveries, kept, launches
from ..store.connect import open_db
from . import evidence

# Without a ring all is looked at this often: one can be lost with a crash, and of Esc in a session
# without a wrapper nothing tells but the client's own file. Where no doorbell could be made, this
# is the only way to learn of mail.
SAFETY_S = 30.0
NO_BELL_S = 2.0

AT_REST = wake.Idle()


class Known(
    namedtuple("Known", "agent mail confirmed_at in_hand heard", defaults=((), NEVER, False, False))
):
    """What the database says: the agent (None when it takes no part) with what is kept of it, the
    mail that may wake it (see gate.Seen), when its prompt hook last reported a wake, whether some
    of its mail is in the hand of a process that may die of it, and whether any hook was heard."""

    __slots__ = ()

    @property
    def in_turn(self) -> bool:
        """Whether hooks say that the agent works, or waits for a person."""
        return self.agent is not None and self.agent.status in (ACTIVE, BLOCKED)


class Channel(namedtuple("Channel", "state ring sees_esc", defaults=(False,))):
    """The way to wake a client by a channel beside its input box: `state(agent)` says what it does,
    also after Esc where `sees_esc`; `ring(agent, tries, rung_at)` rings it, or raises OSError."""

    __slots__ = ()

    def seen(self, known: Known, now: float) -> Seen:
        """The facts for the machine."""
        agent = known.agent
        there = agent is not None and agent.pid > 0 and not ended(agent.pid, agent.pid_start)
        client = self.state(agent) if there else GONE
        return Seen(now, known.mail, client, APART, hooks=HEARD if known.heard else DEAF)

    def newer(self, seen: Seen) -> Seen:
        """What was seen, with what is known of changes since."""
        return seen

    def do(self, _action: wake.Action, agent, before, now: float) -> bytes:
        """The client is rung; nothing is to be typed."""
        tries, at = (before.tries, before.at) if isinstance(before, wake.Rung) else (0, NEVER)
        self.ring(agent, tries, time.time() - (now - at))
        return b""


def by_hooks(agent) -> str:
    """What the client does as far as its hooks tell: between two turns it is idle."""
    return IDLE if agent.status == LISTENING else BUSY


def channel(tool: str) -> Channel:
    """The channel of the tool's client; where it has none, one that says so."""
    adapter = adapters.load(tool, "wake")
    if not adapters.has(tool, "wake"):
        return Channel(by_hooks, adapter.ring)
    return Channel(adapter.state, adapter.ring, adapter.SEES_ESC)


class Wake:
    """The wake of one agent: of `agent`, or of whichever agent the `launch` is. As a context
    manager it has the agent's doorbell, and is this process's own as soon as it is nobody else's.
    """

    def __init__(self, home, agent, way, launch: str = "", lock: int = -1, state=AT_REST):
        self.home, self.way, self.launch = home, way, launch
        self.lock, self.aside = lock, False
        heard = kept.heard(home, agent)
        self.known, self.state = Known(kept.proven(home, agent), heard=heard), state
        self.seen = Seen(NEVER, (), UNKNOWN, UNKNOWN)
        self.rings = bell.Bell(home, agent.name, *([bell.of_launch(launch)] if launch else []))

    def __enter__(self):
        self.rings.__enter__()
        self.own()
        return self

    def __exit__(self, *_error):
        self.give_up()
        self.rings.__exit__()

    @property
    def name(self) -> str:
        return self.rings.names[0]

    def looks_s(self, safety_s: float = SAFETY_S) -> float:
        """How long nobody looks though no bell rings: of a hook that is killed none does."""
        return NO_BELL_S if self.rings.fd < 0 or self.known.in_hand else safety_s

    def own(self) -> None:
        """The wake is ours, unless it is another's."""
        if self.lock < 0 and not self.aside:
            self.lock = owner.take(self.home, self.name)

    def give_up(self) -> None:
        """Anybody may own the wake."""
        owner.give_up(self.lock)
        self.lock = -1

    def step_aside(self) -> None:
        """Somebody else wakes the agent from now on."""
        self.aside = True
        self.give_up()

    def fail(self, reason: str) -> None:
        """People see why the agent is not woken; not where its client is out of sight, as from
        inside a sandbox: a hook outside will try (deliveries.restless)."""
        if self.known.agent and not is_told_of(self.known.agent.pid_start):
            return
        try:
            with open_db(self.home) as db:
                agents.set_wake_failure(db, self.name, reason)
        except StoreError as error:
            log.log("wake.untold", agent=self.name, reason=reason, error=error.message)

    def refresh(self, now: float) -> None:
        """What the database says is known, as of `now`; all as before where it cannot be asked.
        Bell and lock are those of the agent that it is by now."""
        try:
            with open_db(self.home) as db:
                if self.launch:
                    agent = agents.bound(db, "launch", self.launch)
                else:
                    agent = agents.find(db, self.name)
                agent = agent if agent and agent.stopped_at is None else None
                in_hand = agent is not None and evidence.recover(db, agent, time.time())
                mail = deliveries.waking(db, agent.name) if agent else ()
                agent = agent and agents.find(db, agent.name)
                agent = agent and kept.proven(self.home, agent)
        except StoreError as error:
            log.log("wake.unknown", agent=self.name, error=error.message)
            return
        if agent and agent.name != self.name:
            self.known = Known(agent)
            kept.note(self.home, self.launch, name=agent.name)
            self.give_up()
            self.rings.hear(agent.name, *self.rings.names[1:])
        before = self.known
        taken = before.mail and (not mail or mail[0] > before.mail[0])
        confirmed = taken and agent and agent.context == "woken"
        confirmed_at = now if confirmed else before.confirmed_at
        heard = agent is not None and kept.heard(self.home, agent)
        self.known = Known(agent, mail, confirmed_at, in_hand, heard)

    def step(self, now: float) -> bytes:
        """The next thing is done about the mail that waits, if the wake is ours; what is to be
        typed, where it is that."""
        before = self.state
        if self.lock < 0 or (not self.known.mail and isinstance(before, wake.Idle)):
            return b""
        self.seen = self.way.seen(self.known, now)
        self.state, action = wake.step(before, self.seen)
        typed, more = b"", ""
        if action is not wake.Action.NOTHING:
            log.log("wake.done", agent=self.name, action=action.value)
            try:
                typed = self.way.do(action, self.known.agent, before, now)
            except OSError as error:
                self.state, more = wake.refused(self.seen), f": {error.strerror or error}"
        if isinstance(self.state, wake.Failed) and not isinstance(before, wake.Failed):
            deaf = self.state.why is Why.DEAF and self.known.agent
            lacks = deaf and deaf.client.get("lacks")  # what its version has not, by the launch
            self.fail(self.state.why.value + (f": {lacks}" if lacks else more))
        return typed

    def due(self) -> "float | None":
        """When `step` may do something though nobody rings; None for never."""
        if self.lock < 0:
            return None
        return wake.deadline(self.state, self.way.newer(self.seen)._replace(mail=self.known.mail))


def drive(wakes: "list[Wake]", is_over, also=(), safety_s: float = SAFETY_S) -> None:
    """Each of the wakes is seen to until `is_over(wake)`, or one of the descriptors `also` can be
    read."""
    import select  # no hook waits

    while True:
        now = time.monotonic()
        for one in wakes:
            one.refresh(now)
            one.own()
            one.step(now)
        wakes = [one for one in wakes if not is_over(one)]
        if not wakes:
            return
        bells = [one.rings.fd for one in wakes if one.rings.fd >= 0]
        looks = now + min(one.looks_s(safety_s) for one in wakes)
        end = min([looks, *(at for one in wakes if (at := one.due()) is not None)])
        ready, _, _ = select.select([*also, *bells], (), (), max(0.0, end - time.monotonic()))
        for one in wakes:
            if bell.YIELD in one.rings.rung():
                one.step_aside()
        if set(also) & set(ready):
            return


# -- agents without a wrapper or a waiter --


def rouse(home, names) -> None:
    """Those of `names` that are idle with mail waiting are woken; a process that sees to it stays
    behind. Never fails: a wake that cannot be sent is for the next one."""
    try:
        with open_db(home) as db:
            wakes = [one for name in names if (one := _unowned(home, db, name))]
    except StoreError as error:
        log.log("wake.skipped", error=error.message)
        return
    for one in wakes:
        now = time.monotonic()
        one.refresh(now)
        one.step(now)
    staying = [one for one in wakes if not _let_go(one)]
    if staying:
        # The name, the descriptor that holds the ownership, and how it was rung.
        states = [one.state if isinstance(one.state, wake.Rung) else () for one in staying]
        words = [json.dumps([w.name, FIRST_KEPT + n, *states[n]]) for n, w in enumerate(staying)]
        kept = [one.lock for one in staying]
        leave_behind([*itself(), "wake", *words], {**os.environ, "HCOM_DIR": home.root}, kept)
    for one in staying:
        one.give_up()  # here: the process left behind holds it on


def _unowned(home, db, name: str) -> "Wake | None":
    """The wake of the agent, taken; None where there is nothing to do, or not for us."""
    agent = agents.find(db, name)
    # A subagent is never idle while it lives: it works, or its last hook waits. An agent in any
    # other tool reads its mail by itself.
    if not agent or agent.parent or agent.ended_at or agent.tool not in adapters.TOOLS:
        return None
    if not evidence.recover(db, agent, time.time()) and not deliveries.wants_wake(db, name):
        return None
    # The wrapper that types was rung: no other program need be started.
    launch = kept.of(home, launches.of_agent(db, name))
    if launch.wrapped and adapters.load(agent.tool, "screen").types(launch.client or {}):
        return None
    one = Wake(home, agent, channel(agent.tool))
    one.own()
    return one if one.lock >= 0 else None


def main(argv: list[str]) -> int:
    """`wake [NAME,DESCRIPTOR[,AT,TRIES,MAIL]] ...`: see to wakes that another began. Always 0."""
    from contextlib import ExitStack  # no hook comes here

    home = locate(os.environ)
    log.to(home.root)
    try:
        with ExitStack() as stack:
            wakes = [_taken_over(home, *json.loads(word)) for word in argv[1:]]
            drive([stack.enter_context(one) for one in wakes if one], _let_go)
    except Exception as error:  # boundary
        log.log("wake.failed", error=repr(error)[:300])
    return 0


def _taken_over(home, name: str, lock: int, *rung) -> "Wake | None":
    with open_db(home) as db:
        agent = agents.find(db, name)
    state = wake.Rung(*rung) if rung else AT_REST
    return Wake(home, agent, channel(agent.tool), "", lock, state) if agent else None


def _let_go(one: Wake) -> bool:
    """Whether nothing is left to do for a process left behind. The ownership is given up then, and
    not a moment too early: who came meanwhile counted on us, so all is looked at once more."""
    now = time.monotonic()
    if not _is_settled(one, now):
        return False
    one.give_up()
    one.refresh(now)
    if _is_settled(one, now):
        if one.known.mail:
            bell.ring(one.home, [one.name])  # a wrapper or waiter that could not have it
        return True
    one.own()
    return one.lock < 0


def _is_settled(one: Wake, now: float) -> bool:
    """Whether the agent has its mail, or cannot be woken, or its next hook brings the mail or
    rouses it again."""
    if one.aside or not (one.known.mail or one.known.in_hand):
        return True
    if isinstance(one.state, wake.Failed) and one.state.mail == one.known.mail:
        return True
    client = one.way.seen(one.known, now).client
    return client == GONE or (client != IDLE and not one.way.sees_esc)
