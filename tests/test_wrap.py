"""When the wrapper wants to be asked, and what it types then: a drawn Codex, a clock of our own."""

import os
import select
import time
import unittest

from hcom import home as homes
from hcom.adapters.base import WAKE_BY_HAND
from hcom.adapters.codex import screen
from hcom.adapters.codex.hook import WAKE_SIGN
from hcom.adapters.codex.screen import ENTER_AFTER_S
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.delivery import gate, owner
from hcom.hub import mail, people
from hcom.ops.wake import Wake
from hcom.pty.keys import Keys
from hcom.pty.mirror import Mirror
from hcom.pty.policy import Guarded
from hcom.store import agents, kept
from hcom.store.connect import open_db
from hcom.wrap import main
from hcom.wrap.policy import STILL_S, Typing, Wrap
from tests.sealed import Home

TARDY_S = 1e-6  # no loop is ever early
PASTE = b"\x1b[200~" + WAKE_SIGN.encode() + b"\x1b[201~"
EMPTY = "\x1b[2mAsk Codex\x1b[22m"


class Typed(unittest.TestCase):
    def setUp(self):
        self.sealed = Home()
        self.addCleanup(self.sealed.remove)
        self.home = homes.locate(self.sealed.env)
        homes.create(self.home)
        self.now = 1000.0
        with open_db(self.home) as db:
            luna = people.join(
                db,
                "codex",
                time.time(),
                name="luna",
                launch="launch",
                session="session",
                status="listening",
            )
        mirror, self.keys = Mirror(80, 10), Keys()
        typing = Typing(screen, WAKE_SIGN, mirror, self.keys)
        self.wake = Wake(self.home, luna, typing, "launch")
        self.wake.__enter__()
        self.addCleanup(self.wake.__exit__)
        self.wrap = Wrap(self.wake, mirror, self.keys)
        self.wrap.on_start(os.getpid(), 80, 10)
        self.draw(EMPTY)

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
        self.wrap.on_ready(self.wake.rings.fd)

    def status(self, status: str) -> None:
        with open_db(self.home) as db:
            agents.set_status(db, "luna", status, "prompt", "", time.time())
        self.wrap.on_ready(self.wake.rings.fd)

    def until_due(self) -> bytes:
        """The next deadline has come, or somebody has rung; what is typed then."""
        if select.select([self.wake.rings.fd], [], [], 0)[0]:
            self.wrap.on_ready(self.wake.rings.fd)
        self.now = max(self.now, self.wrap.deadline()) + TARDY_S
        # As the pty does: what is due is asked for again when the time has come.
        return self.wrap.tick(self.now) if self.wrap.deadline() <= self.now else b""

    def until_typed(self) -> bytes:
        """What is typed next, at whichever deadline."""
        end = self.now + 10
        while not (typed := self.until_due()):
            self.assertLess(self.now, end)
        return typed

    def assert_it_rests(self) -> None:
        """With mail waiting nothing is typed; once all is still, there is nothing to look at before
        a ring could have been lost."""
        self.now += 60
        self.send()
        end = self.now + 5
        while self.now < end:
            self.assertEqual(self.until_due(), b"")
        self.assertGreater(self.now, end + 20)

    def test_a_screen_that_was_lost_is_unknown_and_nothing_is_typed(self):
        self.assertEqual(self.wake.way.state(None), "idle")
        self.wrap.mirror.screen.lose()
        self.assertEqual(self.wake.way.state(None), "unknown")
        self.assert_it_rests()

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
        self.keys.feed(b"x\x7f", self.now)
        typed_at = self.now
        self.send()
        self.assertEqual(self.until_typed(), PASTE)
        self.assertAlmostEqual(self.now, typed_at + gate.QUIET_S, 3)

    def test_while_another_owns_the_wake_it_rests(self):
        self.wake.give_up()
        other = owner.take(self.home, "luna")
        self.addCleanup(owner.give_up, other)
        self.assert_it_rests()

    def test_a_client_that_shows_that_it_is_busy_is_not_looked_at(self):
        self.draw(EMPTY, "working")
        self.assert_it_rests()

    def test_a_dialog_is_not_looked_at_again(self):
        for hooks in ("listening", "blocked"):
            with self.subTest(hooks):
                self.draw("Would you like to run it?", "blocked")
                self.status(hooks)
                self.assert_it_rests()

    def without_hooks(self) -> None:
        """The client has none, and has been seen to take prompts."""
        mirror = self.wake.way.mirror
        self.wake.way = Typing(screen, WAKE_BY_HAND, mirror, self.keys, True)
        self.wrap = Wrap(self.wake, mirror, self.keys)
        self.wrap.ready = True
        self.until_due()

    def test_a_client_without_hooks_is_told_to_listen_and_its_screen_tells_what_it_does(self):
        self.without_hooks()
        for state, status, after_s in (("working", "active", 0), ("idle", "listening", STILL_S)):
            with self.subTest(state):
                self.now += 1
                drawn = self.now
                self.draw(EMPTY, state)
                while self.status_now() != status:
                    self.until_due()
                self.assertAlmostEqual(self.now, drawn + after_s, 3)
                self.until_due()
        self.now += 60
        self.send()
        self.assertEqual(self.until_typed(), b"\x1b[200~" + WAKE_BY_HAND.encode() + b"\x1b[201~")

    def test_what_a_client_without_hooks_has_read_in_its_turn_is_not_typed_again(self):
        self.without_hooks()
        self.now += 60
        self.send()
        self.until_typed()
        self.draw(WAKE_BY_HAND)
        self.assertEqual(self.until_typed(), b"\r")
        self.draw(EMPTY, "working")
        self.sealed.said("listen", "--name", "luna", "1")
        self.draw(EMPTY)
        while self.status_now() != "listening":
            self.assertEqual(self.until_due(), b"")
        end = self.now + 10
        while self.now < end:
            self.assertEqual(self.until_due(), b"")
        self.assertNotIn("not woken", self.sealed.said("list"))

    def test_who_listens_is_not_said_to_work_where_no_hook_says_so(self):
        self.without_hooks()
        with open_db(self.home) as db:
            agents.set_status(db, "luna", "listening", "listen", "", time.time())
        self.wrap.on_ready(self.wake.rings.fd)
        self.until_due()
        self.draw(EMPTY, "working")
        self.assertGreater(self.wrap.deadline(), self.now)
        self.wrap.notice()  # as where the ring comes later
        self.assertEqual(self.status_now(), "listening")

    def status_now(self) -> str:
        with open_db(self.home) as db:
            return agents.find(db, "luna").status

    def test_a_turn_that_ends_without_a_hook_is_seen_on_the_still_screen(self):
        self.now += 60
        self.status("active")
        self.draw(EMPTY, "working")
        self.send()
        self.assertEqual(self.until_due(), b"")
        ended = self.now = self.now + 1
        self.draw(EMPTY)
        self.assertEqual(self.until_typed(), PASTE)
        self.assertAlmostEqual(self.now, ended + STILL_S, 3)
        with open_db(self.home) as db:
            self.assertEqual(agents.find(db, "luna").context, "interrupted")

    def test_esc_is_noticed_as_soon_as_the_screen_stands_still(self):
        soon = dict.fromkeys((b"\x1b", b"\x1b[27u", b"\x1b\x1b[I"), gate.SETTLED_S)
        late = dict.fromkeys((b"x", b"\r", b"\x1b[A", b"\x1b[I"), STILL_S)
        for key, still_s in {**soon, **late}.items():
            with self.subTest(key):
                self.now += 60
                self.status("active")
                self.draw(EMPTY, "working")
                self.until_due()
                self.now += 60
                self.keys.feed(key, self.now)
                ended = self.now = self.now + 0.5
                self.draw(EMPTY)
                with open_db(self.home) as db:
                    while agents.find(db, "luna").context != "interrupted":
                        self.until_due()
                self.assertAlmostEqual(self.now, ended + still_s, 3)

    def test_nothing_is_typed_where_no_hook_can_bring_the_mail(self):
        """Each wake would be a turn that is paid for, without content."""
        kept.note(self.home, "launch", client={"hooks": "off", "lacks": "it is old"})
        self.now += 60
        self.assert_it_rests()
        self.assertIn("not woken: no hooks heard yet: it is old", self.sealed.said("list"))
        sent = self.sealed.run("send", "--from", "ci", "@luna more")
        self.assertIn("only hcom listen brings it: luna, for it is old", sent.stderr)
        kept.note(self.home, "session", tool="codex")  # as the first hook does
        self.wrap.on_ready(self.wake.rings.fd)
        self.assertEqual(self.until_typed(), PASTE)
        sent = self.sealed.run("send", "--from", "ci", "@luna more")
        self.assertEqual(sent.stderr, "")

    def test_a_wrapper_that_breaks_says_so_and_leaves_the_wake_to_others(self):
        guarded = Guarded(self.wrap, lambda error: main.broken(self.wake, error))
        self.send()
        guarded.call("on_ready", self.wake.rings.fd)
        self.wake.way.look = lambda: 1 / 0  # a bug in reading the screen
        guarded.call("tick", self.now + 60)
        self.assertTrue(guarded.broken)
        self.assertIn("[1 unread, not woken: its wrapper failed: Zero", self.sealed.said("list"))
        lock = owner.take(self.home, "luna")
        self.addCleanup(owner.give_up, lock)
        self.assertGreaterEqual(lock, 0)

    def test_what_fails_is_said_once(self):
        self.draw("it was here before")
        self.now += 60
        self.send()
        for _ in range(20):
            self.until_due()
        self.assertNotIn("not woken", self.sealed.said("list"))
        self.draw(EMPTY)
        self.assertEqual(self.until_typed(), PASTE)
        self.now += 60  # and it is never seen in the box
        for _ in range(200):
            self.until_due()
        self.assertIn("not woken: the wake did not reach the input box", self.sealed.said("list"))


if __name__ == "__main__":
    unittest.main()
