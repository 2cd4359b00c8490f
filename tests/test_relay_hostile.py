"""A relay, or a device of its room, that means harm; and who means harm to a server."""

import contextlib
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections import Counter
from collections.abc import Callable

from hcom.hub import hearing
from hcom.ops import orders
from hcom.relay import client, link, rules, worker
from hcom.relay.client import Answer, Outbox, Sync
from hcom.relay.link import Link
from hcom.store import devices as stored
from hcom.store import events
from tests.devices import EVIL, Device, Devices
from tests.relay import ROOT, TOKEN, Relay, certificate
from tests.test_relay_worker import Memory

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WAIT_S = 200


class Bad:
    """A server that does with each connection what it is made to, once something was asked."""

    def __init__(self, act: Callable[[socket.socket], None]):
        self.act, self.seen = act, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.one, args=self.socket.accept(), daemon=True).start()

    def one(self, connection: socket.socket, _address) -> None:
        with connection, contextlib.suppress(OSError):
            self.seen.append(connection.recv(65536))
            self.act(connection)

    def close(self) -> None:
        self.socket.close()


def saying(*parts: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(b"".join(parts))


def dripping(head: bytes, each: bytes, pause_s: float) -> Callable[[socket.socket], None]:
    """The head, and then the same without end, as long as somebody listens."""

    def act(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(each)
            time.sleep(pause_s)

    return act


class Answers(unittest.TestCase):
    def asked(self, act, timeout: float = 90.0) -> Answer:
        """What the link makes of it, and that it ever does."""
        server, found = Bad(act), []
        self.addCleanup(server.close)
        one = Link(server.url, TOKEN, {})
        ask = threading.Thread(
            target=lambda: found.append(one.ask("GET", "/version", None, timeout)), daemon=True
        )
        ask.start()
        ask.join(WAIT_S)
        self.assertTrue(found, "it waits for ever, or came to an end that nobody expects")
        return found[0]

    def test_who_drips_is_given_up(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        for name, act in {
            "body": dripping(OK + b"Content-Length: 9999\r\n\r\n", b"x", 0.1),
            "head": dripping(OK, b"X", 0.1),
            "status": dripping(b"", b"H", 0.1),
            "interim": dripping(b"", interim, 0.1),
            "interim at once": dripping(b"", interim * 1000, 0),
            "trailers": dripping(CHUNKS + b"0\r\n", b"X: y\r\n" * 100, 0),
        }.items():
            with self.subTest(name):
                done = self.asked(act, 0.3)
                self.assertEqual((done.status, done.said), (0, {"error": "no answer"}))

    def test_what_never_ends_is_too_large(self):
        much = b" " * 65536
        for name, act in {
            "body": dripping(OK + b"\r\n", much, 0),
            "length": dripping(OK + b"Content-Length: 99999999999999\r\n\r\n", much, 0),
            "chunks": dripping(CHUNKS, b"10000\r\n" + much + b"\r\n", 0),
            "a chunk of all": dripping(CHUNKS + b"-1\r\n", much, 0),
            "a chunk": dripping(CHUNKS + b"f" * 15 + b"\r\n", much, 0),
        }.items():
            with self.subTest(name):
                self.assertEqual(self.asked(act).said["error"], "the server's answer is too large")

    def test_nonsense(self):
        zipped = gzip.compress(b'{"v":2}')
        for name, act in {
            "chunk below nothing": saying(CHUNKS, b"-5\r\n{}"),
            "far below": saying(CHUNKS, b"-", b"f" * 20, b"\r\n{}"),
            "gzip": saying(OK, b"Content-Encoding: gzip\r\n\r\n", zipped),
            "digits": saying(OK, b'\r\n{"v":', b"1" * 100_000, b"}"),
            "no head": saying(b"{}"),
            "a thousand headers": saying(OK, b"X: y\r\n" * 1000, b"\r\n{}"),
            "a long header": saying(OK, b"X" * 100_000, b"\r\n\r\n{}"),
            "control": saying(OK, b"\r\n", EVIL.encode()),
        }.items():
            with self.subTest(name):
                done = self.asked(act)
                self.assertEqual(done.status, 0)
                self.assertNotRegex(done.said["error"], "[\x1b\x07\u202e]")

    def test_no_token_goes_where_it_is_sent_on_to(self):
        for status in (301, 302, 303, 307, 308):
            other = Bad(saying(OK, b'\r\n{"v":2}'))
            self.addCleanup(other.close)
            place = f"HTTP/1.1 {status} X\r\nLocation: {other.url}/version\r\n".encode()
            first = Bad(saying(place, b"Content-Length: 0\r\n\r\n"))
            self.addCleanup(first.close)
            for method, body in (("GET", None), ("POST", b"{}")):
                self.assertEqual(
                    Link(first.url, TOKEN, {}).ask(method, "/x", body, 20).status, status
                )
            self.assertEqual((len(first.seen), other.seen), (2, []))

    def test_a_certificate_of_another_name_is_shown_no_token(self):
        place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, place)
        cert, key = certificate(self, place)
        relay = Relay("--tls-cert", cert, "--tls-key", key)
        code = (
            "import sys; from hcom.relay.link import Link; "
            "print(Link(sys.argv[1], sys.argv[2], {}).ask('GET', '/version', None, 30))"
        )
        env = {"SSL_CERT_FILE": cert, "PYTHONPATH": ROOT}
        for host, wanted in (("localhost", "status=200"), ("127.0.0.1", "certificate")):
            argv = [sys.executable, "-c", code, f"https://{host}:{relay.port}", TOKEN]
            self.assertIn(wanted, subprocess.check_output(argv, env=env, text=True))
        self.assertEqual(relay.stop().count("GET version"), 1)


def nowhere() -> Link:
    raise AssertionError("nobody is asked")


class Counting(Memory):
    taken = 0

    def take(self, device: str, news: rules.News, dropped: "Counter[str]") -> None:
        self.taken += 1


class Choking(Memory):
    def take(self, device: str, news: rules.News, dropped: "Counter[str]") -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")


class Lanes(unittest.TestCase):
    """What a server may say of a device, however often."""

    def test_one_that_always_has_more_is_not_told_a_new_epoch_without_a_pause(self):
        sync, now, waits = Sync(), 0.0, []
        for number in range(6):
            outbox = Outbox(f"e{number}", 1, 3, 1)
            push = client.next_push(sync, outbox, now)
            said = Answer(200, {"have": 10**9, "boot": "b"})
            sync = client.pushed(sync, push, outbox.last, said, now, 0)
            self.assertTrue(sync.usurped)
            waits.append(sync.push.at - now)
            now = sync.push.at
        self.assertEqual(waits, [0, 2, 4, 8, 16, 32])
        self.assertFalse(client.pushed(Sync(), push, 3, said, now, 0).push.error)

    def test_a_cursor_that_cannot_be_one_is_not_kept(self):
        for cursor in ("x" * 201, "\ud800", "é", None, 7):
            said = {"cursor": cursor, "boot": "b", "devices": {}}
            self.assertTrue(client.polled(Sync(), Answer(200, said), 0, 0).poll.error)
            store = Memory()
            worker.Worker(store, worker.Member("d"), nowhere)._take(said)
            self.assertFalse(hasattr(store, "cursor"))

    def test_of_devices_without_end_so_many_are_taken(self):
        store = Counting()
        said = {"cursor": "c", "boot": "b", "devices": {f"d{n}": {} for n in range(5000)}}
        worker.Worker(store, worker.Member("d"), nowhere)._take(said)
        self.assertEqual(store.taken, worker.DEVICES)

    def test_what_cannot_be_taken_ends_no_lane(self):
        said = json.dumps({"boot": "b", "cursor": "c", "devices": {"d": {}}}).encode()
        server = Bad(saying(OK, b"\r\n", said))
        self.addCleanup(server.close)
        one = worker.Worker(Choking(), worker.Member("x"), nowhere)
        one._ask(Link(server.url, TOKEN, {}), client.Poll("", 0))
        self.assertIn("cannot take what came: UnicodeEncodeError", one.sync.poll.error)
        self.assertEqual((one.sync.cursor, one.sync.poll.failures), ("", 1))


class Members(Devices):
    def event(self, a: Device, seq: int, name: str, text: str, to) -> dict:
        data = {"from": name, "sender_kind": "external", "text": text, "to": [[a.id, to]]}
        whole = {"id": seq % 10**6, "ts": "9999-99-99T99:99:99Z", "type": "message"}
        return {"epoch": "e", "seq": seq, "event": {**whole, "instance": name, "data": data}}

    def crowd(self, count: int) -> dict:
        seat = {"status": "active", "context": EVIL * 200, "age_s": rules.NUMBER - 1}
        agents = {f"agent{n}": {**seat, "born": "9" * 40} for n in range(count)}
        return {"epoch": "e", "seq": 1, "state": {"agents": agents}}

    def test_numbers_at_the_end_of_all_numbers(self):
        a, _ = self.pair()
        numbers = (1, 2**63, 2**53, 2**53 - 1, -1, 10**400)
        told = [self.event(a, n, "mallory", f"no {n % 1000}", "luna") for n in numbers]
        taken = a.take({"evil": {"state": None, "events": told}})
        self.assertEqual((taken.dropped, len(a.texts("luna"))), (4, 2))
        late = {"state": None, "events": [self.event(a, 3, "mallory", "late", "luna")]}
        self.assertEqual(a.take({"evil": late}).mail, [])  # in that epoch of its own
        self.assertEqual(stored.own(a.db).id, a.id)

    def test_a_crowd_keeps_no_broadcast_from_anybody(self):
        a, b = self.pair()
        for number in range(8):
            a.take({f"evil-{number}": {"state": self.crowd(10_000), "events": []}})
        self.assertEqual(len(a.names()), 2 + 8 * rules.AGENTS)
        a.say("to all of you")
        b.take(a.push())
        self.assertEqual(b.texts("luna"), ["to all of you"])
        self.assertGreaterEqual(rules.TO, (hearing.DEVICES + 1) * rules.AGENTS)

    def test_no_answer_is_answered(self):
        a, _ = self.pair()
        told = [self.event(a, 1, "hcom", "stop luna", "hcom")]
        told += [
            self.event(a, n, "ci", text, "hcom") for n, text in ((2, "stop 'x"), (3, "\ud800"))
        ]
        taken = a.take({"evil": {"state": None, "events": told}})
        self.assertEqual([text for _, _, text in taken.orders], ["stop 'x", "\\ud800"])
        count = events.last_id(a.db)
        for order in taken.orders:
            orders.obey(a.home, {}, *order)
        self.assertEqual(events.last_id(a.db), count)  # nobody of that name is known there


class Servers(unittest.TestCase):
    def test_what_it_cannot_read_is_refused_in_words(self):
        relay = Relay()
        boot = relay.ask("GET", "/version").said["boot"]
        many = "&".join(f"a{n}=1" for n in range(50))
        self.assertEqual(relay.ask("GET", f"/poll?{many}").status, 400)
        for number in ("9" * 5000, "%C2%B2", "-1", "1_0"):
            self.assertEqual(relay.poll(f"{boot}.{number}")["devices"], {})
        self.assertNotIn(" 500 ", relay.stop())

    def test_slow_and_silent_connections_to_tls_hold_up_nobody(self):
        place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, place)
        cert, key = certificate(self, place)
        relay = Relay("--tls-cert", cert, "--tls-key", key)
        self.addCleanup(lambda: (relay.process.kill(), relay.process.communicate()))
        relay.context = link.ssl.create_default_context(cafile=cert)
        begun = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(40)
        for first in (b"", begun, b"\x16", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100) * 20:
            slow = socket.create_connection(("127.0.0.1", relay.port))
            self.addCleanup(slow.close)
            slow.sendall(first)
        self.assertEqual(relay.ask("GET", "/version").status, 200)


if __name__ == "__main__":
    unittest.main()
