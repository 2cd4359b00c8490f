"""The machine that wakes, state by state: what it does, and above all what it can not be brought to
do with a terminal.
"""

import itertools
import unittest

from hcom.bus import client
from hcom.bus.client import BLOCKED, BUSY, EMPTY, IDLE, TEXT, UNKNOWN
from hcom.delivery import gate, wake
from hcom.delivery.gate import APART as CHANNEL
from hcom.delivery.gate import OURS, Seen, Why
from hcom.delivery.wake import (  # fmt: skip
    Action,
    Confirmed,
    Failed,
    Idle,
    Pasted,
    Rung,
    Submitted,
    Waiting,
)

NOW = 1000.0
CLIENTS = (IDLE, BUSY, BLOCKED, UNKNOWN, client.GONE)
BOXES = (EMPTY, OURS, TEXT, UNKNOWN, CHANNEL)
MAIL, MORE, LATER = (7, 7), (7, 8), (8, 8)
FINE = Seen(NOW, mail=MAIL, client=IDLE, box=EMPTY)
HOLDS = FINE._replace(box=OURS)
APART = FINE._replace(box=CHANNEL)
LONG_AGO = NOW - 100

STATES = [
    Idle(),
    Waiting(),
    Waiting(2, NOW - 1),
    Waiting(1, NOW + 1),
    *(Pasted(at, tries) for at in (NOW, NOW - 0.2, NOW - 1, LONG_AGO) for tries in (1, wake.TRIES)),
    *(
        Submitted(at, tries)
        for at in (NOW, NOW - 0.2, NOW - 1, LONG_AGO)
        for tries in (1, wake.TRIES)
    ),
    *(Rung(at, tries, MAIL) for at in (NOW, NOW - 5, LONG_AGO) for tries in (1, 2, 3)),
    *(Confirmed(at, tries, MAIL) for at in (NOW, LONG_AGO) for tries in (1, wake.TRIES)),
    *(Failed(why, MAIL, IDLE, box) for why in (Why.LOST, Why.UNTAKEN) for box in BOXES),
]
SIGHTS = [
    Seen(NOW, mail, client, box, typed_at, changed_at, confirmed_at, enter_after_s)
    for mail, client, box, typed_at, changed_at, confirmed_at, enter_after_s in itertools.product(
        ((), MAIL, MORE, LATER),
        CLIENTS,
        BOXES,
        (gate.NEVER, LONG_AGO, NOW - 0.5),
        (gate.NEVER, LONG_AGO, NOW - 0.2, NOW - 0.05),
        (gate.NEVER, LONG_AGO - 1, NOW - 0.05),
        (0.1, gate.ENTER_AFTER_S),
    )
]


def quiet(seen: Seen) -> bool:
    still_s = seen.enter_after_s if seen.box == OURS else gate.SETTLED_S
    return NOW - seen.typed_at >= gate.QUIET_S and NOW - seen.changed_at >= still_s


