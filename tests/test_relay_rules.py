"""The rules between devices: signatures, short ids, and what is taken of what a device sends."""

import copy
import json
import unittest
from collections import Counter
from itertools import combinations

from hcom.bus import remote
from hcom.bus.message import LIMIT_BYTES
from hcom.relay import rules, wire1
from hcom.relay.rules import EVENT, STATE, Dropped, Key
from hcom.relay.server import Limits, Room, pushed

SECRET, ROOM = b"k" * 32, "room-1"
KEY = Key("dev-a", "e1", 7)
MESSAGE = {
    "id": 42,
    "ts": "2026-11-27T12:00:00.123Z",
    "type": "message",
    "instance": "luna",
    "data": {
        "from": "luna",
        "sender_kind": "instance",
        "text": "hi",
        "intent": "request",
        "reply_to": ["dev-b", 3],
        "to": [["dev-b", "nova"]],
    },
}
STATUS = {
    "id": 1,
    "ts": "2026-11-27T12:00:00Z",
    "type": "status",
    "instance": "luna",
    "data": {"val": "active", "context": "tool:Bash", "detail": "ls"},
}
GONE = object()
INSTANCE = {"enabled", "status", "context", "status_time", *wire1.BLANK}


def changed(event: dict, **changes) -> dict:
    """The event with other fields, of its data where it has them there; GONE takes one away."""
    event = copy.deepcopy(event)
    for name, value in changes.items():
        place = event if name in event else event["data"]
        place[name] = value
        if value is GONE:
            del place[name]
    return event


class Signatures(unittest.TestCase):
    def test_canonical(self):
        self.assertEqual(
            rules.canonical({"b": [1, 1.5, None], "a": "ä\ud800\n"}),
            b'{"a":"\\u00e4\\ud800\\n","b":[1,1.5,null]}',
        )
        with self.assertRaises(ValueError):
            rules.canonical(float("nan"))

    def test_each_part_is_signed(self):
        every = [
            (SECRET, ROOM, EVENT, KEY, {"a": 1}),
            (b"other", ROOM, EVENT, KEY, {"a": 1}),
            (SECRET, "room-2", EVENT, KEY, {"a": 1}),
            (SECRET, ROOM, STATE, KEY, {"a": 1}),
            (SECRET, ROOM, EVENT, KEY._replace(device="dev-b"), {"a": 1}),
            (SECRET, ROOM, EVENT, KEY._replace(epoch="e2"), {"a": 1}),
            (SECRET, ROOM, EVENT, KEY._replace(seq=8), {"a": 1}),
            (SECRET, ROOM, EVENT, KEY, {"a": 2}),
            (SECRET, ROOM, EVENT, KEY, {"a": "1"}),
        ]
        for one, two in combinations(every, 2):
            self.assertNotEqual(rules.signature(*one), rules.signature(*two))
            with self.assertRaises(Dropped):
                rules.verify(*one, rules.signature(*two))
        for one in every:
            rules.verify(*one, rules.signature(*one))

    def test_what_is_no_signature(self):
        for mac in (None, 7, "", "é" * 64, "0" * 64, []):
            with self.subTest(mac=mac), self.assertRaises(Dropped):
                rules.verify(SECRET, ROOM, EVENT, KEY, {}, mac)
        rules.verify(b"", ROOM, EVENT, KEY, {}, None)  # an unsigned room

    def test_it_holds_through_the_server(self):
        value = {"t": "ä\ud800\x1b", "n": [1.0, 1e22, -0.0, 0.1, 2**53 - 1], "o": {"b": 1, "a": {}}}
        mac = rules.signature(SECRET, ROOM, EVENT, KEY, value)
        body = {"epoch": "e1", "seq": 1, "first": 7}
        body["events"] = [{"seq": 7, "event": value, "mac": mac}]
        room = Room(Limits())
        room.push("dev-a", pushed(json.dumps(body).encode()), 0)
        got = json.loads("{" + room.news("", "", 0)[1] + "}")["dev-a"]["events"][0]
        rules.verify(SECRET, ROOM, EVENT, KEY, got["event"], got["mac"])


