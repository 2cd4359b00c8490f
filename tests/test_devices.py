"""Two and more devices in one process: talk, receipts, batches that come twice and in no order."""

import json
import os
import random
import unittest
from collections import Counter

from hcom.bus import address, message, remote
from hcom.bus.agent import BIGBOSS, Caller
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.errors import HcomError, UnknownAgent, UsageError
from hcom.home import keep
from hcom.hub import archive, devices, hearing, mail, people, subscriptions
from hcom.ops import agents as ops_agents
from hcom.ops import look, talk, transcripts
from hcom.relay import rules, server
from hcom.store import agents, deliveries, events
from hcom.store import devices as stored
from hcom.store.connect import transaction
from hcom.store.deliveries import Into
from tests.devices import Device, Devices


class Talk(Devices):
    def test_a_message_goes_to_the_luna_that_is_meant_and_its_reply_comes_back(self):
        a, b = self.pair()
        sent = a.say("over there", [f"luna:{b.short.lower()}"], intent="request", thread="t1")
        a.say("here", ["luna"], who="ci")
        taken = b.take(a.push())
        self.assertEqual((taken.mail, taken.wakes, taken.dropped), (["luna"], ["luna"], 0))
        (frame,) = b.read("luna")
        self.assertIn(f" from luna:{a.short} · request · thread t1]", frame)
        self.assertIn(f"send @luna:{a.short} --reply-to {sent}:{a.short} -- TEXT]", frame)
        self.assertEqual(a.texts("luna"), ["here"])
        known = next(e.id for e in events.latest(b.db, 9) if e.data.get("origin") == sent)
        here = b.say("back", reply_to=str(known))  # as it is numbered here
        self.assertEqual(events.find(b.db, here).data["reply_to"], f"{sent}:{a.short}")
        a.take(b.push())
        (frame,) = a.read("luna")
        self.assertIn(f"from luna:{b.short} · thread t1 · in reply to #{sent}]\nback\n", frame)
        self.assertEqual(b.read("luna"), [])

    def test_receipts_come_back(self):
        a, b = self.pair()
        to = f"luna:{b.short}"
        sent = a.say("x", [to])
        self.assertEqual(a.receipts(sent), {to: "queued"})
        b.take(a.push())
        self.assertEqual(a.receipts(sent), {to: "relayed"})
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {to: "arrived"})
        luna = agents.find(b.db, "luna")
        with transaction(b.db):
            leased = mail.lease(b.db, luna, Into(), 0, b.now)
        mail.delivered(b.db, "luna", leased.ids, b.now)
        first = b.push()
        with transaction(b.db):
            mail.settle(b.db, "luna", leased.ids, ())
        second = b.push()
        a.take(first)
        self.assertEqual(a.receipts(sent), {to: "delivered"})
        a.take(second)
        a.take(first)
        self.assertEqual(a.receipts(sent), {to: "seen"})

    def test_a_broadcast_reaches_all(self):
        a, b = self.pair()
        b.join("kira")
        c = Device(self, 5.0)
        c.join("luna")
        self.meet(a, b, c)
        a.say("all")
        pushed = a.push()
        for other in (b, c, b, c):
            other.take(pushed)
        found = [(d.short, n, d.texts(n)) for d, n in ((b, "luna"), (b, "kira"), (c, "luna"))]
        self.assertEqual([texts for *_, texts in found], [["all"]] * 3)
        self.assertEqual(a.texts("luna"), [])
        # what others say to each other is in the log, and nobody's mail
        b.say("to c", [f"luna:{c.short}"])
        self.assertEqual(a.take(b.push()).mail, [])
        said = events.latest(a.db, 9)
        (one,) = [e for e in said if e.data.get("text") == "to c"]
        self.assertEqual(one.data["delivered_to"], [f"luna:{c.short}"])
        self.assertEqual(one.instance, f"luna:{b.short}")

    def test_receipts_are_of_the_device_that_sent(self):
        a, b = self.pair()
        c = Device(self, 5.0)
        c.join("luna")
        self.meet(a, b, c)
        to = f"luna:{b.short}"
        sent, other = a.say("from a", [to]), 0
        while other < sent:
            other = c.say("from c", [to])
        self.assertEqual(other, sent)
        b.take(c.push())
        b.read("luna")
        pushed = b.push()
        a.take(pushed)
        c.take(pushed)
        self.assertEqual((a.receipts(sent)[to], c.receipts(sent)[to]), ("queued", "seen"))

    def test_nothing_here_is_woken_for_who_is_there(self):
        a, b = self.pair()
        to = f"luna:{b.short}"
        agents.set_status(a.db, to, "listening", "listen", "", a.now)
        sent = talk.send(a.db, Sender("ci", EXTERNAL), f"@{to} x", f"@{to}", Envelope(), a.now)
        self.assertEqual((sent.to, sent.deaf, sent.unwoken), ([to], [], []))
        a.push()
        talk.send(a.db, Sender("ci", EXTERNAL), f"@{to} y", f"@{to}", Envelope(), a.now)
        self.assertEqual(a.receipts(sent.id), {to: "relayed"})  # no process had it and died of it
        self.assertEqual(os.listdir(a.home.run("mail")), [])
        self.assertEqual(deliveries.restless(a.db), [])
        there = ops_agents.one(a.db, to, a.now)
        self.assertEqual((there.agent.status, there.unread), ("listening", 1))

    def test_an_address_that_nobody_has_is_refused(self):
        a, b = self.pair()
        for wrong in (f"nova:{b.short}", "luna:XXXX", f"lun:{b.short}"):
            with self.subTest(wrong), self.assertRaises(UnknownAgent) as raised:
                a.say("x", [wrong])
            self.assertIn(f"no agent @{wrong}", str(raised.exception))
        self.assertIn(f"@luna:{b.short}", raised.exception.hint)
        a.say("to myself", [f"luna:{a.short}"], who="ci")
        self.assertEqual(a.texts("luna"), ["to myself"])
        for wrong in ("7:XXXX", f"99:{b.short}"):
            with self.subTest(wrong), self.assertRaises(HcomError):
                a.say("x", reply_to=wrong)

    def test_the_person_of_another_device_never_stands_bare(self):
        a, b = self.pair()
        b.say("from the desk", [f"luna:{a.short}"], who=BIGBOSS)
        a.take(b.push())
        (frame,) = a.read("luna")
        self.assertIn(f"from bigboss:{b.short} (the person there)]", frame)
        a.say("yes", [f"bigboss:{b.short}"])
        b.take(a.push())
        self.assertEqual(b.texts(BIGBOSS), ["yes"])
        self.assertEqual(a.texts(BIGBOSS), [])

    def test_a_tag_is_of_one_device(self):
        a, b = self.pair()
        b.join("kira", tag="dev")
        a.join("nova", tag="dev")
        self.meet(a, b)
        a.say("here", ["dev"])
        a.say("there", [f"dev:{b.short}"])
        b.take(a.push())
        self.assertEqual((a.texts("nova"), b.texts("kira")), (["here"], ["there"]))

    def test_who_came_after_one_of_that_name_does_not_get_its_mail(self):
        a, b = self.pair()
        sent = a.say("for the first", [f"luna:{b.short}"])
        with transaction(b.db):
            agents.remove(b.db, "luna")
        b.join("luna")
        b.take(a.push())
        self.assertEqual(b.read("luna"), [])
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {f"luna:{b.short}": "undeliverable"})

    def test_a_request_that_is_left_unanswered_there_is_told_of(self):
        a, b = self.pair()

        def idle() -> None:
            events.append_status(b.db, "luna", "listening", "stop", "", b.now)

        def silent() -> list:
            return subscriptions._silences(a.db, 0, events.last_id(a.db), a.now)

        sent = a.say("how long", [f"luna:{b.short}"], intent="request")
        idle()
        b.take(a.push())
        idle()
        a.take(b.push())
        self.assertEqual(silent(), [])  # it had not read it yet
        b.read("luna")
        idle()
        a.take(b.push())
        idle()
        a.take(b.push())
        (found,) = silent()
        self.assertEqual((found.request, found.target), (sent, f"luna:{b.short}"))
        b.say("an hour", reply_to=f"{sent}:{a.short}")
        a.take(b.push())
        self.assertEqual(silent(), [])

    def test_who_is_named_by_an_event_is_of_its_device(self):
        a, b = self.pair()
        b.join("kira", by="luna")
        b.say("x", ["kira"])
        b.read("kira")
        a.take(b.push())
        told = [e.data for e in events.latest(a.db, 9) if e.instance == f"kira:{b.short}"]
        self.assertEqual(told[0]["by"], f"luna:{b.short}")
        self.assertEqual(told[-1]["context"], f"deliver:luna:{b.short}")

    def test_filters_and_texts(self):
        a, b = self.pair()
        b.say("long", [f"luna:{a.short}"])
        a.take(b.push())
        there, wanted = f"luna:{b.short}", lambda text: look.where(a.db, text, {}, 1.0)
        self.assertEqual(wanted(f"idle:{there}").label, f"idle:{there}")
        self.assertEqual(wanted(f'cmd:{there}:"git"').label, f'cmd:{there}:"git"')
        self.assertEqual(wanted("cmd:luna:make").label, 'cmd:luna:"make"')
        self.assertEqual(wanted("cmd:luna:make:all").label, 'cmd:luna:"make:all"')
        one = events.latest(a.db, 1)[0]
        for reference in (str(one.id), f"{one.data['origin']}:{b.short.lower()}"):
            self.assertEqual(look.text(a.db, reference), "long")
        with self.assertRaises(HcomError):
            look.text(a.db, f"99:{b.short}")

    def test_nobody_here_is_who_is_there(self):
        a, b = self.pair()
        there = f"luna:{b.short}"
        for act in (
            lambda: people.known(a.db, there),
            lambda: people.speaker(a.db, Caller(), there),
            lambda: people.reclaim(a.db, there, Caller(), 1.0),
            lambda: ops_agents.again(a.db, there, False),
            lambda: transcripts.of(a.db, there).__enter__(),
        ):
            with self.assertRaises(HcomError) as raised:
                act()
            self.assertIn("is on another device", str(raised.exception))
        self.assertEqual(ops_agents.one(a.db, there, a.now).agent.device, b.id)
        self.assertEqual(ops_agents.chosen(a.db, ["all"], a.now)[0].name, "luna")
        self.assertEqual(len(ops_agents.chosen(a.db, ["all"], a.now)), 1)


