"""What a worker does next, against the server's own room: nothing lost, nothing in vain."""

import json
import random
import unittest

from hcom.relay import client
from hcom.relay.client import Answer, Lane, Outbox, Push, Sync
from hcom.relay.server import Limits, Refused, Room, pushed

OUTBOX = Outbox("e1", 1, 3, 1)


class Steps(unittest.TestCase):
    def test_the_first_push_asks_what_there_is(self):
        push = client.next_push(Sync(), OUTBOX, 0)
        self.assertEqual(push, Push("e1", 1, 1, True, -1, client.BATCH_BYTES))
        sync = client.pushed(Sync(), push, 3, Answer(200, {"have": 1, "boot": "b"}), 0, 0)
        self.assertEqual((sync.have, sync.told, sync.boot), (1, 1, "b"))
        push = client.next_push(sync, OUTBOX, 0)
        self.assertEqual((push.with_state, push.after), (False, 1))
        sync = client.pushed(sync, push, 3, Answer(200, {"have": 3, "boot": "b"}), 0, 0)
        self.assertIsNone(client.next_push(sync, OUTBOX, 0))
        self.assertEqual(client.pause(sync, OUTBOX, 10), client.BEAT_S - 10)
        self.assertTrue(client.next_push(sync, OUTBOX, client.BEAT_S).with_state)
        self.assertTrue(client.next_push(sync, OUTBOX._replace(state=2), 0).with_state)
        self.assertEqual(client.next_push(sync, OUTBOX._replace(last=4), 0).after, 3)
        self.assertEqual(client.next_push(sync, OUTBOX._replace(epoch="e2"), 0).after, -1)

    def test_ages_are_asked_for_where_there_is_always_news(self):
        quiet = Answer(200, {"boot": "b", "cursor": "b.1", "devices": {"d": {"events": []}}})
        news = Answer(200, {"boot": "b", "cursor": "b.2", "devices": {"d": {"events": [1]}}})
        sync = client.polled(Sync(), news, 0, 0)
        held = []
        for now in range(10, 200, 10):
            held.append(client.next_poll(sync, now).timeout == client.HOLD_S)
            sync = client.polled(sync, news if held[-1] else quiet, now, 0)
        self.assertEqual([n for n, one in enumerate(held, 1) if not one], [7, 14])

    def test_a_server_that_does_not_hold_polls_is_asked_less_and_less(self):
        quiet, again = {"boot": "b", "cursor": "b.1"}, {"d": {"state": {"x": 1}}}
        said = Answer(200, {**quiet, "devices": again}, is_news=False)
        for answer in (Answer(200, quiet), said):
            sync, waits = Sync(), []
            for _ in range(6):
                before = sync.poll.at
                sync = client.polled(sync, answer._replace(held_s=0.1), before + 0.1, 0)
                waits.append(round(sync.poll.at - before, 2))
            self.assertEqual(waits, [0.5, 1, 2, 4, 4, 4])
            self.assertLess(client.polled(sync, answer._replace(held_s=0.1), 0, 1).poll.at, 2)
        for held, news in (
            (0.1, {"d": {"events": [1]}}),
            (4.0, {}),
            (client.HOLD_S, {}),
            (9.0, again),
        ):
            answer = Answer(200, {**quiet, "devices": news}, held_s=held)
            after = client.polled(sync, answer, 100, 0)
            self.assertEqual((after.poll.at, after.poll.hasty), (100 + client.GAP_S, 0))
        self.assertEqual(client.polled(Sync(), Answer(200, quiet), 0, 0).poll.at, client.GAP_S)

    def test_what_is_gone_here_is_not_missed_there(self):
        sync = Sync("b", "e1", 2, 1)
        push = client.next_push(sync, Outbox("e1", 10, 12, 1), 0)
        self.assertEqual((push.first, push.after), (10, 9))

    def test_failures_wait_longer_each_time_and_never_for_ever(self):
        answer, waits = Answer(0, {"error": "refused"}), []
        sync = Sync("b", "e1", 0, 1)
        for _ in range(9):
            push = client.next_push(sync, OUTBOX, sync.push.at)
            before = sync.push.at
            sync = client.pushed(sync, push, 3, answer, before, 0)
            waits.append(sync.push.at - before)
            self.assertIsNone(client.next_push(sync, OUTBOX, before))
            self.assertEqual(client.pause(sync, OUTBOX, before), waits[-1])
        self.assertEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
        self.assertEqual(sync.push.error, "refused")
        self.assertTrue(client.next_push(client.rung(sync, 5), OUTBOX, 5))
        self.assertEqual(client.polled(Sync(), answer, 0, 1).poll.at, 0.5)

    def test_answers(self):
        sync = Sync("b", "e1", 0, 1)
        push = client.next_push(sync, OUTBOX, 0)
        for answer, wait in (
            (Answer(401, {"error": "token"}), client.REFUSED_S),
            (Answer(429, {}, 17.0), 17),
            (Answer(429, {}, 1e9), 3600),
            (Answer(503, {}), 1),
            (Answer(302, {}), 1),
            (Answer(200, {}), 1),
            (Answer(200, {"have": True, "boot": "b"}), 1),
            (Answer(200, {"have": 1, "boot": 7}), 1),
        ):
            with self.subTest(answer=answer):
                after = client.pushed(sync, push, 3, answer, 0, 0)
                self.assertEqual((after.push.at, after.have), (wait, 0))
                self.assertTrue(after.push.error)
        for answer in (Answer(200, {}), Answer(200, {"cursor": 1, "boot": "b"}), Answer(500, {})):
            after = client.polled(sync, answer, 0, 0)
            self.assertEqual((after.cursor, after.poll.at), ("", 1))

    def test_too_large_is_tried_in_less(self):
        sync = Sync("b", "e1", 0, 1)
        for _ in range(40):
            push = client.next_push(sync, OUTBOX, sync.push.at)
            sync = client.pushed(sync, push, 3, Answer(413, {}), sync.push.at, 0)
        self.assertLessEqual(sync.limit, 1)
        self.assertGreater(sync.push.at, 0)  # one event that is too large: not without a pause

    def test_a_server_that_never_agrees_is_not_asked_without_a_pause(self):
        sync, now = Sync("b", "e1", 3, 1), 0.0
        for _ in range(5):
            sync = client.pushed(
                sync, Push("e1", 1, 1, False, 3, 9), 4, Answer(409, {"have": 0}), now, 0
            )
            now = sync.push.at
        self.assertGreater(now, 5)

    def test_one_that_takes_what_it_does_not_have_is_not_told_it_without_a_pause(self):
        sync, now = (
            client.pushed(
                Sync(),
                Push("e1", 1, 1, True, -1, 9),
                3,
                Answer(200, {"have": 0, "boot": "b"}),
                0,
                0,
            ),
            0.0,
        )
        for _ in range(5):
            push = client.next_push(sync, OUTBOX, now)
            sync = client.pushed(sync, push, 3, Answer(200, {"have": 0, "boot": "b"}), now, 0)
            now = sync.push.at
        self.assertGreater(now, 5)

    def test_who_has_more_than_there_is(self):
        push = client.next_push(Sync(), OUTBOX, 0)
        self.assertTrue(
            client.pushed(Sync(), push, 3, Answer(200, {"have": 9, "boot": "b"}), 0, 0).usurped
        )

    def test_a_poll_that_shows_a_new_server_fills_it_again(self):
        sync = Sync("b", "e1", 3, 1)
        self.assertIsNone(client.next_push(sync, OUTBOX, 0))
        sync = client.polled(sync, Answer(200, {"cursor": "c.1", "boot": "c"}), 0, 0)
        push = client.next_push(sync, OUTBOX, 0)
        self.assertTrue(push.with_state)
        sync = client.pushed(sync, push, 3, Answer(200, {"have": 0, "boot": "c"}), 0, 0)
        self.assertEqual(client.next_push(sync, OUTBOX, 0).after, 0)

    def test_a_push_that_shows_a_new_server_tells_the_state_again(self):
        sync = Sync("b", "e1", 2, 1)
        push = client.next_push(sync, OUTBOX, 0)
        self.assertFalse(push.with_state)
        sync = client.pushed(sync, push, 3, Answer(200, {"have": 3, "boot": "c"}), 0, 0)
        self.assertTrue(client.next_push(sync, OUTBOX, 0).with_state)
        sync = client.pushed(Sync("b", "e1", 2, 1), push, 3, Answer(409, {"have": 1}), 0, 0)
        self.assertEqual((sync.have, sync.told, sync.push.at), (1, -1, 0))

    def test_one_lane_that_works_again_calls_the_other(self):
        failed = Lane(60.0, 5, "x")
        sync = Sync("b", "e1", 0, 1, push=failed, poll=failed)
        answer = Answer(200, {"cursor": "b.1", "boot": "b", "devices": {}})
        self.assertEqual(client.polled(sync, answer, 7, 0).push.at, 7)


