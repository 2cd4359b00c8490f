"""Devices that do not come back, and those that do."""

import json
import sys
import time
import unittest
from collections import Counter

from hcom.bus.agent import BIGBOSS
from hcom.errors import HcomError, UnknownAgent
from hcom.home import locate
from hcom.hub import devices, hearing, mail, people, retirement
from hcom.ops import relay
from hcom.relay import rules
from hcom.store import agents, deliveries
from hcom.store import devices as stored
from hcom.store.connect import open_db, transaction
from hcom.store.deliveries import Into
from tests.devices import Device, Devices
from tests.relay import TOKEN, Relay
from tests.sealed import Home

WEEK_S = 7 * 86_400


def still(device: Device, age_s: float) -> rules.News:
    """A relay's answer without news: how long ago it heard the device."""
    return rules.news({device.id: {"age_ms": int(age_s * 1000)}}, b"", "", Counter())


class Forgotten(Devices):
    def test_it_is_neither_listed_nor_addressed_and_its_mail_is_undeliverable(self):
        a, b = self.pair()
        there = f"luna:{b.short}"
        sent = [a.say("direct", [there]), a.say("to all"), a.say("x", [f"{BIGBOSS}:{b.short}"])]
        a.push()
        a.say("not pushed", [there])
        a.clock += WEEK_S - 100
        devices.forget_silent(a.db, a.now)
        self.assertIn(there, a.names())
        a.clock += 200
        devices.forget_silent(a.db, a.now)
        self.assertEqual(a.names(), {"luna"})
        for one in sent:
            self.assertEqual({*a.receipts(one).values()}, {"undeliverable"})
        self.assertEqual(a.receipts(a.say("to whom?", who="ci")), {"luna": "queued"})
        for wrong in (there, f"{BIGBOSS}:{b.short}", f"hcom:{b.short}"):
            with self.assertRaises(UnknownAgent):
                a.say("x", [wrong])
        self.assertEqual(devices.others(a.db), [])

    def test_one_that_comes_back_has_all_that_it_was_owed_once(self):
        a, b = self.pair()
        there = f"luna:{b.short}"
        texts = ("had, and never said so", "lost", "never pushed")
        had = a.say(texts[0], [there])
        b.take(a.push())
        lost = a.say(texts[1], [there])
        a.push()
        never = a.say(texts[2], [there])
        a.clock += WEEK_S + 1
        devices.forget_silent(a.db, a.now)
        a.db.execute("DELETE FROM outgoing")  # as of what is too old
        hearing.take(a.db, b.id, still(b, WEEK_S), a.now)  # the relay still knows of it
        self.assertEqual(a.names(), {"luna"})
        a.take(b.push())
        self.assertEqual(a.names(), {"luna", there})
        self.assertEqual(a.receipts(never), {there: "queued"})
        for _ in range(2):
            b.take(a.push())
            a.take(b.push())
        self.assertEqual(b.texts("luna"), list(texts))
        a.take(b.push())
        self.assertEqual([a.receipts(n) for n in (had, lost, never)], [{there: "seen"}] * 3)
        told = len(a.push()[a.id]["events"])
        a.take(b.push())
        self.assertEqual(len(a.push()[a.id]["events"]), told)

    def test_what_it_refused_stays_refused(self):
        a, b = self.pair()
        kira = b.join("kira")
        self.meet(a, b)
        sent = a.say("x", [f"kira:{b.short}"])
        b.leave("kira")
        b.take(a.push())
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {f"kira:{b.short}": "undeliverable"})
        a.clock += WEEK_S + 1
        devices.forget_silent(a.db, a.now)
        for _ in range(2):
            a.take(b.push())
            b.take(a.push())
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {f"kira:{b.short}": "undeliverable"})
        self.assertEqual(b.read(kira.name), [])

    def test_the_forgotten_make_room(self):
        a = Device(self, 2e9)
        for number in range(hearing.DEVICES + 1):
            hearing.take(a.db, f"d{number}", rules.News(), a.now)
        self.assertEqual(len(devices.others(a.db)), hearing.DEVICES)
        devices.forget(a.db, devices.others(a.db)[0], a.now)
        hearing.take(a.db, "new", rules.News(), a.now)
        self.assertIn("new", [one.id for one in devices.others(a.db)])
        self.assertEqual(len({one.label for one in stored.every(a.db)}), hearing.DEVICES + 1)

    def test_a_clock_that_was_set_back_shuts_nobody_out(self):
        a, b = self.pair()
        devices.forget(a.db, devices.others(a.db)[0], a.clock + 9e6)
        a.take(b.push())
        self.assertIn(f"luna:{b.short}", a.names())

    def test_at_once(self):
        a, b = self.pair()
        with self.assertRaises(HcomError) as raised:
            relay.forget(a.home, "nope", a.now)
        self.assertIn("no device 'nope'", str(raised.exception))
        with self.assertRaises(HcomError) as raised:
            relay.forget(a.home, b.short, a.now)
        self.assertIn(f"{b.short} is there, heard ", str(raised.exception))
        a.clock += stored.UNHEARD_S
        relay.forget(a.home, b.short.lower(), a.now)
        self.assertEqual(a.names(), {"luna"})


