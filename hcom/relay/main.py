"""`relayed`: the process that talks to the relay for this device, as long as an agent lives.

`ops.after` and `ops.relay` begin it, whenever somebody rings for it in vain. Its lock is where no
agent in a sandbox can take it: from there no network can be reached.
"""

import hashlib
import json
import os
import time
from collections import Counter

from .. import config, log
from ..delivery import bell
from ..errors import LockedError
from ..home import KEPT, Lock, dropped, locate, write_private
from ..hub import devices, hearing
from ..ops import agents, orders, relay
from ..ops.after import Done, after
from ..store import agents as stored
from ..store import devices as known
from ..store.connect import open_db
from . import rules
from .client import BEAT_S, GAP_S, Outbox, Sync
from .link import Link, Way
from .worker import LOOK_S, Member, Worker

# It stays so long without an agent: what was sent by nobody, or said last, is told. With LOOK_S and
# a push that hangs it is gone within 35 s, and within 55 where an answer drips.
LINGER_S = 5.0
ROWS = 500  # of what is told at once
SOON_S = 0.5


def member(device: str, settings) -> Member:
    """The device in the room of its settings."""
    key = settings.relay_key.encode()
    return Member(device, hashlib.sha256(b"room:" + key).hexdigest()[:32], key)


def way(home, settings, env) -> Way:
    """A way to the relay of the settings."""

    def had() -> int:
        with open_db(home) as db:
            return known.own(db).pushed

    link = Link(settings.relay, settings.relay_token, config.public(env))
    return Way(link, bool(settings.relay_key), had)


class Ledger:
    """The database as a worker needs it (worker.Store)."""

    def __init__(self, home, settings, rings: bell.Bell, env):
        self.home, self.settings, self.rings, self.env = home, settings, rings, env
        self.told: tuple = ()  # the epoch and the agents of the newest state
        self.newest: dict = {}
        self.number, self.since = -1, 0.0
        self.status, self.until, self.rung_at = "", time.monotonic() + 2 * LINGER_S, 0.0

    def outbox(self) -> Outbox:
        """What there is to push."""
        now = time.time()
        with open_db(self.home) as db:
            own = devices.number(db, now)
            self.newest = devices.state([seen.agent for seen in agents.here(db, now)], now)
            seats = self.newest["agents"].items()
            told = own.epoch, {n: {**seat, "age_s": 0} for n, seat in seats}
            # Ages are as of a state: one that is old says nothing of how long somebody was idle.
            if told != self.told or time.monotonic() > self.since + BEAT_S / 2:
                self.told, self.number = told, devices.next_state(db)
                self.since = time.monotonic()
            return Outbox(own.epoch, known.first(db), own.seq, self.number)

    def state(self) -> dict:
        """The state of that number."""
        return self.newest

    def load(self, after: int, limit: int) -> "list[tuple[int, dict]]":
        """Events of the outbox behind number `after`: `limit` bytes of them, or one."""
        with open_db(self.home) as db:
            rows = devices.outgoing(db, after, ROWS, time.time())
        size, count = 0, 0
        for _, event in rows:
            size += len(rules.canonical(event))
            if count and size > limit:
                break
            count += 1
        return rows[:count]

    def pushed(self, epoch: str, have: int) -> None:
        """The relay has all up to that number."""
        with open_db(self.home) as db:
            own = known.own(db)
            if own.epoch == epoch and own.pushed < have <= own.seq:
                devices.pushed(db, have, time.time())

    def give_up(self, seq: int) -> None:
        """No relay takes this event: nothing is told in its place."""
        log.log("relay.too_large", seq=seq)
        with open_db(self.home) as db:
            devices.give_up(db, seq)

    def take(self, device: str, news: rules.News, dropped: "Counter[str]") -> None:
        """A device's news are stored, each once, and those concerned are told."""
        with open_db(self.home) as db:
            signed, count = bool(self.settings.relay_key), dropped.total()
            new = hearing.take(db, device, news, time.time(), signed, count)
        if dropped:
            log.log("relay.dropped", device=device, **dropped)
        if new.events or new.mail:
            after(self.home, Done(new.wakes, parents=new.parents))
        for order in new.orders:
            orders.obey(self.home, self.env, *order)
        if quiet := [name for name in new.mail if name not in new.wakes]:
            after(self.home, Done(quiet, wakes=False, watched=False))

    def polled(self, cursor: str) -> None:
        """All news up to there are stored."""
        with open_db(self.home) as db:
            if known.own(db).cursor != cursor:
                known.polled(db, cursor)

    def caught_up(self) -> None:
        """Those are all that the relay has: who is not among them is silent."""
        with open_db(self.home) as db:
            devices.forget_silent(db, time.time())

    def renew(self) -> None:
        """The outbox has a new epoch, and its events numbers from 1."""
        log.log("relay.renewed")
        with open_db(self.home) as db:
            devices.renew(db)

    def wanted(self, sync: Sync) -> bool:
        """Whether the worker is to go on: somebody lives, or listens, and the relay is the same."""
        self._note(sync)
        now = time.monotonic()
        if is_needed(self.home):
            self.until = now + LINGER_S
        return now < self.until and relay.settings(self.home) == self.settings

    def _note(self, sync: Sync) -> None:
        """How it goes is there for `hcom relay`."""
        lanes = {"push": sync.push.error, "poll": sync.poll.error}
        status = json.dumps({"pid": os.getpid(), "have": sync.have, **lanes})
        if status != self.status:
            self.status = status
            write_private(self.home.run(relay.STATUS), status)

    def wait(self, seconds: float) -> bool:
        """So long nothing happens, or until somebody rings; never again at once. Whether it was a
        person."""
        # Who rings has yet to say that it delivered something: a look more, soon after.
        looks = SOON_S if time.monotonic() < self.rung_at + SOON_S else LOOK_S
        rung = self.rings.wait(min(seconds, looks))
        if rung:
            time.sleep(max(0.0, self.rung_at + GAP_S - time.monotonic()))
            rung += self.rings.rung()
            self.rung_at = time.monotonic()
        return bell.NOW in rung


