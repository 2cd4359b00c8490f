"""The use cases on a real database: who somebody is, and what becomes of a message."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from hcom import process
from hcom.adapters.base import PROVEN_BY, TURN_END
from hcom.bus import bootstrap
from hcom.bus.agent import RETIRE_S, Caller
from hcom.bus.message import EXTERNAL, INSTANCE, Envelope, Sender
from hcom.errors import HcomError, UnknownAgent
from hcom.home import Home
from hcom.hub import launches, mail, people, retirement
from hcom.ops import evidence, look
from hcom.ops.agents import again
from hcom.process import pid_space, start_of
from hcom.store import agents, deliveries, events, kept
from hcom.store.connect import open_db, transaction
from hcom.store.deliveries import Into
from tests.sealed import ROOT
from tests.test_launcher import counting

CI = Sender("ci", EXTERNAL)


class Hub(unittest.TestCase):
    def setUp(self):
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="hcom-hub-"))
        self.addCleanup(shutil.rmtree, self.place, True)
        self.home = Home(os.path.join(self.place, ".hcom"), self.place)
        self.db = open_db(self.home)
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
        found = people.own(self.db, caller, forked_from)
        return found.name if found else ""

    def send(self, text: str = "x", to=("luna",), envelope=Envelope(), sender=CI) -> int:
        return mail.send(self.db, sender, text, list(to), envelope, 1.0).id

    def states(self, agent: str = "luna") -> dict[int, str]:
        return dict(
            self.db.execute(
                "SELECT event_id, state FROM deliveries WHERE agent = ? ORDER BY event_id", (agent,)
            ).fetchall()
        )


class Following(Hub):
    def test_what_comes_while_the_last_are_shown_is_not_left_out(self):
        self.send("before", to=())
        coming = look.coming(self.db, look.EVERYTHING, 5.0, 1)
        said = [next(coming).data["text"]]
        self.send("meanwhile", to=())
        said.append(next(coming).data["text"])
        self.assertEqual(said, ["before", "meanwhile"])
        coming.close()


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

    def test_launched_for_a_session_whose_agent_has_left(self):
        self.join("luna", "s1")
        agents.leave(self.db, "luna", 1.0)
        self.join("nova", launch="l2")
        self.assertEqual(self.whose(self.caller("s1", "l2")), "luna")
        self.assertIsNone(agents.find(self.db, "luna").stopped_at)
        agents.leave(self.db, "luna", 2.0)  # by a word of the person's, while it runs
        self.assertEqual(self.whose(self.caller("s1", "l2")), "")
        self.join("kira", "s3")
        agents.leave(self.db, "kira", 2.0)
        self.assertEqual(self.whose(self.caller("s3", "l2")), "")

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
        self.assertEqual(self.whose(self.caller("s1", "", own)), "")

    def test_an_old_session_is_nobodys_also_where_no_process_was_known(self):
        self.join("luna", "s1")
        people.reclaim(self.db, "luna", self.caller("s2"), 2.0)
        self.assertEqual(self.whose(self.caller("s1")), "")
        self.assertEqual(self.whose(self.caller("s2")), "luna")

    def test_a_shared_process_does_not_tell_whose_a_name_is(self):
        other = self.caller("s2", "", os.getpid())._replace(shared=True)
        luna = self.join("luna", "s1", os.getpid())
        with self.assertRaises(people.Elsewhere):
            people.reclaim(self.db, "luna", other, 2.0)
        people.leave(self.db, luna, "bigboss", "stopped", 2.0)
        people.reclaim(self.db, "luna", other, 3.0)
        self.assertEqual(self.whose(self.caller("s2")), "luna")

    def test_who_takes_up_another_name_keeps_its_subagents(self):
        self.join("luna", "s1")
        nova = self.join("nova", "s2")
        sub = people.join_subagent(self.db, nova, "a1", 2.0)
        people.reclaim(self.db, "luna", self.caller("s2"), 3.0)
        self.assertEqual(agents.parents(self.db, [sub.name]), ["luna"])
        people.leave(self.db, agents.find(self.db, "luna"), "ci", "stopped", 4.0)
        self.assertIsNotNone(agents.find(self.db, sub.name).stopped_at)

    def test_subagents_are_called_by_their_kind(self):
        long = self.join("l" * 31, "s2")
        luna, called = self.join("luna", "s1"), []
        for number, kind in enumerate(
            ("reviewer", "reviewer", "General-Purpose", "", "é!", "x" * 40)
        ):
            kept.note(self.home, f"a{number}", tool="claude", client={"kind": kind})
            called.append(people.join_subagent(self.db, luna, f"a{number}", 1.0).name)
        self.assertEqual(
            called[:3], ["luna_reviewer_1", "luna_reviewer_2", "luna_general_purpose_1"]
        )
        self.assertEqual(called[3:5], ["luna_1", "luna_2"])
        self.assertEqual(called[5], "luna_" + "x" * 22 + "_1")
        kept.note(self.home, "b1", tool="claude", client={"kind": "reviewer"})
        named = people.join_subagent(self.db, long, "b1", 1.0).name
        self.assertRegex(named, r"l{20}_review_1\Z")

    def test_a_subagent_with_more_to_do_is_the_same_again(self):
        luna = self.join("luna", "s1")
        sub = people.join_subagent(self.db, luna, "a1", 1.0)
        people.leave(self.db, sub, "luna_1", "finished", 2.0)
        again = people.join_subagent(self.db, luna, "a1", 3.0)
        self.assertEqual((again.name, agents.find(self.db, sub.name).stopped_at), (sub.name, None))
        self.assertEqual(agents.find(self.db, sub.name).status, "active")

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
        with transaction(self.db):
            taken = mail.lease(self.db, agents.find(self.db, "luna"), Into("tool"), 0, 2.0).ids
        mail.delivered(self.db, "luna", taken, 2.0)
        self.assertEqual([a.name for a in people.gone(self.db, 5.0)], ["luna"])
        self.assertEqual(people.gone(self.db, 6.0), [])
        # whether it was seen is looked up when the session is resumed
        self.assertEqual(list(self.states().values()), ["delivered"])
        self.assertEqual(agents.find(self.db, "luna").context, "exit:killed")

    def test_the_bootstrap_is_short(self):
        luna = self.join("luna", tag="dev")
        for agent in (
            luna,
            luna._replace(parent="nova", name="nova_1"),
            luna._replace(name="nova"),
        ):
            for hooked, named in ((True, False), (True, True), (False, False), (False, True)):
                said = bootstrap.text(agent, hooked=hooked, named=named)
                self.assertLessEqual(len(said), 1600)  # about 400 tokens
                self.assertNotRegex(said, f"@{agent.name}\\b.*TEXT|[<>]")  # no message to itself
                for command in ("events sub ", "N TOOL ", "--help", "transcript @"):
                    self.assertIn(f"hcom {command}", said)
        self.assertIn("@dev-luna", bootstrap.text(luna))
        self.assertLess(len(bootstrap.text(luna._replace(context="stop"), "resume")), 120)
        self.assertIn("write: python3 /x/hcom)", bootstrap.text(luna, written="python3 /x/hcom"))


class Mail(Hub):
    def setUp(self):
        super().setUp()
        for name in ("luna", "nova", "kira"):
            self.join(name)

    def lease(self, now: float, budget: int = 0) -> list[int]:
        with transaction(self.db):
            return mail.lease(self.db, self.agent(), Into("tool"), budget, now).ids

    def claim(self, now: float, budget: int = 0) -> list[int]:
        """What is leased and written at `now`."""
        taken = self.lease(now, budget)
        mail.delivered(self.db, "luna", taken, now)
        return taken

    def agent(self):
        return agents.find(self.db, "luna")

    def settle(self, kind: str, at: float) -> None:
        evidence.settle(self.db, self.agent(), kind, at)

    def test_the_walk_of_a_message(self):
        one = self.send()
        self.assertEqual(self.states(), {one: "queued"})
        self.assertEqual(self.claim(10.0), [one])
        self.assertEqual(self.claim(10.1), [])
        for kind, at in (("command", 10.1), ("tool", 10.1), ("prompt", 11.0), ("turn_end", 10.0)):
            self.settle(kind, at)  # no evidence for what a tool's hook delivered
            self.assertEqual(self.states(), {one: "delivered"})
        held = deliveries.held(self.db, "luna")
        verdict = evidence.judge(self.db, held, self.agent(), TURN_END, 10.1, "", PROVEN_BY)
        self.assertEqual(verdict, ([one], []))

    def dropped(self, *within: str) -> int:
        """A message that a process leased, and died with."""
        one = self.send()
        code = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from hcom.home import Home\nfrom hcom.hub import mail\nfrom hcom.store import agents\n"
            "from hcom.store.connect import open_db, transaction\n"
            "from hcom.store.deliveries import Into\n"
            "with open_db(Home(sys.argv[2], '')) as db, transaction(db):\n"
            "    mail.lease(db, agents.find(db, 'luna'), Into('tool'), 0, 10.0)"
        )
        argv = [*within, sys.executable, "-c", code, ROOT, self.home.root]
        subprocess.run(argv, check=True)
        self.assertEqual(self.states()[one], "leased")
        return one

    @unittest.skipUnless(
        counting() and process.pid_space() == process.FIRST, "not all is seen here"
    )
    def test_so_is_what_one_had_that_died_in_a_namespace_below(self):
        one = self.dropped(*counting(), "--mount-proc")
        self.settle("", 10.1)
        self.assertEqual(self.claim(10.2), [one])

    def test_what_a_dead_process_had_is_looked_up_at_once(self):
        one = self.dropped()
        self.settle("", 10.1)
        self.assertEqual(self.states(), {one: "queued"})
        self.assertEqual(self.claim(10.2), [one])

    def test_what_a_process_that_lives_has_is_its_own(self):
        one = self.send()
        self.assertEqual(self.lease(1.0), [one])
        for kind in ("", "command", "turn_end", "start", "end"):
            self.settle(kind, 1e9)
            self.assertEqual(self.states(), {one: "leased"})

    def test_what_nobody_can_judge_is_given_a_time(self):
        now = time.time()
        for start in ("", "123@other", "@" + pid_space()):
            if start and process.sees(start) and start[0] != "@":
                continue  # judged at once
            with self.subTest(start):
                held = deliveries.Held(1, "leased", now - 1, None, os.getpid(), start, *Into())
                self.assertFalse(mail.is_dropped(held, now))
                self.assertTrue(mail.is_dropped(held, now + mail.HAND_S))

    def test_only_the_next_command_proves_what_a_command_printed(self):
        one = self.send()
        with transaction(self.db):
            taken = mail.lease(self.db, self.agent(), Into("output"), 0, 10.0).ids
        mail.delivered(self.db, "luna", taken, 10.5)
        for kind, at in (("command", 10.4), ("tool", 11.0), ("prompt", 11.0)):
            self.settle(kind, at)
            self.assertEqual(self.states(), {one: "delivered"})
        self.settle("command", 10.6)
        self.assertEqual(self.states(), {one: "seen"})

    def test_released(self):
        one = self.send()
        mail.released(self.db, "luna", self.lease(10.0))
        self.assertEqual(self.states(), {one: "queued"})
        self.assertEqual(self.claim(11.0), [one])

    def test_what_a_session_that_is_over_had(self):
        one, two, three = self.send(), self.send(), self.send()
        self.claim(10.0)
        with transaction(self.db):
            mail.settle(self.db, "luna", [two], [])
        self.settle("start", 11.0)
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
        more = mail.send(self.db, nova, "and", [], Envelope("", str(asked), ""), 2.0)
        self.assertEqual(more.to, ["luna"])  # nobody writes to itself
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


class Retirement(Hub):
    """Who ended or left long ago."""

    LATER = 2.0 + RETIRE_S + 1.0

    def setUp(self):
        super().setUp()
        for name in ("luna", "nova", "kira", "milo"):
            self.join(name, f"s-{name}")
        self.mine = Sender("nova", INSTANCE)
        self.asked = mail.send(self.db, self.mine, "?", ["luna", "kira"], Envelope(), 1.5).id
        agents.end_session(self.db, "luna", "exit:other", 2.0)
        people.leave(self.db, agents.find(self.db, "kira"), "kira", "stopped", 2.0)

    def test_it_is_out_of_lists_and_its_mail_is_undeliverable(self):
        sent = mail.send(self.db, self.mine, "all", [], Envelope(), 1.0 + RETIRE_S)
        self.assertEqual(sent.to, ["milo"])
        self.assertEqual([a.name for a in agents.every(self.db)], ["luna", "milo", "nova"])
        mail.send(self.db, self.mine, "all", [], Envelope(), self.LATER)
        self.assertEqual([a.name for a in agents.every(self.db)], ["milo", "nova"])
        self.assertEqual(
            deliveries.receipts(self.db, self.asked),
            {"luna": "undeliverable", "kira": "undeliverable"},
        )
        self.assertEqual(deliveries.unread(self.db), {"milo": 2, "nova": 0})
        self.assertIn("luna", agents.names(self.db))
        with self.assertRaises(HcomError):
            self.join("luna")

    def test_it_is_not_written_to_but_said_how_to_call_it_back(self):
        ended = mail.send(self.db, self.mine, "x", ["luna"], Envelope(), 1.0 + RETIRE_S)
        self.assertEqual(ended.to, ["luna"])
        for addresses, envelope in (
            (["luna"], Envelope()),
            (["nova", "LUNA"], Envelope()),
            ([], Envelope("", str(self.reply()), "")),
        ):
            with self.subTest(addresses), self.assertRaises(UnknownAgent) as caught:
                mail.send(self.db, self.mine, "x", addresses, envelope, self.LATER)
            self.assertIn("hcom resume luna", caught.exception.hint)
        with self.assertRaises(UnknownAgent) as caught:
            mail.send(self.db, self.mine, "x", ["lina"], Envelope(), self.LATER)
        self.assertNotIn("resume", caught.exception.hint)

    def reply(self) -> int:
        """A message of luna's."""
        return mail.send(self.db, Sender("luna", INSTANCE), "!", ["nova"], Envelope(), 1.7).id

    def retired(self) -> None:
        self.assertEqual(people.gone(self.db, self.LATER), [])
        self.assertIsNotNone(agents.find(self.db, "luna").retired_at)
        self.assertFalse(retirement.is_due(self.db, self.LATER))

    def test_it_comes_back_with_its_mail(self):
        def by_name():
            people.reclaim(self.db, "luna", Caller("s-new"), self.LATER)

        def by_resume():
            kept.note(self.db.home, "s-new", tool="codex", directory="/work")
            self.assertEqual(again(self.db, "luna", False).directory, "/work")
            luna = agents.find(self.db, "luna")
            launches.again(self.db, luna, "launch-1", "/work", self.LATER)

        for back in (by_name, by_resume):
            with self.subTest(back.__name__):
                self.retired()
                back()
                self.assertIsNone(agents.find(self.db, "luna").retired_at)
                self.assertEqual(self.states(), {self.asked: "queued"})
                self.db.execute("UPDATE agents SET ended_at = 2.0 WHERE name = 'luna'")

    def test_few_at_once(self):
        for number in range(retirement.AT_ONCE + 5):
            agents.end_session(self.db, self.join(f"old{number}x").name, "exit:other", 2.0)
        with transaction(self.db):
            retirement.retire(self.db, self.LATER)
        self.assertTrue(retirement.is_due(self.db, self.LATER))
        with transaction(self.db):
            retirement.retire(self.db, self.LATER)
        self.assertFalse(retirement.is_due(self.db, self.LATER))


if __name__ == "__main__":
    unittest.main()
