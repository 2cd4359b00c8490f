"""The worker's two lanes on wire 2: it pushes what its store has, and gives it what others pushed.

What it is told to do is `client`'s to say and what may be taken is `rules`'; where the events lie
and when it has to go is the store's. Nobody else waits for it.
"""

import random
import re
import threading
import time
from collections import Counter, namedtuple
from urllib.parse import quote

from ..errors import HcomError
from . import client, rules
from .client import Answer, Outbox, Poll, Push, Sync
from .link import Link, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Store(Protocol):
        """What a worker needs of where events lie; `take` may be called beside the others."""

        def outbox(self) -> Outbox:
            """What there is to push."""

        def state(self) -> dict:
            """The newest state, of the number that `outbox` says."""

        def load(self, after: int, limit: int) -> "list[tuple[int, dict]]":
            """Events of the outbox behind number `after`: `limit` bytes of them, or one."""

        def pushed(self, epoch: str, have: int) -> None:
            """The relay has all up to that number."""

        def take(self, device: str, news: rules.News, dropped: "Counter[str]") -> None:
            """A device's news are stored, each once, however often they come."""

        def give_up(self, seq: int) -> None:
            """No relay takes this event, it is too large: nothing is told in its place."""

        def polled(self, cursor: str) -> None:
            """All news up to there were given to `take`."""

        def caught_up(self) -> None:
            """Those are all that the relay has."""

        def renew(self) -> None:
            """The outbox has a new epoch, and its events numbers from 1."""

        def wanted(self, sync: Sync) -> bool:
            """Whether the worker is to go on; it is told how far it is."""

        def wait(self, seconds: float) -> bool:
            """So long nothing happens, or until the store's bell rings; whether a person did."""


PUSH_S, POLL_S = 20.0, client.HOLD_S + 8.0
ANSWERS = 200  # of 1 MiB, at the most: the server holds 128
DEVICES = 1024  # of one answer: a server of ours has no more
LOOK_S = 5.0  # how often it is asked whether the worker is wanted: with PUSH_S it is gone in 35 s


class Member(namedtuple("Member", "device room secret", defaults=("", b""))):
    """Who a device is in its room; without a `secret` nothing is signed."""

    __slots__ = ()

    def signed(self, kind: str, epoch: str, seq: int, value: dict) -> dict:
        """The state or event as it is sent."""
        key = rules.Key(self.device, epoch, seq)
        mac = rules.signature(self.secret, self.room, kind, key, value) if self.secret else None
        return {"seq": seq, kind: value, "mac": mac}


def body_of(member: Member, push: Push, state: dict, events: "list[tuple[int, dict]]") -> bytes:
    """The body of a push, with what it is to have."""
    body = {"epoch": push.epoch, "seq": push.seq, "first": push.first}
    if push.with_state:
        body |= member.signed(rules.STATE, push.epoch, push.seq, state)
    news = [member.signed(rules.EVENT, push.epoch, seq, one) for seq, one in events]
    return rules.canonical({**body, "events": news})


class Worker:
    """Both lanes; `links` makes a way to the relay, for each lane one."""

    def __init__(
        self, store: "Store", member: Member, links: "Callable[[], Link | Way]", cursor: str = ""
    ):
        self.store, self.member, self.links = store, member, links
        self.sync = Sync(cursor=cursor)
        self.news = threading.Condition()  # whoever has it may change `sync`
        self.over = False

    def run(self) -> None:
        """Pushes and polls until the store wants no more."""
        # A thread: its poll is held for as long as nothing comes, and a push must not wait for it.
        # It is left alone at the end, for it may hang in a name's look-up, where nothing wakes it.
        poller = threading.Thread(target=self._poll, daemon=True)
        poller.start()
        link = self.links()
        try:
            while poller.is_alive() and self.store.wanted(self.sync):
                outbox = self.store.outbox()
                push = client.next_push(self.sync, outbox, time.monotonic())
                if push:
                    self._push(link, push, outbox)
                else:
                    pause = client.pause(self.sync, outbox, time.monotonic())
                    if self.store.wait(max(0.0, min(pause, LOOK_S))):
                        self.ring()
        finally:
            self.over = True
            link.close()
            with self.news:
                self.news.notify_all()

    def once(self, link: Link | Way) -> str:
        """All that is here is pushed, and all that is there taken: why not, "" when it is."""
        while not self.sync.push.error:
            outbox = self.store.outbox()
            push = client.next_push(self.sync, outbox, time.monotonic())
            if not push:
                break
            self._push(link, push, outbox)
        for _ in range(ANSWERS):
            if self.sync.push.error or not self._ask(link, Poll(self.sync.cursor, 0)):
                break
        return self.sync.push.error or self.sync.poll.error

    def ring(self) -> None:
        """Nothing waits for its turn any longer."""
        with self.news:
            self.sync = client.rung(self.sync, time.monotonic())
            self.news.notify_all()

    def _push(self, link: Link | Way, push: Push, outbox: Outbox) -> None:
        events = self.store.load(push.after, push.limit) if push.after >= 0 else []
        state = self.store.state() if push.with_state else {}
        path = f"/push/{quote(self.member.device, safe='')}"
        answer = link.ask("POST", path, body_of(self.member, push, state, events), PUSH_S)
        with self.news:
            now = time.monotonic()
            self.sync = client.pushed(self.sync, push, outbox.last, answer, now, random.random())
            sync = self.sync
            self.news.notify_all()
        if answer.status == 413 and push.limit <= 1 and len(events) == 1:
            self.store.give_up(events[0][0])
        if sync.usurped:
            self.store.renew()
        elif answer.status in (200, 409) and sync.have is not None:
            self.store.pushed(push.epoch, sync.have)

    def _poll(self) -> None:
        link = self.links()
        while not self.over:
            poll = client.next_poll(self.sync, time.monotonic())
            if poll:
                self._ask(link, poll)
                continue
            with self.news:
                self.news.wait(max(0.0, self.sync.poll.at - time.monotonic()))
        link.close()

    def _ask(self, link: Link | Way, poll: Poll) -> bool:
        """Whether the poll brought news: there may be more."""
        device, cursor = (quote(one, safe="") for one in (self.member.device, poll.cursor))
        path = f"/poll?device={device}&cursor={cursor}&timeout={poll.timeout}&ages=1"
        began = time.monotonic()
        answer = link.ask("GET", path, None, POLL_S)
        if poll.timeout:
            answer = answer._replace(held_s=time.monotonic() - began)
        if answer.status == 200 and not self.over:  # else the relay may be another by now
            try:
                self._take(answer.said)
            except (OSError, HcomError) as error:  # it comes again: the cursor stays where it is
                answer = Answer(0, {"error": f"cannot store what came: {error}"})
            except Exception as error:  # boundary: else a lane would end by what somebody said
                answer = Answer(0, {"error": f"cannot take what came: {error!r}"})
        with self.news:
            self.sync = client.polled(self.sync, answer, time.monotonic(), random.random())
            self.news.notify_all()
        return answer.status == 200 and answer.is_news and not client.is_quiet(answer.said)

    def _take(self, said: dict) -> None:
        devices, cursor = said.get("devices"), said.get("cursor")
        listed = [*devices.items()][:DEVICES] if isinstance(devices, dict) else ()
        for device, one in listed:
            dropped: Counter[str] = Counter()
            found = rules.news({device: one}, self.member.secret, self.member.room, dropped)
            if re.fullmatch(rules.ID, device):
                self.store.take(device, found, +dropped)
        if isinstance(cursor, str) and client.is_cursor(cursor):
            self.store.polled(cursor)
            if client.is_quiet(said):
                self.store.caught_up()