class EveryStateAndSight(unittest.TestCase):
    """What holds for all of them."""

    def each(self):
        for state, seen in itertools.product(STATES, SIGHTS):
            yield state, seen, *wake.step(state, seen)

    def test_there_are_many(self):
        self.assertGreater(sum(1 for _ in self.each()), 30_000)

    def test_enter_only_on_our_own_text_in_an_idle_client(self):
        for state, seen, after, action in self.each():
            if action is Action.ENTER:
                self.assertEqual(seen.client, IDLE)
                self.assertEqual(seen.box, OURS)
                self.assertTrue(quiet(seen) and seen.mail)
                self.assertIsInstance(state, (Pasted, Submitted))
                self.assertGreaterEqual(NOW - state.at, seen.enter_after_s)
                self.assertIsInstance(after, Submitted)

    def test_paste_only_into_a_proven_empty_box(self):
        for state, seen, after, action in self.each():
            if action is Action.PASTE:
                self.assertEqual(seen.client, IDLE)
                self.assertEqual(seen.box, EMPTY)
                self.assertTrue(quiet(seen) and seen.mail)
                self.assertIsInstance(after, Pasted)

    def test_a_client_is_rung_only_by_a_channel_of_its_own(self):
        for state, seen, after, action in self.each():
            if action is Action.RING:
                self.assertEqual(seen.client, IDLE)
                self.assertEqual(seen.box, CHANNEL)
                self.assertTrue(seen.mail)
                self.assertIsInstance(after, Rung)
            if seen.box == CHANNEL:
                self.assertIn(action, (Action.NOTHING, Action.RING))

    def test_clear_only_our_own_text_when_no_mail_is_left(self):
        for state, seen, after, action in self.each():
            if action is Action.CLEAR:
                self.assertEqual(seen.client, IDLE)
                self.assertEqual(seen.box, OURS)
                self.assertTrue(quiet(seen) and not seen.mail)
                self.assertIsInstance(state, (Pasted, Submitted))

    def test_unknown_or_blocked_or_busy_means_no(self):
        for state, seen, after, action in self.each():
            if seen.client != IDLE or seen.box in (UNKNOWN, TEXT):
                self.assertIs(action, Action.NOTHING)

    def test_without_mail_nothing_is_pasted_and_it_comes_to_rest(self):
        for state, seen, after, action in self.each():
            if not seen.mail:
                self.assertIn(action, (Action.NOTHING, Action.CLEAR))
                self.assertNotIsInstance(after, (Waiting, Failed, Confirmed))

    def test_tries_never_grow_beyond_the_bound(self):
        for state, seen, after, action in self.each():
            if not isinstance(state, Waiting):
                self.assertLessEqual(getattr(after, "tries", 0), wake.TRIES)

    def test_the_deadline_lies_ahead(self):
        for state, seen in itertools.product(STATES, SIGHTS):
            at = wake.deadline(state, seen)
            self.assertTrue(at is None or at > NOW)

    def test_between_deadlines_nothing_changes(self):
        """Looking only at the deadline misses nothing: an earlier look would have waited too."""
        for state, seen, after, action in self.each():
            if action is not Action.NOTHING or after != state:
                continue
            at = wake.deadline(state, seen)
            early = NOW + 1e6 if at is None else (NOW + at) / 2
            self.assertEqual(wake.step(state, seen._replace(now=early)), (state, action))


