"""The use cases on a real database: who somebody is, and what becomes of a message."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from hcom.bus import bootstrap
from hcom.bus.message import EXTERNAL, INSTANCE, Envelope, Sender
from hcom.errors import HcomError, UnknownAgent
from hcom.home import Home
from hcom.hub import mail, people
from hcom.hub.people import Caller
from hcom.process import start_of
from hcom.store import agents, deliveries, events
from hcom.store.connect import open_db, transaction

CI = Sender("ci", EXTERNAL)


class Hub(unittest.TestCase):
    def setUp(self):
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="hcom-hub-"))
        self.addCleanup(shutil.rmtree, self.place, True)
        self.db = open_db(Home(os.path.join(self.place, ".hcom"), self.place))
        self.addCleanup(self.db.connection.close)

    def join(self, name: str, session: str = "", pid: int = 0, **facts):
        return people.join(
            self.db,
            facts.pop("tool", "claude"),
            1.0,
            name=name,
            session=session,
            pid=pid,
            pid_start=start_of(pid) if pid else "",
            **facts,
        )

    def whose(self, caller: Caller, forked_from: str = "") -> str:
        with transaction(self.db):
            found = people.whose(self.db, caller, forked_from)
        return found.name if found else ""

    def send(self, text: str = "x", to=("luna",), envelope=Envelope(), sender=CI) -> int:
        return mail.send(self.db, sender, text, list(to), envelope, 1.0).id

    def states(self, agent: str = "luna") -> dict[int, str]:
        return dict(
            self.db.execute(
                "SELECT event_id, state FROM deliveries WHERE agent = ? ORDER BY event_id", (agent,)
            ).fetchall()
        )


class Identity(Hub):
    def caller(self, session: str = "", launch: str = "", pid: int = 0) -> Caller:
        return Caller(session, launch, pid, start_of(pid) if pid else "", "claude")

    def process(self) -> int:
        """A client's process that lives as long as the test."""
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )
        self.addCleanup(child.communicate)
        return child.pid

    def test_by_session(self):
        self.join("luna", "s1")
        self.assertEqual(self.whose(self.caller("s1")), "luna")
        self.assertEqual(self.whose(self.caller("s1", "unknown-launch")), "luna")
        self.assertEqual(self.whose(self.caller("s2")), "")
        self.assertEqual(self.whose(self.caller()), "")

    def test_by_launch_and_from_then_on_by_session(self):
        self.join("luna", launch="l1")
        self.assertEqual(self.whose(self.caller("s1", "l1", os.getpid())), "luna")
        self.assertEqual(self.whose(self.caller("s1")), "luna")
        self.assertEqual(agents.find(self.db, "luna").session, "s1")

    def test_a_client_inside_an_agent_is_nobody(self):
        own, inner = self.process(), self.process()
        self.join("luna", launch="l1")
        self.whose(self.caller("s1", "l1", own))
        agents.met(self.db, "luna", "", "", own, start_of(own), {})
        self.assertEqual(self.whose(self.caller("s-inner", "l1", inner)), "")
        self.assertEqual(self.whose(self.caller("", "l1")._replace(tool="gemini")), "")
        self.assertEqual(self.whose(self.caller("s1", "l1", own)), "luna")

    def test_clear_keeps_the_agent(self):
        own = self.process()
        for launch in ("", "l1"):
            with self.subTest(launch=launch):
                name = "luna" if launch else "nova"
                self.join(name, name + "-1", own if not launch else 0, launch=launch)
                agents.met(self.db, name, "", "", own, start_of(own), {})
                self.assertEqual(self.whose(self.caller(name + "-2", launch, own)), name)
                self.assertEqual(self.whose(self.caller(name + "-1")), name)
                agents.leave(self.db, name, 2.0)

    def test_a_pid_used_again_is_another(self):
        own = self.process()
        self.join("luna", "s1", own)
        other = Caller("s2", "", own, start_of(own) + "9", "claude")
        self.assertEqual(self.whose(other), "")

    def test_a_fork_is_not_its_parent(self):
        own = self.process()
        self.join("luna", "s1", own)
        self.assertEqual(self.whose(self.caller("s2", "", own), "s1"), "")
        self.join("nova", launch="l2")
        self.assertEqual(self.whose(self.caller("s2", "l2", own), "s1"), "nova")
        self.assertEqual(self.whose(self.caller("s1", "", own)), "luna")

    def test_launched_for_a_session_that_is_known(self):
        self.join("luna", "s1")
        self.join("nova", launch="l2")
        self.assertEqual(self.whose(self.caller("s1", "l2")), "luna")
        self.assertIsNone(agents.find(self.db, "nova"))
        self.assertEqual(self.whose(self.caller("", "l2")), "luna")

    def test_who_has_left_is_nobody_until_it_is_back(self):
        luna = self.join("luna", "s1")
        keys = people.leave(self.db, luna, "luna", "stopped", 2.0)
        self.assertEqual(keys, ["s1"])
        self.assertEqual(self.whose(self.caller("s1")), "")
        with self.assertRaises(UnknownAgent):
            people.known(self.db, "luna")
        people.reclaim(self.db, "luna", self.caller("s1"), 3.0)
        self.assertEqual(self.whose(self.caller("s1")), "luna")

    def test_reclaim(self):
        own, other = self.process(), self.process()
        self.join("luna", "s1", own)
        with self.assertRaises(HcomError):
            people.reclaim(self.db, "luna", self.caller("s2", "", other), 2.0)
        with self.assertRaises(UnknownAgent):
            people.reclaim(self.db, "nobody", self.caller("s2"), 2.0)
        self.join("nova", "s2", other)
        agents.end_session(self.db, "luna", "exit:other", 2.0)
        back = people.reclaim(self.db, "LUNA", self.caller("s2", "", other), 3.0)
        self.assertEqual(back.name, "luna")
        self.assertEqual(self.whose(self.caller("s2")), "luna")
        self.assertIsNotNone(agents.find(self.db, "nova").stopped_at)

    def test_speaking(self):
        self.join("luna", "s1")
        self.join("nova", "s2")
        self.join("luna_1", "sub", parent="luna")
        self.join("adhoc", tool="adhoc")
        for session, name, found in (
            ("s1", "", "luna"),
            ("s1", "luna", "luna"),
            ("s1", "luna_1", "luna_1"),
            ("s1", "adhoc", "adhoc"),
            ("", "", ""),
            ("", "luna", "luna"),
            ("s9", "", ""),
            ("s9", "adhoc", "adhoc"),
            ("s1", "@LUNA", "luna"),
        ):
            with self.subTest(session=session, name=name):
                agent = people.speaker(self.db, self.caller(session), name)
                self.assertEqual(agent.name if agent else "", found)
        for session, name in (("s1", "nova"), ("s2", "luna_1"), ("s9", "luna"), ("s1", "s2")):
            with self.subTest(session=session, name=name), self.assertRaises(HcomError):
                people.speaker(self.db, self.caller(session), name)

    def test_taken_and_malformed_names(self):
        self.join("luna")
        for name in ("luna", "LUNA", "bigboss", "a b"):
            with self.subTest(name), self.assertRaises(HcomError):
                self.join(name)

    def test_the_dead_are_found_and_their_mail_waits(self):
        child = subprocess.Popen(["true"])
        start = start_of(child.pid)
        child.wait()
        people.join(self.db, "claude", 1.0, name="luna", pid=child.pid, pid_start=start)
        self.send()
        mail.handed(self.db, "luna", mail.claim(self.db, "luna", 0, 2.0).messages, 2.0)
        self.assertEqual([a.name for a in people.gone(self.db, 5.0)], ["luna"])
        self.assertEqual(people.gone(self.db, 6.0), [])
        self.assertEqual(list(self.states().values()), ["queued"])
        self.assertEqual(agents.find(self.db, "luna").context, "exit:killed")

    def test_the_bootstrap_is_short(self):
        luna = self.join("luna", tag="dev")
        self.assertLess(len(bootstrap.text(luna).split()), 350)  # about 500 tokens
        self.assertIn("@dev-luna", bootstrap.text(luna))
        self.assertLess(len(bootstrap.text(luna._replace(context="stop"), "resume")), 120)