class Wire(Devices):
    def test_doubled_and_reordered_batches_come_once(self):
        a, b = self.pair()
        for number in range(60):
            a.say(str(number), [f"luna:{b.short}"])
        pieces = []
        for since in range(0, 80, 7):
            pieces.append(a.push(since, 11))
        pieces *= 2
        random.Random(7).shuffle(pieces)
        for piece in pieces:
            random.Random(8).shuffle(piece[a.id]["events"])
            b.take(piece)
        got = b.texts("luna")
        self.assertEqual(Counter(got), Counter(str(n) for n in range(60)))

    def test_nothing_that_was_imported_goes_out_again(self):
        a, b = self.pair()
        a.say("x", [f"luna:{b.short}"])
        b.take(a.push())
        with transaction(b.db):
            mail.notify(b.db, ["luna"], "a notice", b.now)
        out = b.push()[b.id]["events"]
        told = [one["event"] for one in out]
        self.assertEqual([e["instance"] for e in told if ":" in e["instance"]], [])
        self.assertNotIn("message", [e["type"] for e in told])
        self.assertEqual([one["seq"] for one in out], list(range(1, len(out) + 1)))

    def test_a_reset_loses_nothing_and_doubles_nothing(self):
        a, b = self.pair()
        early = a.say("before, pushed", [f"luna:{b.short}"])
        pushed = a.push()
        late = a.say("before, not pushed", [f"luna:{b.short}"])
        devices.number(a.db, a.now)  # numbered, and then no relay was there
        b.say("to a", [f"luna:{a.short}"])
        a.take(to_a := b.push())
        b.take(pushed)
        a.db.connection.close()
        archive.reset(a.home, a.now, {"luna"})
        a.open(self)
        self.assertIn(f"luna:{b.short}", a.names())
        a.say("after", [f"luna:{b.short}"])
        a.take(to_a)
        b.take(a.push())
        b.take(pushed)
        self.assertEqual(b.texts("luna"), ["before, pushed", "before, not pushed", "after"])
        self.assertEqual(a.texts("luna"), ["to a"])
        a.take(b.push())
        there = f"luna:{b.short}"
        self.assertEqual([a.receipts(e) for e in (early, late)], [{there: "seen"}] * 2)

    def test_who_goes_on_over_a_reset_has_its_receipts_told(self):
        a, b = self.pair()
        sent = a.say("x", [f"luna:{b.short}"])
        b.take(a.push())
        b.db.connection.close()
        archive.reset(b.home, b.now, {"luna"})
        b.open(self)
        self.assertEqual(b.texts("luna"), ["x"])
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {f"luna:{b.short}": "seen"})

    def test_what_became_of_a_message_is_told_after_a_reset(self):
        for became, stays in (("seen", True), ("seen", False), ("undeliverable", False)):
            with self.subTest(became, stays=stays):
                a, b = self.pair()
                to = f"luna:{b.short}"
                sent = a.say("x", [to])
                b.take(a.push())
                a.take(b.push())
                self.assertEqual(a.receipts(sent), {to: "arrived"})
                if became == "seen":
                    b.read("luna")
                if not stays:
                    b.leave("luna")
                b.db.connection.close()
                archive.reset(b.home, b.now, {"luna"} if stays else ())
                b.open(self)
                a.take(b.push())
                self.assertEqual(a.receipts(sent), {to: became})

    def test_a_receipt_that_was_lost_comes_again(self):
        for lost in ("renewed", "silent", "gone"):
            with self.subTest(lost):
                a, b = self.pair()
                to = f"luna:{b.short}"
                sent = a.say("x", [to])
                b.take(a.push())
                with transaction(b.db):
                    ids = mail.lease(b.db, agents.find(b.db, "luna"), Into(), 0, b.now).ids
                mail.delivered(b.db, "luna", ids, b.now)
                a.take(b.push())
                self.assertEqual(a.receipts(sent), {to: "delivered"})
                with transaction(b.db):
                    mail.settle(b.db, "luna", ids, ())
                b.push()  # and nobody hears it
                if lost == "silent":
                    b.db.execute("DELETE FROM outgoing")  # as of what is too old
                    a.clock += 600
                elif lost == "renewed":
                    devices.renew(b.db)
                else:  # all that it knew
                    b = Device(self, b.clock, b.id)
                    b.join("luna")
                a.take(b.push())
                b.take(a.push())
                self.assertEqual(b.texts("luna"), [])
                a.take(b.push())
                became = "undeliverable" if lost == "gone" else "seen"
                self.assertEqual(a.receipts(sent), {to: became})
                told = len(a.push()[a.id]["events"])
                a.take(b.push())
                self.assertEqual(len(a.push()[a.id]["events"]), told)  # and no more

    def test_a_copied_database_is_another_device_that_counts_anew(self):
        a, b = self.pair()
        a.say("old", [f"luna:{b.short}"])
        b.take(a.push())
        a.say("unpushed", [f"luna:{b.short}"])
        keep(a.home.kept(devices.FILE), "another")
        before = stored.own(a.db)
        self.assertEqual((devices.begin(a.db).id, before.id), ("another", a.id))
        self.assertNotEqual(stored.own(a.db).epoch, before.epoch)
        a.id = "another"
        b.take(a.push())
        self.assertEqual(b.texts("luna"), ["old", "unpushed"])

    def test_clocks_are_not_believed(self):
        a, b = self.pair()
        a.clock, b.clock = 3e9, 1e9
        b.take(a.push())
        (known,) = stored.every(b.db)
        self.assertLess(abs(known.heard_at - b.clock), 5)
        luna = agents.find(b.db, f"luna:{a.short}")
        self.assertLess(luna.status_at, b.clock)
        self.assertLess(max(e.timestamp for e in events.latest(b.db, 9)), "2034")

    def test_a_device_that_is_not_heard_says_nothing_of_now(self):
        a, b = self.pair()
        there, at = f"luna:{b.short}", a.clock
        self.assertNotEqual(ops_agents.one(a.db, there, at + 60).agent.context, "not heard")
        found = ops_agents.one(a.db, there, at + 600).agent
        self.assertEqual((found.status, found.context), ("inactive", "not heard"))
        self.assertLess(abs(found.status_at - at), 5)
        silent = rules.news({b.id: {"age_ms": 500_000}}, b"", "", Counter())
        hearing.take(a.db, b.id, silent, at)  # as the server says
        self.assertEqual(ops_agents.one(a.db, there, at).agent.context, "not heard")

    def test_an_older_state_changes_nothing(self):
        a, b = self.pair()
        old = a.push()
        a.join("nova")
        new = a.push()
        b.take(new)
        b.take(old)
        self.assertIn(f"nova:{a.short}", b.names())
        a.leave("nova")
        b.take(a.push())
        b.take(new)
        self.assertEqual(b.names(), {"luna", f"luna:{a.short}"})
        devices.renew(a.db)
        b.take(a.push())
        b.take(new)  # of an epoch that is over
        self.assertEqual(b.names(), {"luna", f"luna:{a.short}"})

    def test_two_devices_with_one_short_id_have_longer_ones(self):
        a, b = self.pair()
        b.say("an old one", [f"luna:{a.short}"])
        a.take(b.push())
        old = events.latest(a.db, 1)[0].data["origin"]
        ids = (f"x{number}" for number in range(10**6))
        alike = next(i for i in ids if remote.letters(i).startswith(b.short))
        c = Device(self, 9.0, alike)
        c.join("luna")
        to = f"luna:{b.short}"
        sent = a.say("to b", [to])
        self.meet(a, b, c)
        self.assertEqual({d.short[:4] for d in (b, c)}, {b.short})
        longer = {d: f"luna:{remote.labels([b.id, c.id])[d.id]}" for d in (b, c)}
        self.assertEqual(a.names(), {"luna", *longer.values()})
        with self.assertRaises(UnknownAgent) as raised:
            a.say("x", [to])
        self.assertIn(longer[b], raised.exception.hint)
        with self.assertRaises(HcomError) as ambiguous:
            a.say("x", reply_to=f"{old}:{b.short}")
        self.assertIn(f"use {old}:", ambiguous.exception.hint)
        a.say("to c", [longer[c]])
        self.meet(a, b, c)
        self.assertEqual((b.texts("luna"), c.texts("luna")), (["to b"], ["to c"]))
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {longer[b]: "seen"})
        # what a device is called with more letters is an address, too
        self.assertEqual(
            address.mentions(f"x @{longer[b]}, @{to} @luna:please"), [longer[b], to, "luna"]
        )