class Taken(unittest.TestCase):
    def test_what_is_right(self):
        got = rules.event(KEY, MESSAGE)
        self.assertEqual((got.key, got.id, got.instance), (KEY, 42, "luna"))
        self.assertEqual(
            got.data,
            {
                "from": "luna",
                "tag": "",
                "sender_kind": "instance",
                "text": "hi",
                "intent": "request",
                "thread": "",
                "reply_to": ("dev-b", 3),
                "all": False,
                "to": (("dev-b", "nova", ""),),
            },
        )
        self.assertEqual(rules.event(KEY, STATUS).data["val"], "active")
        self.assertEqual(rules.event(KEY, changed(STATUS, secret=1)).data, STATUS["data"])

    def test_what_is_dropped(self):
        for reason, event in (
            ("malformed", None),
            ("malformed", []),
            ("malformed", {}),
            ("type", changed(MESSAGE, type="control")),
            ("type", changed(MESSAGE, type="__class__")),
            ("malformed", changed(MESSAGE, type=["message"])),
            ("malformed", changed(MESSAGE, id=-1)),
            ("malformed", changed(MESSAGE, id=True)),
            ("malformed", changed(MESSAGE, id=1 << 53)),
            ("malformed", changed(MESSAGE, id="42")),
            ("malformed", changed(MESSAGE, ts="now")),
            ("malformed", changed(MESSAGE, ts="2026-11-27T12:00:00Z\n")),
            ("malformed", changed(MESSAGE, instance="../../x")),
            ("malformed", changed(MESSAGE, instance="[hcom]")),
            ("malformed", changed(MESSAGE, instance="luna\x1b[2J")),
            ("malformed", changed(MESSAGE, instance="nova")),  # another than it is from
            ("malformed", changed(MESSAGE, data=7)),
            ("malformed", changed(MESSAGE, text=GONE)),
            ("malformed", changed(MESSAGE, text=" \n")),
            ("malformed", changed(MESSAGE, text=7)),
            ("large", changed(MESSAGE, text="x" * (LIMIT_BYTES + 1))),
            ("malformed", changed(MESSAGE, sender_kind="system")),
            ("malformed", changed(MESSAGE, sender_kind=GONE)),
            ("malformed", changed(MESSAGE, intent="shout")),
            ("malformed", changed(MESSAGE, thread="a b")),
            ("malformed", changed(MESSAGE, thread="a" * 65)),
            ("malformed", changed(MESSAGE, tag="a b")),
            ("malformed", changed(MESSAGE, reply_to=3)),
            ("malformed", changed(MESSAGE, reply_to=["dev-b"])),
            ("malformed", changed(MESSAGE, reply_to=["dev b", 3])),
            ("malformed", changed(MESSAGE, to="nova")),
            ("malformed", changed(MESSAGE, to=["nova"])),
            ("malformed", changed(MESSAGE, to=[["dev-b", "nova", "1.5", "1"]])),
            ("malformed", changed(MESSAGE, to=[["dev-b", "nova", "then"]])),
            ("malformed", changed(MESSAGE, to=[["dev-b", "nova:BOXE"]])),
            ("malformed", changed(MESSAGE, to=[["dev-b", "nova"]] * (rules.TO + 1))),
            ("malformed", changed(MESSAGE, all=1)),
            ("malformed", changed(STATUS, val="dead")),
            ("malformed", changed(STATUS, context=None)),
        ):
            with self.subTest(event=str(event)[:300]), self.assertRaises(Dropped) as raised:
                rules.event(KEY, event)
            self.assertEqual(str(raised.exception), reason)

    def test_texts_are_harmless(self):
        got = rules.event(KEY, changed(MESSAGE, text="a\x1b[2J\r\nb\u202e\ud800\x9b\t"))
        self.assertEqual(got.data["text"], "a\\x1b[2J\nb\\u202e\\ud800\\x9b\t")
        got = rules.event(KEY, changed(STATUS, context="\x1b]0;x\x07", detail="x\ny" * 10_000))
        self.assertEqual(got.data["context"], "\\x1b]0;x\\x07")
        self.assertLessEqual(len(got.data["detail"]), 400)
        self.assertNotIn("\n", got.data["detail"])

    def test_agents_of_a_state(self):
        dropped: Counter[str] = Counter()
        one = {"status": "listening", "tool": "adhoc", "age_s": 3, "tag": "dev", "more": 1}
        agents = {"luna": one, "no va": one, "nova": {"status": "dead"}, "kira": 7}
        self.assertEqual(
            rules.seats({"agents": agents}, dropped),
            [rules.Seat("luna", "dev", "adhoc", "listening", "", "", 3, "")],
        )
        self.assertEqual(dropped["malformed"], 3)
        many = {f"a{n}": one for n in range(rules.AGENTS + 100)}
        self.assertEqual(len(rules.seats({"agents": many}, dropped)), rules.AGENTS)
        self.assertEqual(dropped["many"], 100)
        for state in (None, [], {}, {"agents": []}):
            self.assertEqual(rules.seats(state, dropped), [])