class Mail(Hub):
    def setUp(self):
        super().setUp()
        for name in ("luna", "nova", "kira"):
            self.join(name)

    def claim(self, now: float, budget: int = 0) -> list[int]:
        """What is claimed and written at `now`."""
        taken = mail.claim(self.db, "luna", budget, now).messages
        mail.handed(self.db, "luna", taken, now)
        return [m.id for m in taken]

    def test_the_walk_of_a_message(self):
        one = self.send()
        self.assertEqual(self.states(), {one: "queued"})
        self.assertEqual(self.claim(10.0), [one])
        self.assertEqual(self.claim(10.1), [])
        mail.confirm(self.db, "luna", 9.9)  # a hook that began before it was written
        mail.confirm(self.db, "luna", 10.0)
        self.assertEqual(self.states(), {one: "offered"})
        mail.confirm(self.db, "luna", 10.1)
        self.assertEqual(self.states(), {one: "seen"})

    def test_what_was_never_written_is_not_seen_and_comes_again(self):
        one = self.send()
        self.assertEqual([m.id for m in mail.claim(self.db, "luna", 0, 10.0).messages], [one])
        mail.confirm(self.db, "luna", 20.0)
        self.assertEqual(self.states(), {one: "offered"})
        mail.pick_up(self.db, "luna", lambda ids: [], 10.0 + mail.HAND_S)
        self.assertEqual(self.claim(29.0), [])  # it may yet be written
        mail.pick_up(self.db, "luna", lambda ids: [], 10.1 + mail.HAND_S)
        self.assertEqual(self.claim(31.0), [one])

    def test_what_was_never_written_but_is_proven_is_seen(self):
        one, two = self.send(), self.send()
        mail.claim(self.db, "luna", 0, 10.0)
        mail.pick_up(self.db, "luna", lambda ids: [one], 100.0)
        self.assertEqual(self.states(), {one: "seen", two: "queued"})

    def test_parallel_hooks(self):
        one = self.send()
        began_before = 9.0
        self.assertEqual(self.claim(10.0), [one])
        two = self.send()
        self.assertEqual(self.claim(10.5), [two])  # the hook beside it gets the next one only
        mail.confirm(self.db, "luna", began_before)  # ... and proves nothing of the first
        self.assertEqual(self.states(), {one: "offered", two: "offered"})
        mail.confirm(self.db, "luna", 10.2)
        self.assertEqual(self.states(), {one: "seen", two: "offered"})

    def test_take_back(self):
        one = self.send()
        taken = mail.claim(self.db, "luna", 0, 10.0).messages
        mail.take_back(self.db, "luna", taken)
        self.assertEqual(self.states(), {one: "queued"})
        self.assertEqual(self.claim(11.0), [one])

    def test_offer_again(self):
        one, two, three = self.send(), self.send(), self.send()
        self.claim(10.0)
        mail.offer_again(self.db, "luna", lambda ids: [two])
        self.assertEqual(self.states(), {one: "queued", two: "seen", three: "queued"})
        self.assertEqual(self.claim(20.0), [one, three])

    def test_a_budget_keeps_the_order(self):
        sent = [self.send("y" * 300) for _ in range(9)]
        got = []
        for now in range(10, 40):
            got += self.claim(float(now), 1500)
        self.assertEqual(got, sent)

    def test_nothing_is_stored_when_an_address_means_nobody(self):
        before = events.last_id(self.db)
        with self.assertRaises(UnknownAgent):
            self.send("x", ("luna", "nobody"))
        self.assertEqual((events.last_id(self.db), self.states()), (before, {}))

    def test_replies(self):
        nova = Sender("nova", INSTANCE)
        asked = self.send("?", ("luna",), Envelope("request", "", "t1"), nova)
        reply = mail.send(
            self.db, Sender("luna", INSTANCE), "!", [], Envelope("", str(asked), ""), 2.0
        )
        self.assertEqual(reply.to, ["nova"])
        self.assertEqual(events.find(self.db, reply.id).data["thread"], "t1")
        other = mail.send(
            self.db, Sender("luna", INSTANCE), "!", ["kira"], Envelope("", str(asked), "t2"), 2.0
        )
        self.assertEqual(other.to, ["kira"])
        self.assertEqual(events.find(self.db, other.id).data["thread"], "t2")
        # the author of a program's message cannot read: the reply is kept, and goes to nobody
        lost = mail.send(
            self.db, Sender("luna", INSTANCE), "!", [], Envelope("", str(self.send()), ""), 2.0
        )
        self.assertEqual(lost.to, [])

    def test_acks(self):
        one = self.send("x", ("luna",), Envelope(), Sender("nova", INSTANCE))
        ack = mail.send(
            self.db, Sender("luna", INSTANCE), "ok", [], Envelope("ack", str(one), ""), 2.0
        )
        self.assertEqual((ack.to, ack.wakes), (["nova"], False))
        self.assertFalse(deliveries.wants_wake(self.db, "nova"))
        with self.assertRaises(HcomError):
            mail.send(
                self.db, Sender("nova", INSTANCE), "ok", [], Envelope("ack", str(ack.id), ""), 3.0
            )
        self.send("x", ("nova",))
        self.assertTrue(deliveries.wants_wake(self.db, "nova"))

    def test_a_reply_to_what_is_no_message_of_ours(self):
        life = 1
        for reference in (str(life), "999", f"{self.send()}:BOXE"):
            with self.subTest(reference), self.assertRaises(HcomError):
                self.send("x", ("luna",), Envelope("", reference, ""))

    def test_who_ended_long_ago_gets_no_broadcast_but_its_own_mail(self):
        agents.end_session(self.db, "luna", "exit:other", 1.0)
        sent = mail.send(self.db, CI, "all", [], Envelope(), 100_000.0)
        self.assertEqual(sent.to, ["kira", "nova"])
        self.assertEqual(mail.send(self.db, CI, "x", ["luna"], Envelope(), 100_000.0).to, ["luna"])


if __name__ == "__main__":
    unittest.main()
