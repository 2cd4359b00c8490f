"""When the wrapper wants to be asked, and what it types then: a drawn Codex, a clock of our own."""

import os
import time
import unittest
from unittest import mock

from hcom import home as homes
from hcom.adapters.codex.hook import WAKE_SIGN
from hcom.adapters.codex.screen import ENTER_AFTER_S
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.delivery import bell, gate
from hcom.hub import mail, people
from hcom.store.connect import open_db
from hcom.wrap import policy
from tests.sealed import Home

TARDY_S = 1e-6  # no loop is ever early
PASTE = b"\x1b[200~" + WAKE_SIGN.encode() + b"\x1b[201~"


class Typing(unittest.TestCase):
    def setUp(self):
        sealed = Home()
        self.addCleanup(sealed.remove)
        self.home = homes.locate(sealed.env)
        homes.create(self.home)
        self.now = 1000.0
        patched = mock.patch.object(policy.time, "monotonic", lambda: self.now)
        patched.start()
        self.addCleanup(patched.stop)
        with open_db(self.home) as db:
            people.join(
                db,
                "codex",
                time.time(),
                name="luna",
                launch="launch",
                session="session",
                status="listening",
            )
        self.wrap = policy.Wrap(self.home, "luna", "codex", "launch", bell.Bell(self.home, "luna"))
        self.addCleanup(lambda: policy.owner.give_up(self.wrap.lock))
        self.wrap.on_start(os.getpid(), 80, 10)
        self.draw("\x1b[2mAsk Codex\x1b[22m")

    def draw(self, composer: str, state: str = "idle") -> None:
        self.wrap.on_output(
            f"\x1b]7501;state={state}:app=codex\x1b\\\x1b[2J\x1b[H\r\n› {composer}"
            "\r\n\r\n  model\x1b[2;3H".encode(),
            self.now,
        )

    def send(self) -> None:
        with open_db(self.home) as db:
            mail.send(
                db, Sender("ci", EXTERNAL), "hi", ["luna"], Envelope("inform", "", ""), time.time()
            )
        self.wrap.refresh()

    def until_due(self) -> bytes | None:
        """The next deadline has come; what is typed then."""
        self.now = max(self.now, self.wrap.deadline()) + TARDY_S
        # As the pty does: what is due is asked for again when the time has come.
        return self.wrap.tick(self.now) if self.wrap.deadline() <= self.now else None

    def until_typed(self) -> bytes:
        """What is typed next, at whichever deadline."""
        end = self.now + 10
        while not (typed := self.until_due()):
            self.assertLess(self.now, end)
        return typed

    def assert_it_rests(self) -> None:
        """With mail waiting nothing is typed, at five deadlines that are not next to each other."""
        self.now += 60
        self.send()
        began = self.now
        for _ in range(5):
            self.assertIsNone(self.until_due())
        self.assertGreater(self.now, began + 1)

    def test_enter_follows_the_paste_as_soon_as_this_client_takes_it(self):
        self.now += 60
        self.send()
        self.assertEqual(self.until_typed(), PASTE)
        self.now += 0.03
        self.draw(WAKE_SIGN)
        shown = self.now
        self.assertEqual(self.until_typed(), b"\r")
        self.assertAlmostEqual(self.now, shown + ENTER_AFTER_S, 3)

    def test_a_person_who_stops_typing_is_waited_for_no_longer_than_that(self):
        self.now += 60
        self.wrap.on_input(b"x\x7f", self.now)
        typed_at = self.now
        self.send()
        self.assertEqual(self.until_typed(), PASTE)
        self.assertAlmostEqual(self.now, typed_at + gate.QUIET_S, 3)

    def test_while_another_owns_the_wake_it_does_not_spin(self):
        policy.owner.give_up(self.wrap.lock)
        self.wrap.lock = -1
        other = policy.owner.take(self.home, "luna")
        self.addCleanup(policy.owner.give_up, other)
        self.assert_it_rests()

    def test_a_busy_client_is_looked_at_no_more_often_than_it_draws(self):
        self.draw("\x1b[2mAsk Codex\x1b[22m", "working")
        self.assert_it_rests()