class Device:
    """A device with a store of its own, whose requests to a room may be lost on either way."""

    def __init__(self, name: str):
        self.name, self.sync, self.epoch = name, Sync(), "e1"
        self.sent: list[int] = []
        self.got: dict[tuple, int] = {}  # (device, epoch, seq): how often it was stored
        self.late: list[bytes] = []

    def push(self, room: Room, now: float, chance: random.Random) -> None:
        outbox = Outbox(self.epoch, 1, len(self.sent), len(self.sent))
        push = client.next_push(self.sync, outbox, now)
        if not push:
            return
        body: dict = {"epoch": push.epoch, "seq": push.seq, "first": push.first, "events": []}
        if push.with_state:
            body["state"] = {"n": push.seq}
        if push.after >= 0:
            numbers = range(push.after + 1, min(outbox.last, push.after + 3) + 1)
            body["events"] = [{"seq": n, "event": {"n": n}} for n in numbers]
        answer = Answer(0, {"error": "lost"})
        if chance.random() < 0.8:
            raw = json.dumps(body).encode()
            self.late.append(raw)
            answer = self.arrive(room, raw, now)
            if chance.random() < 0.2:
                answer = Answer(0, {"error": "lost on the way back"})
        if self.late and chance.random() < 0.3:  # doubled, and out of order
            self.arrive(room, chance.choice(self.late), now)
        self.sync = client.pushed(self.sync, push, outbox.last, answer, now, chance.random())

    def arrive(self, room: Room, raw: bytes, now: float) -> Answer:
        try:
            return Answer(200, {"have": room.push(self.name, pushed(raw), now), "boot": room.boot})
        except Refused as refused:
            return Answer(refused.status, refused.facts)

    def poll(self, room: Room, now: float, chance: random.Random) -> None:
        poll = client.next_poll(self.sync, now)
        if not poll:
            return
        answer = Answer(0, {"error": "lost"})
        if chance.random() < 0.8:
            cursor, told = room.news(poll.cursor, self.name, now)
            said = {"cursor": cursor, "boot": room.boot, "devices": json.loads(f"{{{told}}}")}
            for device, one in said["devices"].items():
                for event in one["events"]:
                    key = (device, event["epoch"], event["seq"])
                    self.got[key] = event["event"]["n"]
            answer = Answer(200, said)
        self.sync = client.polled(self.sync, answer, now, chance.random())


class World(unittest.TestCase):
    """Devices, a bad network and a server that is restarted empty: all has arrived in the end."""

    def test_nothing_is_lost(self):
        for seed in range(30):
            with self.subTest(seed=seed):
                self.run_one(random.Random(seed))

    def run_one(self, chance: random.Random) -> None:
        room = Room(Limits(answer_bytes=300))
        devices = [Device(f"d{n}") for n in range(3)]
        now = 0.0
        for step in range(600):
            now += chance.random() * 3
            if step < 300 and chance.random() < 0.02:
                room = Room(room.limits)
            for device in devices:
                if step < 300 and chance.random() < 0.3:
                    device.sent.append(len(device.sent) + 1)
                if step == 200 and device.name == "d0":
                    device.epoch = "e2"  # it was reset
                    first = {("d0", "e1", n) for n in device.sent}
                    device.sent = []
                device.push(room, now, chance)
                device.poll(room, now, chance)
        for device in devices:
            wanted = {
                (other.name, other.epoch, n): n
                for other in devices
                if other is not device
                for n in other.sent
            }
            got = {key: n for key, n in device.got.items() if key not in first}
            self.assertEqual(got, wanted)


if __name__ == "__main__":
    unittest.main()
