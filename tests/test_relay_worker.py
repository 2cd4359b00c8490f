"""Workers of several devices and a real server: everything arrives, once, and only what may."""

import json
import threading
import unittest
from collections import Counter

from hcom.relay import rules
from hcom.relay.client import Outbox, Push, Sync
from hcom.relay.link import Link
from hcom.relay.worker import Member, Worker, body_of
from tests.relay import TOKEN, Relay
from tests.waiting import looks

SECRET = b"s" * 32


class Memory:
    """A store that lies in memory."""

    def __init__(self):
        self.epoch, self.events = "e1", []
        self.got: Counter[rules.Key] = Counter()
        self.texts: dict[rules.Key, str] = {}
        self.seats: dict[str, list] = {}
        self.dropped: Counter[str] = Counter()
        self.bell = threading.Event()
        self.over, self.sync, self.looks = False, Sync(), 0

    def say(self, text: str) -> None:
        data = {"from": "luna", "sender_kind": "instance", "text": text, "all": True}
        number = len(self.events) + 1
        event = {"id": number, "ts": "2026-11-27T12:00:00Z", "type": "message"}
        self.events.append({**event, "instance": "luna", "data": data})
        self.bell.set()

    def outbox(self) -> Outbox:
        return Outbox(self.epoch, 1, len(self.events), 1)

    def state(self) -> dict:
        return {"agents": {"luna": {"status": "active"}}}

    def load(self, after: int, limit: int) -> "list[tuple[int, dict]]":
        news = list(enumerate(self.events, 1))[after : after + 5]
        return news if len(json.dumps(news)) <= limit else news[:1]

    def pushed(self, epoch: str, have: int) -> None:
        self.has = epoch, have

    def polled(self, cursor: str) -> None:
        self.cursor = cursor

    def give_up(self, seq: int) -> None:
        event = self.events[seq - 1]
        self.events[seq - 1] = {**event, "data": {**event["data"], "text": "given up"}}

    def caught_up(self) -> None:
        self.looks += 1

    def take(self, device: str, news: rules.News, dropped: "Counter[str]") -> None:
        self.dropped += dropped
        for event in news.events:
            self.got[event.key] = 1  # unique by its key, as a table would have it
            self.texts[event.key] = event.data["text"]
        for key, seats in news.states:
            self.seats[key.device] = seats

    def renew(self) -> None:
        self.epoch += "x"

    def wanted(self, sync: Sync) -> bool:
        self.sync = sync
        return not self.over

    def wait(self, seconds: float) -> None:
        self.bell.wait(seconds)
        self.bell.clear()


class Devices(unittest.TestCase):
    def start(self, port: int = 0) -> Relay:
        relay = Relay("--quiet", port=port)
        self.addCleanup(lambda: (relay.process.kill(), relay.process.communicate()))
        return relay

    def device(self, name: str, url: str, secret: bytes = b"", token: str = TOKEN) -> Memory:
        store = Memory()
        worker = Worker(store, Member(name, "room", secret), lambda: Link(url, token, {}))
        thread = threading.Thread(target=worker.run)
        thread.start()

        def end() -> None:
            store.over = True
            store.bell.set()
            thread.join(40)
            self.assertFalse(thread.is_alive())

        self.addCleanup(end)
        store.worker = worker
        return store

    def until(self, true, what: str, seconds: float = 30) -> None:
        for _ in looks(seconds):
            if true():
                return
        self.fail(f"not within {seconds} s: {what}")

    def test_everything_arrives_also_by_a_server_that_began_empty(self):
        relay = self.start()
        stores = [self.device(f"dev-{n}", relay.url) for n in range(3)]

        def all_there() -> bool:
            return all(
                set(one.got)
                == {
                    rules.Key(f"dev-{n}", "e1", seq)
                    for n, other in enumerate(stores)
                    if other is not one
                    for seq in range(1, len(other.events) + 1)
                }
                for one in stores
            )

        for number, store in enumerate(stores):
            for _ in range(10):
                store.say(f"from {number}")
        self.until(all_there, "all of the first")
        relay.stop()
        for store in stores:
            store.say("while it was away")
        relay = self.start(relay.port)
        for store in stores:
            store.worker.ring()
            store.bell.set()
        self.until(all_there, "all after a restart that lost everything")
        late = self.device("dev-9", relay.url)  # who was never there has all of it
        self.until(lambda: len(late.got) == 33, "everything, from what was filled again")
        self.until(lambda: set(late.seats) == {"dev-0", "dev-1", "dev-2"}, "the states")
        self.assertEqual(sum(map(len, (one.dropped for one in stores))), 0)

    def test_in_a_signed_room_only_who_has_the_key(self):
        relay = self.start()
        one, two = (self.device(name, relay.url, SECRET) for name in ("dev-1", "dev-2"))
        outsider = self.device("dev-3", relay.url)
        forger = self.device("dev-4", relay.url, b"another key")
        for store in (one, outsider, forger):
            store.say("hi")
        self.until(lambda: two.got, "what is signed")
        self.until(lambda: two.dropped["unsigned"] and two.dropped["forged"], "the others counted")
        self.assertEqual({key.device for key in two.got}, {"dev-1"})
        self.assertEqual(set(two.seats), {"dev-1"})
        self.until(lambda: outsider.got, "what comes: without a key one takes it")

    def test_who_writes_in_a_devices_name_makes_it_begin_anew(self):
        for nonsense in (
            {"seq": 1, "first": 99, "events": [{"seq": 99, "event": {}}]},
            {"seq": 2**53 - 1, "state": {}, "events": []},  # no later one would take its place
        ):
            with self.subTest(nonsense):
                relay = self.start()
                relay.ask("POST", "/push/dev-1", json.dumps({"epoch": "e1", **nonsense}))
                one, two = (self.device(name, relay.url, SECRET) for name in ("dev-1", "dev-2"))
                one.say("hi")
                self.until(
                    lambda two=two: rules.Key("dev-1", "e1x", 1) in two.got, "it in a new epoch"
                )
                self.until(lambda two=two: "dev-1" in two.seats, "its state")

    def test_one_that_is_too_large_holds_up_no_other(self):
        relay = self.start()
        one, two = (self.device(name, relay.url) for name in ("dev-1", "dev-2"))
        for text in ("before", "x" * (5 << 20), "behind"):
            one.say(text)
        told = ["before", "behind", "given up"]
        self.until(lambda: sorted(two.texts.values()) == told, "all but that one", 60)
        self.until(lambda: one.sync.limit > 1, "that it is told more at a time again")

    def test_a_wrong_token_is_said_and_waits(self):
        relay = self.start()
        store = self.device("dev-1", relay.url, token="wrong-token-0123456789")
        self.until(lambda: store.sync.push.error and store.sync.poll.error, "both lanes' errors")
        self.assertEqual(store.sync.push.error, "the token is wrong or missing")

    def test_a_push(self):
        push = Push("e1", 3, 2, True, 1, 99)
        body = json.loads(body_of(Member("d", "r", SECRET), push, {"agents": {}}, [(2, {"a": 1})]))
        key = rules.Key("d", "e1", 2)
        mac = rules.signature(SECRET, "r", rules.EVENT, key, {"a": 1})
        self.assertEqual(body["events"], [{"seq": 2, "event": {"a": 1}, "mac": mac}])
        key = rules.Key("d", "e1", 3)
        self.assertEqual(
            body["mac"], rules.signature(SECRET, "r", rules.STATE, key, {"agents": {}})
        )
        self.assertEqual((body["seq"], body["first"]), (3, 2))


if __name__ == "__main__":
    unittest.main()
