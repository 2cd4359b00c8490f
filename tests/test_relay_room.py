"""What a relay server holds, without a connection: news in parts, what is too old, too much."""

import json
import unittest

from hcom.relay.server import Limits, Refused, Room, head_of, pushed
from tests.relay import numbers


class Held(unittest.TestCase):
    def push(self, room: Room, device: str, *seqs: int, now: float = 0.0, text: str = "", **more):
        events = [{"seq": n, "event": {"t": text}} for n in seqs]
        body = {"epoch": "e", "seq": 1, "events": events, **more}
        return room.push(device, pushed(json.dumps(body).encode()), now)

    def news(self, room: Room, cursor: str = "", now: float = 0.0):
        cursor, told = room.news(cursor, "", now)
        return cursor, json.loads(f"{{{told}}}")

    def test_news_come_in_parts_and_in_order(self):
        room = Room(Limits(answer_bytes=1000))
        for n in range(1, 21):
            self.push(room, f"d{n % 3}", (n + 2) // 3, text="x" * 100, state={"n": n}, seq=n)
        cursor, seen, parts = "", [], 0
        while True:
            cursor, told = self.news(room, cursor)
            if not told:
                break
            parts += 1
            seen += [(d, e["seq"]) for d, one in told.items() for e in one["events"]]
        self.assertGreater(parts, 2)
        self.assertEqual(sorted(seen), sorted((f"d{n % 3}", (n + 2) // 3) for n in range(1, 21)))

    def test_one_event_larger_than_an_answer_comes(self):
        room = Room(Limits(answer_bytes=10))
        self.push(room, "a", 1, 2, text="x" * 100)
        cursor, told = self.news(room)
        self.assertEqual(numbers({"devices": told}, "a"), [1])
        self.assertEqual(numbers({"devices": self.news(room, cursor)[1]}, "a"), [2])

    def test_a_cursor_that_is_none(self):
        room = Room(Limits())
        self.push(room, "a", 1)
        for cursor in ("", "x", "1", f"{room.boot}.x", "other.1", f"{room.boot}.-1", "\x1b[2J"):
            self.assertTrue(self.news(room, cursor)[1], cursor)
        self.assertFalse(self.news(room, f"{room.boot}.99999")[1])

    def test_retention(self):
        room = Room(Limits(device_events=3, device_bytes=10_000, total_bytes=20_000, keep_s=100))
        self.push(room, "a", 1, 2, 3, 4)
        self.assertEqual(numbers({"devices": self.news(room)[1]}, "a"), [2, 3, 4])
        self.assertEqual(self.push(room, "a"), 4)  # what it has had it has had
        self.push(room, "b", 1, 2, 3, text="x" * 4000, now=50)
        self.assertEqual(numbers({"devices": self.news(room)[1]}, "b"), [2, 3])
        self.push(room, "c", 1, 2, text="x" * 4000, now=50)
        self.push(room, "d", 1, 2, text="x" * 4000, now=50)
        self.assertLessEqual(room.bytes, 20_000)
        self.assertEqual(room.bytes, sum(device.bytes for device in room.devices.values()))
        room.forget(now=120)
        self.assertNotIn("a", room.devices)
        self.assertIn("b", room.devices)
        room.forget(now=200)
        self.assertEqual((room.devices, room.bytes), ({}, 0))

    def test_too_many_devices(self):
        room = Room(Limits(devices=1))
        self.push(room, "a", 1)
        with self.assertRaises(Refused) as raised:
            self.push(room, "b", 1)
        self.assertEqual(raised.exception.status, 429)
        self.push(room, "a", 2)

    def test_few_epochs_are_known(self):
        room = Room(Limits())
        for n in range(20):
            self.push(room, "a", 1, epoch=f"e{n}")
        self.assertEqual(list(room.devices["a"].epochs), ["e16", "e17", "e18", "e19"])

    def test_requests_are_let_through_again_after_a_while(self):
        room = Room(Limits(per_s=2, burst=3))
        for _ in range(3):
            room.allow("a", 0.0)
        with self.assertRaises(Refused) as raised:
            room.allow("a", 0.0)
        self.assertEqual(raised.exception.facts["retry_after"], 1)
        room.allow("b", 0.0)
        room.allow("a", 1.0)

    def test_saved_and_restored(self):
        room = Room(Limits())
        self.push(room, "a", 1, 2, state={"n": 1}, now=10)
        again = Room(Limits())
        again.restore(json.loads(json.dumps(room.saved(20))), 5)
        self.assertNotEqual(again.boot, room.boot)
        was, now = self.news(room, now=20)[1], self.news(again, now=5)[1]
        self.assertEqual(now, was)
        self.assertEqual(self.push(again, "a", 2, 3), 3)

    def test_a_head(self):
        head = head_of(
            b"GET /poll?cursor=a.1&timeout=25 HTTP/1.1\r\nHost: x\r\nAUTHORIZATION:  B c "
        )
        self.assertEqual(head.query, {"cursor": "a.1", "timeout": "25"})
        self.assertEqual(head.headers["authorization"], "B c")


if __name__ == "__main__":
    unittest.main()