class News(unittest.TestCase):
    def item(self, kind: str, value, seq: int = 7, secret: bytes = SECRET, device: str = "dev-a"):
        key = Key(device, "e1", seq)
        mac = rules.signature(secret, ROOM, kind, key, value)
        return {"epoch": "e1", "seq": seq, kind: value, "mac": mac}

    def test_what_is_signed_is_taken_and_the_rest_counted(self):
        state = {"agents": {"luna": {"status": "active"}}}
        right = self.item(EVENT, MESSAGE)
        devices = {
            "dev-a": {
                "state": self.item(STATE, state, 2),
                "events": [
                    right,
                    {**right, "seq": 8},  # moved
                    self.item(EVENT, MESSAGE, 9, b"other"),
                    {**right, "mac": None},
                    self.item(EVENT, {"type": "x"}, 10),
                    self.item(EVENT, changed(MESSAGE, type="control"), 11),
                    7,
                    None,
                    self.item(EVENT, STATUS, 12),
                ],
            },
            "dev-b": {"state": None, "events": [right]},  # another's, under its own name
            "dev/../c": {"events": [right]},
            "dev-d": 7,
            "dev-e": {"state": self.item(EVENT, state, 2), "events": 7},
        }
        dropped: Counter[str] = Counter()
        found = rules.news(devices, SECRET, ROOM, dropped)
        self.assertEqual([one.key.seq for one in found.events], [7, 12])
        self.assertEqual([key for key, _ in found.states], [Key("dev-a", "e1", 2)])
        self.assertEqual(
            dropped, {"forged": 4, "unsigned": 1, "malformed": 2, "type": 1, "many": 0}
        )
        self.assertEqual(rules.news([], SECRET, ROOM, dropped), ([], [], {}))

    def test_without_a_key_all_that_has_the_form(self):
        devices = {"dev-a": {"events": [{"epoch": "e1", "seq": 1, "event": MESSAGE}]}}
        self.assertEqual(len(rules.news(devices, b"", ROOM, Counter()).events), 1)


class Wire1(unittest.TestCase):
    def test_what_one_pushes_another_polls(self):
        seat = {"tag": "", "tool": "claude", "status": "active", "context": "x", "age_s": 5}
        told = [{"seq": n, "event": e, "mac": None} for n, e in ((7, MESSAGE), (8, STATUS))]
        given = {"epoch": "a1", "state": {"agents": {"luna": seat}}, "events": told}
        body = wire1.pushed("dev-a", given, 100.0)
        instance = body["state"]["instances"]["luna"]
        self.assertEqual((instance["enabled"], instance["status_time"]), (True, 95.0))
        self.assertLess(INSTANCE, set(instance))
        self.assertEqual(body["state"]["short_id"], remote.letters("dev-a")[:4])
        self.assertEqual(set(body["state"]), {"instances", "short_id", "reset_ts"})
        self.assertEqual(set(body["events"][0]), {"id", "ts", "type", "instance", "data"})
        said = {"devices": {"dev-a": json.loads(json.dumps(body))}, "ts": 1}
        dropped: Counter[str] = Counter()
        found = rules.news(wire1.polled(said, 9.0), b"", "", dropped)
        self.assertEqual(+dropped, {})
        keys = [Key("dev-a", "a1", 7), Key("dev-a", "a1", 8)]
        self.assertEqual([one.key for one in found.events], keys)
        self.assertEqual(found.events[0].data["to"], (("dev-b", "nova", ""),))
        ((key, (luna,)),) = found.states
        self.assertEqual((key.seq, luna.tool, luna.status), (9000, "claude", "active"))

    def test_a_message_as_the_page_has_it(self):
        data = {
            "from": "luna",
            "sender_kind": "instance",
            "text": "hi",
            "scope": "broadcast",
            "reply_to": 3,
        }
        said = {
            "devices": {
                "dev-a": {"state": {"reset_ts": 1.5}, "events": [changed(MESSAGE, data=data)]}
            }
        }
        (got,) = rules.news(wire1.polled(said, 1.0), b"", "", Counter()).events
        self.assertEqual((got.data["all"], got.data["reply_to"]), (True, ("dev-a", 3)))
        self.assertEqual((got.key.epoch, got.key.seq), ("1_5", MESSAGE["id"]))

    def test_nonsense(self):
        for said in (
            {},
            {"devices": []},
            {"devices": {"a": 7}},
            {"devices": {"a": {}}},
            {"devices": {"a": {"state": {"instances": 7}, "events": 7}}},
            {"devices": {"a": {"state": {"instances": {"x": 7}}, "events": [7, {}]}}},
            {"devices": {"a": {"state": {"reset_ts": 1}, "events": [{"data": {"epoch": []}}]}}},
        ):
            with self.subTest(said=said):
                found = rules.news(wire1.polled(said, 1.0), b"", "", Counter())
                self.assertEqual(found.events, [])


if __name__ == "__main__":
    unittest.main()