class Steps(unittest.TestCase):
    """Each way from a state, by name."""

    TABLE: "list[tuple]" = [
        ("no mail", Idle(), FINE._replace(mail=()), Idle(), Action.NOTHING),
        ("mail", Idle(), FINE, Pasted(NOW, 1), Action.PASTE),
        ("mail, busy", Idle(), FINE._replace(client=BUSY), Waiting(), Action.NOTHING),
        ("taken meanwhile", Waiting(2), FINE._replace(mail=()), Idle(), Action.NOTHING),
        ("pause", Waiting(1, NOW + 1), FINE, Waiting(1, NOW + 1), Action.NOTHING),
        ("after it", Waiting(1, NOW), FINE, Pasted(NOW, 2), Action.PASTE),
        ("left over", Waiting(0), HOLDS, Pasted(NOW, 1), Action.NOTHING),
        ("too soon", Pasted(NOW - 0.1, 1), HOLDS, Pasted(NOW - 0.1, 1), Action.NOTHING),
        ("in the box", Pasted(NOW - 1, 1), HOLDS, Submitted(NOW, 1), Action.ENTER),
        ("not shown yet", Pasted(NOW - 1, 1), FINE, Pasted(NOW - 1, 1), Action.NOTHING),
        ("lost", Pasted(NOW - 9, 1), FINE, Waiting(1, NOW + 2), Action.NOTHING),
        (
            "lost for good",
            Pasted(NOW - 9, 3),
            FINE,
            Failed(Why.LOST, MAIL, IDLE, EMPTY),
            Action.NOTHING,
        ),
        (
            "a dialog came up",
            Pasted(NOW - 9, 1),
            HOLDS._replace(client=BLOCKED),
            Pasted(NOW - 9, 1),
            Action.NOTHING,
        ),
        (
            "the person writes on",
            Pasted(NOW - 9, 1),
            FINE._replace(box=TEXT),
            Pasted(NOW - 9, 1),
            Action.NOTHING,
        ),
        (
            "the person sent it",
            Pasted(NOW - 9, 1),
            FINE._replace(client=BUSY, confirmed_at=NOW - 1),
            Confirmed(NOW, 1, MAIL),
            Action.NOTHING,
        ),
        (
            "unreadable",
            Pasted(NOW - 9, 1),
            FINE._replace(box=UNKNOWN),
            Failed(Why.UNREADABLE, MAIL, IDLE, UNKNOWN),
            Action.NOTHING,
        ),
        ("other channel", Pasted(NOW - 1, 1), HOLDS._replace(mail=()), Idle(), Action.CLEAR),
        (
            "confirmed",
            Submitted(NOW - 1, 1),
            FINE._replace(client=BUSY, confirmed_at=NOW),
            Confirmed(NOW, 1, MAIL),
            Action.NOTHING,
        ),
        (
            "an old confirmation",
            Submitted(NOW - 1, 1),
            FINE._replace(confirmed_at=NOW - 2),
            Submitted(NOW - 1, 1),
            Action.NOTHING,
        ),
        ("Enter swallowed", Submitted(NOW - 9, 1), HOLDS, Submitted(NOW, 2), Action.ENTER),
        (
            "swallowed for good",
            Submitted(NOW - 9, 3),
            HOLDS,
            Failed(Why.UNCONFIRMED, MAIL, IDLE, OURS),
            Action.NOTHING,
        ),
        ("vanished", Submitted(NOW - 9, 2), FINE, Waiting(2, NOW + 8), Action.NOTHING),
        (
            "busy, unconfirmed",
            Submitted(NOW - 999, 1),
            FINE._replace(client=BUSY),
            Submitted(NOW - 999, 1),
            Action.NOTHING,
        ),
        ("rung", Idle(), APART, Rung(NOW, 1, MAIL), Action.RING),
        ("rung, busy", Idle(), APART._replace(client=BUSY), Waiting(), Action.NOTHING),
        ("it came", Rung(NOW - 1, 2, MAIL), APART._replace(mail=()), Idle(), Action.NOTHING),
        ("give it time", Rung(NOW - 1, 1, MAIL), APART, Rung(NOW - 1, 1, MAIL), Action.NOTHING),
        ("nothing came", Rung(NOW - 3, 1, MAIL), APART, Rung(NOW, 2, MAIL), Action.RING),
        ("more patience", Rung(NOW - 5, 2, MAIL), APART, Rung(NOW - 5, 2, MAIL), Action.NOTHING),
        (
            "more came, nothing was taken",
            Rung(NOW - 1, 1, MAIL),
            APART._replace(mail=MORE),
            Rung(NOW - 1, 1, MAIL),
            Action.NOTHING,
        ),
        (
            "it was taken, and there is more",
            Rung(NOW - 1, 3, MAIL),
            APART._replace(mail=LATER),
            Rung(NOW, 1, LATER),
            Action.RING,
        ),
        (
            "a turn goes on",
            Rung(NOW - 999, 1, MAIL),
            APART._replace(client=BUSY),
            Rung(NOW - 999, 1, MAIL),
            Action.NOTHING,
        ),
        (
            "never came",
            Rung(NOW - 12, 3, MAIL),
            APART,
            Failed(Why.UNTAKEN, MAIL, IDLE, CHANNEL),
            Action.NOTHING,
        ),
        ("delivered", Confirmed(NOW - 1, 1, MAIL), FINE._replace(mail=()), Idle(), Action.NOTHING),
        (
            "more came",
            Confirmed(NOW - 1, 3, MAIL),
            FINE._replace(mail=MORE),
            Waiting(0, NOW - 1 + wake.TAKEN_S),
            Action.NOTHING,
        ),
        ("not taken", Confirmed(NOW - 9, 1, MAIL), FINE, Waiting(1, NOW + 2), Action.NOTHING),
        (
            "never taken",
            Confirmed(NOW - 9, 3, MAIL),
            FINE,
            Failed(Why.UNTAKEN, MAIL, IDLE, EMPTY),
            Action.NOTHING,
        ),
    ]

    def test_table(self):
        for name, state, seen, after, action in self.TABLE:
            with self.subTest(name):
                found, done = wake.step(state, seen)
                self.assertEqual((type(found), found, done), (type(after), after, action))

    def test_a_failure_ends_with_the_situation(self):
        failed = Failed(Why.LOST, MAIL, IDLE, EMPTY)
        self.assertEqual(wake.step(failed, FINE), (failed, Action.NOTHING))
        for change in ({"client": BUSY}, {"box": TEXT}, {"mail": MORE}):
            with self.subTest(change):
                self.assertEqual(wake.step(failed, FINE._replace(**change))[0], Waiting())
        untaken = failed._replace(why=Why.UNTAKEN)
        busy = FINE._replace(client=BUSY)
        self.assertEqual(wake.step(untaken, busy)[0], untaken)
        self.assertEqual(wake.step(untaken, busy._replace(mail=MORE))[0], Waiting())

    def test_what_nothing_else_tells_is_told_once_the_screen_stands_still(self):
        """An idle client whose screen or box cannot be read waits for ever."""
        for why, change in (
            (Why.UNREADABLE, {"box": UNKNOWN}),
            (Why.UNCLEAR, {"client": UNKNOWN}),
        ):
            with self.subTest(why):
                seen = FINE._replace(changed_at=NOW - 1, **change)
                waiting, _ = wake.step(Idle(), seen)
                self.assertEqual(waiting, Waiting())
                late = wake.deadline(waiting, seen)
                failed, action = wake.step(waiting, seen._replace(now=late))
                self.assertEqual((failed.why, action), (why, Action.NOTHING))
                self.assertEqual(wake.step(failed, FINE._replace(now=late))[0], Waiting())
        for change in ({"client": BUSY, "box": UNKNOWN}, {"box": TEXT}):  # in a turn; a draft
            seen = FINE._replace(changed_at=LONG_AGO, **change)
            self.assertEqual(wake.step(Idle(), seen)[0], Waiting())
        unseen = APART._replace(client=UNKNOWN)  # no screen: its channel will tell
        self.assertEqual(wake.step(Idle(), unseen)[0], Waiting())

    def test_what_cannot_be_rung_is_left_until_something_changes(self):
        failed = wake.refused(APART)
        self.assertIs(failed.why, Why.REFUSED)
        self.assertEqual(wake.step(failed, APART), (failed, Action.NOTHING))
        for change in ({"client": BUSY}, {"mail": MORE}):
            with self.subTest(change):
                self.assertEqual(wake.step(failed, APART._replace(**change))[0], Waiting())

    def test_a_deaf_client_is_rung_a_few_times_and_no_more(self):
        state: wake.State = Idle()
        rung = 0
        for second in range(100):
            state, action = wake.step(state, APART._replace(now=NOW + second))
            rung += action is Action.RING
        self.assertEqual((rung, state.why), (len(wake.PATIENCE_S), Why.UNTAKEN))