def is_needed(home) -> bool:
    """Whether an agent of this device lives, or somebody listens here."""
    with open_db(home) as db:
        lives = any(agent.ended_at is None for agent in stored.every(db))
    return lives or bool(bell.heard(home) - {bell.RELAY})


def run(home, env) -> None:
    """This device talks to its relay, unless another process of it does, until nobody needs it."""
    with Lock(home, os.path.join(os.pardir, KEPT, "relay")) as lock:
        again = lock.take()
        while again:
            settings = relay.settings(home)
            if not relay.is_on(settings):
                dropped(home.run(bell.RELAY))
                break
            with bell.Bell(home, bell.RELAY) as rings:
                _talk(home, settings, rings, env)
            # Who rang meanwhile counted on us.
            again = relay.settings(home) != settings or is_needed(home)


def _talk(home, settings, rings: bell.Bell, env) -> None:
    """One worker was at it."""
    try:
        with open_db(home) as db:
            own = relay.begin(db, settings)
        log.log("relay.began", device=own.id)
        ledger = Ledger(home, settings, rings, env)
        Worker(ledger, member(own.id, settings), lambda: way(home, settings, env), own.cursor).run()
        log.log("relay.ended")
    except LockedError as error:  # others write much: another one begins
        log.log("relay.interrupted", error=error.message)
        time.sleep(GAP_S)


def main(_argv: "list[str]") -> int:
    """Always 0."""
    home = locate(os.environ)
    log.to(home.root)
    try:
        run(home, dict(os.environ))
    except Exception as error:  # boundary
        log.log("relay.failed", error=repr(error)[:300])
    return 0