class TooLarge(Devices):
    def test_what_no_relay_takes_is_undeliverable_and_nothing_told(self):
        a, b = self.pair()
        there = f"luna:{b.short}"
        first, sent = a.say("x", [there]), a.say("far too much", ["luna", there], who="ci")
        (seq,) = [e["seq"] for e in a.push()[a.id]["events"] if e["event"]["id"] == sent]
        devices.give_up(a.db, seq)
        self.assertEqual(a.receipts(sent), {"luna": "queued", there: "undeliverable"})
        told = a.push()
        self.assertNotIn("far too much", json.dumps(told))
        b.take(told)
        self.assertEqual((b.texts("luna"), a.receipts(first)), (["x"], {there: "relayed"}))


class Own(Devices):
    def test_what_is_kept_of_it_is_read_once(self):
        a = Device(self, 2e9)
        path, opened = a.home.kept(devices.FILE), []
        wanted = [path]
        sys.addaudithook(
            lambda what, given: opened.extend(w for w in wanted if (what, w) == ("open", given[0]))
        )
        devices.begin(a.db)
        wanted.clear()
        self.assertEqual(opened, [path])


class Revived(Devices):
    """Who was gone when a message came, or went with it, is back on its device."""

    def back(self, b: Device) -> None:
        with transaction(b.db):
            people.back(b.db, agents.find(b.db, "luna"))
            agents.met(b.db, "luna", "", "", 0, "", {})

    def undeliverable(self, a: Device, b: Device, sent: int) -> None:
        a.take(b.push())
        self.assertEqual(a.receipts(sent), {f"luna:{b.short}": "undeliverable"})

    def seen(self, a: Device, b: Device, sent: int) -> None:
        """It is, once, and no step of that is a surprise."""
        there, before = f"luna:{b.short}", b.push()
        a.take(before)
        self.assertEqual(a.receipts(sent), {there: "arrived"})
        self.assertEqual(b.texts("luna"), ["x"])
        a.take(b.push())
        a.take(before)
        self.assertEqual(a.receipts(sent), {there: "seen"})
        self.assertFalse(b.db.execute("SELECT * FROM receipts").fetchall())

    def test_one_that_has_retired_with_it(self):
        a, b = self.pair()
        sent = a.say("x", [f"luna:{b.short}"])
        b.take(a.push())
        agents.end_session(b.db, "luna", "exit:x", b.now)
        b.clock += WEEK_S + 1
        with transaction(b.db):
            retirement.retire(b.db, b.now)
        self.undeliverable(a, b, sent)
        self.back(b)
        self.seen(a, b, sent)

    def test_one_that_had_left_before_it_came(self):
        a, b = self.pair()
        sent = a.say("x", [f"luna:{b.short}"])
        b.leave("luna")
        taken = b.take(a.push())
        self.assertEqual((taken.mail, taken.wakes), ([], []))
        self.undeliverable(a, b, sent)
        self.back(b)
        self.seen(a, b, sent)

    def test_a_word_that_comes_late_revives_nothing(self):
        a, b = self.pair()
        sent = a.say("x", [f"luna:{b.short}"])
        b.take(a.push())
        with transaction(b.db):
            ids = mail.lease(b.db, agents.find(b.db, "luna"), Into(), 0, b.now).ids
        mail.delivered(b.db, "luna", ids, b.now)
        late = b.push()[b.id]
        with transaction(b.db):
            deliveries.retire(b.db, "luna")
        gone = b.push()[b.id]
        a.take({b.id: {**gone, "events": gone["events"][len(late["events"]) :]}})
        a.take({b.id: late})
        self.undeliverable(a, b, sent)


class Command(unittest.TestCase):
    def test_words(self):
        home = Home()
        self.addCleanup(home.remove)
        home.said("config", "relay", "http://127.0.0.1:9")
        self.assertIn("forget which device?", home.run("relay", "forget").stderr)
        done = home.run("relay", "forget", "BOXE")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no device 'BOXE' (hcom relay)", done.stderr)
        inside = home.run("relay", "forget", "BOXE", env={"GEMINI_CLI": "1"})
        self.assertIn("an agent may not", inside.stderr)

    def test_who_knows_all_that_the_relay_has_forgets_who_is_silent(self):
        server, home = Relay("--quiet"), Home()
        self.addCleanup(lambda: (server.process.kill(), server.process.communicate()))
        self.addCleanup(home.remove)
        home.said("config", "relay", server.url)
        home.said("config", "relay_token", "-", stdin=TOKEN)
        now = time.time()
        with open_db(locate({**home.env, "HCOM_DIR": home.hcom_dir})) as db:
            hearing.take(db, "long-gone", rules.News(), now - WEEK_S - 60)
            hearing.take(db, "away", rules.News(), now - WEEK_S + 600)

        def known() -> "list[str]":
            return [one["id"] for one in json.loads(home.run("relay", "--json").stdout)["devices"]]

        home.said("relay", "off")
        self.assertEqual(len(known()), 2)
        home.said("relay", "on")
        home.said("relay", "pull")
        self.assertEqual(known(), ["away"])


if __name__ == "__main__":
    unittest.main()