class Dangers(unittest.TestCase):
    """The dangerous moments that were seen with the real clients (clients/*.md)."""

    def run_through(self, *sights: Seen) -> list[Action]:
        state: wake.State = Idle()
        actions = []
        for seen in sights:
            state, action = wake.step(state, seen)
            actions.append(action)
        return actions

    def test_dialog_between_paste_and_enter(self):
        """Claude: letters are ignored and Enter approves; Gemini and Codex: the same and worse."""
        later = HOLDS._replace(now=NOW + 1)
        actions = self.run_through(
            FINE,
            later._replace(client=BLOCKED),
            later._replace(now=NOW + 60, client=BLOCKED, box=UNKNOWN),
            later._replace(now=NOW + 61),
        )
        expected = [Action.PASTE, Action.NOTHING, Action.NOTHING, Action.ENTER]
        self.assertEqual(actions, expected)

    def test_dialog_after_enter(self):
        later = FINE._replace(now=NOW + 60, client=BLOCKED)
        actions = self.run_through(FINE, HOLDS._replace(now=NOW + 1), later, later)
        self.assertEqual(actions, [Action.PASTE, Action.ENTER] + [Action.NOTHING] * 2)

    def test_half_typed_text_is_never_sent(self):
        """Gemini appends injected text to it and submits both."""
        typing = FINE._replace(box=TEXT, typed_at=LONG_AGO)
        self.assertEqual(self.run_through(typing, typing), [Action.NOTHING] * 2)
        mixed = FINE._replace(now=NOW + 1, box=TEXT, typed_at=NOW + 0.2)
        self.assertEqual(self.run_through(FINE, mixed), [Action.PASTE, Action.NOTHING])

    def test_idle_title_under_a_dialog(self):
        """Gemini's title says Ready under the trust dialog: the box is then not proven."""
        trust = FINE._replace(box=UNKNOWN)
        self.assertEqual(self.run_through(trust, trust), [Action.NOTHING] * 2)

    def test_first_paste_lost_in_a_dialog(self):
        """Claude 2.1.330 in manual mode opens a dialog around the first prompt and loses it."""
        actions = self.run_through(
            FINE,
            FINE._replace(now=NOW + 1, client=BLOCKED, box=UNKNOWN),
            FINE._replace(now=NOW + 30),
            FINE._replace(now=NOW + 33),
        )
        expected = [Action.PASTE, Action.NOTHING, Action.NOTHING, Action.PASTE]
        self.assertEqual(actions, expected)

    def test_a_client_without_hooks_is_not_woken_for_ever(self):
        """Untrusted hooks are skipped in silence: no confirmation ever comes."""
        state: wake.State = Idle()
        pasted = 0
        seen = FINE
        for _ in range(2000):
            state, action = wake.step(state, seen)
            pasted += action is Action.PASTE
            box = {Action.PASTE: OURS, Action.ENTER: EMPTY}.get(action, seen.box)
            seen = seen._replace(now=seen.now + 0.5, box=box)
        self.assertEqual(pasted, wake.TRIES)
        self.assertIs(state.why, Why.UNCONFIRMED)

    def test_a_client_of_which_no_hook_was_heard_gets_one_prompt_at_most(self):
        for hooks, empty, prompts in (
            (gate.DEAF, EMPTY, 0),
            (gate.DEAF, CHANNEL, 0),
            (gate.UNTRIED, EMPTY, 1),
        ):
            with self.subTest(hooks=hooks, box=empty):
                state: wake.State = Idle()
                seen, done = FINE._replace(hooks=hooks, box=empty), []
                for n in range(400):
                    state, action = wake.step(state, seen)
                    done.append(action)
                    box = {Action.PASTE: OURS, Action.ENTER: empty}.get(action, seen.box)
                    mail = () if n == 300 else (n // 100 + 7,) * 2  # there is ever more
                    seen = seen._replace(now=seen.now + 0.5, box=box, mail=mail)
                self.assertEqual(done.count(Action.PASTE) + done.count(Action.RING), prompts)
                self.assertIs(state.why, Why.DEAF)
                self.assertEqual(wake.step(state, seen._replace(hooks=gate.HEARD))[0], Waiting())

    def test_the_reason_is_told(self):
        table = {
            Why.BUSY: FINE._replace(client=BUSY),
            Why.BLOCKED: FINE._replace(client=BLOCKED),
            Why.UNCLEAR: FINE._replace(client=UNKNOWN),
            Why.TEXT: FINE._replace(box=TEXT),
            Why.UNREADABLE: FINE._replace(box=UNKNOWN),
            Why.TYPING: FINE._replace(typed_at=NOW - 1),
            Why.MOVING: FINE._replace(changed_at=NOW),
            Why.NOTHING: FINE,
        }
        for expected, seen in table.items():
            with self.subTest(expected):
                self.assertEqual(gate.obstacle(seen, EMPTY), expected)


if __name__ == "__main__":
    unittest.main()