class Relayed(Devices):
    """Through the room of a relay server, as its clients push and poll."""

    def setUp(self):
        self.room = server.Room(server.Limits())

    def pushed(self, one: Device) -> None:
        ((_, said),) = one.push().items()
        state = {key: said["state"][key] for key in ("epoch", "seq", "state")}
        news = [{"seq": e["seq"], "event": e["event"]} for e in said["events"]]
        for first in range(0, len(news), 3):
            body = json.dumps({**state, "events": news[first : first + 3]}).encode()
            self.room.push(one.id, server.pushed(body), one.clock)

    def polled(self, one: Device, cursor: str = "") -> None:
        _, devices_json = self.room.news(cursor, one.id, one.clock)
        for device, said in json.loads(f"{{{devices_json}}}").items():
            one.take({device: said})

    def test_a_server_that_began_empty_is_filled_again(self):
        a, b = Device(self, 2e9), Device(self, 1e9)
        a.join("luna")
        b.join("luna")
        for _ in range(2):
            for one in (a, b):
                self.pushed(one)
                self.polled(one)
        sent = a.say("one", [f"luna:{b.short}"])
        self.pushed(a)
        self.room = server.Room(server.Limits())  # before b had it
        a.say("two", [f"luna:{b.short}"])
        self.pushed(a)
        for _ in range(2):
            self.polled(b)
        self.room = server.Room(server.Limits())
        self.pushed(a)
        self.polled(b)
        self.assertEqual(b.texts("luna"), ["one", "two"])
        self.pushed(b)
        self.polled(a)
        self.assertEqual(a.receipts(sent), {f"luna:{b.short}": "seen"})

    def busy(self, one: Device, count: int) -> None:
        with transaction(one.db):
            for number in range(count):
                events.append_status(one.db, "luna", "active", f"tool:{number}", "", one.now)

    def held(self, one: Device) -> "list[str]":
        return [
            json.loads(entry.text)["event"]["type"] for entry in self.room.devices[one.id].events
        ]

    def test_who_was_away_is_told_again_what_the_relay_had_no_room_for(self):
        a, b = self.pair()
        sent = a.say("x", [f"luna:{b.short}"])
        for _ in range(4):  # more than a server holds
            self.busy(a, 900)
            self.pushed(a)
        self.polled(b)
        self.assertEqual(b.texts("luna"), [])
        a.clock += 600
        for seen in ("x", ""):  # the second time nobody hears at first that it came
            self.pushed(b)
            self.polled(a)
            self.pushed(a)
            self.polled(b)
            self.assertEqual(b.texts("luna"), [seen] if seen else [])
            said = b.push()
            a.clock += 600
        a.take(said)
        self.assertEqual(a.receipts(sent), {f"luna:{b.short}": "seen"})
        self.busy(a, 2500)
        self.pushed(a)
        self.pushed(a)
        count = a.db.execute("SELECT count(*) FROM outgoing WHERE event_id = ?", (sent,))
        self.assertEqual(count.fetchone()[0], 0)

    def test_a_new_epoch_tells_again_what_did_not_come(self):
        a, b = self.pair()
        came = a.say("came", [f"luna:{b.short}"])
        b.take(a.push())
        a.take(b.push())
        lost = a.say("lost", [f"luna:{b.short}"])
        unsaid = a.say("came, and nobody said so", [f"luna:{b.short}"])
        said = a.push()[a.id]
        (one,) = [each for each in said["events"] if each["event"]["id"] == unsaid]
        b.take({a.id: {"state": None, "events": [one]}})
        devices.renew(a.db)
        told = [e["event"]["id"] for e in a.push()[a.id]["events"] if e["event"]["id"]]
        self.assertEqual(told, [came, lost, unsaid])
        b.take(a.push())
        self.assertEqual(b.texts("luna"), ["came", "came, and nobody said so", "lost"])

    def test_what_is_noted_of_others_is_bounded(self):
        a, b = self.pair()
        late = a.push()
        first = a.say("first", [f"luna:{b.short}"])
        for _ in range(6):
            self.busy(a, 1500)
            self.pushed(a)
            self.polled(b)
        noted = b.db.execute("SELECT count(*) FROM imports").fetchone()[0]
        self.assertLess(noted, stored.FLOOR + 20)
        told = a.db.execute("SELECT count(*) FROM outgoing").fetchone()[0]
        self.assertLess(told, 2 * stored.HELD)
        count = events.last_id(b.db)
        b.take(late)  # of what is below, nothing comes again
        self.assertEqual(events.last_id(b.db), count)
        reply = b.say("to an old one", reply_to=f"{first}:{a.short}")
        self.assertEqual(events.find(b.db, reply).data["delivered_to"], [f"luna:{a.short}"])

    def test_a_relay_that_comes_late_is_told_nothing_of_before(self):
        a, b = self.pair()
        a.say("a secret", ["luna"])
        waiting = a.say("for b", [f"luna:{b.short}"])
        devices.skip(a.db)
        told = [e["event"]["id"] for e in a.push()[a.id]["events"]]
        self.assertIn(waiting, told)
        self.assertNotIn(waiting - 1, told)


class Rules(unittest.TestCase):
    def test_a_device_has_a_name_that_one_can_say(self):
        self.assertRegex(remote.letters("x"), "^([A-Z][AEIOU]){8}$")
        self.assertEqual(remote.labels(["x"]), {"x": remote.letters("x")[:4]})
        some = [f"d{number}" for number in range(300)]
        labels = remote.labels(some)
        self.assertEqual(len({*labels.values()}), len(some))
        self.assertEqual({len(label) for label in labels.values()}, {4, 6})

    def test_references(self):
        for good in ("42", "42:BOXE", "42:BOXEKAFI"):
            self.assertEqual(message.envelope("", good, "").reply_to, good)
        for bad in ("42:", "42:BOX", "x:BOXE", "42:BOXE:BOXE"):
            with self.assertRaises(UsageError):
                message.envelope("", bad, "")
