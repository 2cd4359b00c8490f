"""The relay server, as its file alone: the wire, what it refuses, who is slow, how it ends."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from hcom.cli.catalog import find
from tests.relay import SERVER, TOKEN, Relay, answer, certificate, numbers
from tests.sealed import Home
from tests.waiting import looks

WORLD = [(1, {"n": 1}), (2, {"n": 2}), (3, {"n": 3})]


class Case(unittest.TestCase):
    def start(self, *argv: str, **more) -> Relay:
        relay = Relay(*argv, **more)
        self.addCleanup(lambda: (relay.process.kill(), relay.process.communicate()))
        return relay

    def folder(self) -> str:
        place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, place, True)
        return place


class Wire(Case):
    def setUp(self):
        self.relay = self.start()

    def test_version(self):
        said = self.relay.ask("GET", "/version").said
        self.assertEqual(said["v"], 2)
        self.assertEqual(set(said), {"v", "boot", "now", "limits"})
        self.assertEqual(said["limits"]["hold_s"], 25)

    def test_push_and_poll(self):
        pushes = self.relay.push("dev-a", WORLD, state={"agents": {}}, mac="f00")
        self.assertEqual((pushes.status, pushes.said["have"]), (200, 3))
        said = self.relay.poll(device="dev-b")
        self.assertEqual(said["boot"], pushes.said["boot"])
        device = said["devices"]["dev-a"]
        self.assertEqual(
            device["state"], {"epoch": "e1", "seq": 1, "state": {"agents": {}}, "mac": "f00"}
        )
        self.assertEqual(
            device["events"],
            [{"epoch": "e1", "seq": n, "event": {"n": n}, "mac": None} for n in (1, 2, 3)],
        )
        self.assertEqual((device["have"], device["epoch"]), (3, "e1"))
        self.assertGreaterEqual(device["age_ms"], 0)
        self.assertEqual(self.relay.poll(said["cursor"], "dev-b")["devices"], {})
        self.assertEqual(self.relay.poll(device="dev-a")["devices"], {})  # its own

    def test_doubled_and_reordered_pushes_leave_each_event_once(self):
        for first, last in ((1, 2), (1, 2), (2, 4), (1, 4), (5, 6), (3, 3)):
            done = self.relay.push("dev-a", [(n, {"n": n}) for n in range(first, last + 1)])
            self.assertEqual(done.status, 200)
        self.assertEqual(done.said["have"], 6)
        self.assertEqual(numbers(self.relay.poll(), "dev-a"), [1, 2, 3, 4, 5, 6])

    def test_a_gap_is_refused_with_what_there_is(self):
        self.relay.push("dev-a", WORLD)
        done = self.relay.push("dev-a", [(5, {})])
        self.assertEqual((done.status, done.said["have"]), (409, 3))
        done = self.relay.push("dev-a", [(5, {})], epoch="e2")
        self.assertEqual((done.status, done.said["have"]), (409, 0))
        done = self.relay.push("dev-a", [(5, {})], first=5)  # the fourth is nowhere any more
        self.assertEqual((done.status, done.said["have"]), (200, 5))
        self.assertEqual(numbers(self.relay.poll(), "dev-a"), [1, 2, 3, 5])

    def test_an_older_state_takes_no_newer_ones_place(self):
        self.relay.push("dev-a", seq=2, state={"n": 2})
        cursor = self.relay.poll()["cursor"]
        self.relay.push("dev-a", seq=1, state={"n": 1})
        self.relay.push("dev-a", seq=2, state={"n": 3})
        self.assertEqual(self.relay.poll(cursor)["devices"], {})
        self.assertEqual(self.relay.poll()["devices"]["dev-a"]["state"]["state"], {"n": 2})
        self.relay.push("dev-a", seq=0, state={"n": 0}, epoch="e2")  # it was reset
        self.assertEqual(self.relay.poll(cursor)["devices"]["dev-a"]["epoch"], "e2")

    def test_a_held_poll_is_answered_by_a_push(self):
        cursor = self.relay.poll()["cursor"]
        link = self.relay.connect()
        self.addCleanup(link.close)
        self.relay.send(link, "GET", f"/poll?cursor={cursor}&device=dev-b&timeout=25")
        self.relay.push("dev-b", WORLD)  # which is no news to itself
        self.relay.push("dev-a", WORLD)
        self.assertEqual(set(answer(link).said["devices"]), {"dev-a"})

    def test_a_poll_without_news_ends_in_its_time(self):
        said = self.relay.poll(timeout=0.2)
        self.assertEqual(said["devices"], {})

    def test_ages_of_all(self):
        self.relay.push("dev-a", WORLD)
        cursor = self.relay.poll()["cursor"]
        said = self.relay.ask("GET", f"/poll?cursor={cursor}&ages=1").said["devices"]["dev-a"]
        self.assertEqual((said["have"], said["events"], said["state"]), (3, [], None))

    def test_restarted_empty_it_is_filled_again(self):
        self.relay.push("dev-a", WORLD)
        old = self.relay.poll()
        self.relay.stop()
        self.relay = self.start()
        self.assertNotEqual(self.relay.poll(old["cursor"])["boot"], old["boot"])
        done = self.relay.push("dev-a", [(4, {"n": 4})])
        self.assertEqual((done.status, done.said["have"]), (409, 0))
        self.relay.push("dev-a", [*WORLD, (4, {"n": 4})])
        self.assertEqual(numbers(self.relay.poll(old["cursor"]), "dev-a"), [1, 2, 3, 4])

    def test_many_requests_at_once_on_one_connection(self):
        head = f"GET /version HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        with socket.create_connection(("127.0.0.1", self.relay.port), 30) as link:
            link.sendall(
                (head + "\r\n").encode() * 50 + (head + "Connection: close\r\n\r\n").encode()
            )
            said = b""
            while data := link.recv(65536):
                said += data
        self.assertEqual(said.count(b"HTTP/1.1 200 OK"), 51)

    def test_a_body_that_waits_to_be_asked_for(self):
        head = f"POST /push/a HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nExpect: 100-continue\r\n"
        body = b'{"epoch":"e","seq":1}'
        with socket.create_connection(("127.0.0.1", self.relay.port), 30) as link:
            link.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            self.assertEqual(link.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
            link.sendall(body)
            self.assertIn(b" 200 OK", link.recv(1000))


class Refusals(Case):
    """What is malformed, too large or forbidden changes nothing, and is told so."""

    @classmethod
    def setUpClass(cls):
        cls.relay = Relay()
        cls.addClassCleanup(lambda: (cls.relay.process.kill(), cls.relay.process.communicate()))

    def test_malformed_pushes(self):
        nested = '{"epoch":"e","seq":1,"state":' + '{"a":' * 100_000 + "1" + "}" * 100_001
        bodies = (
            "",
            "{",
            "[]",
            "7",
            "null",
            "\x00\x1b[2J",
            nested,
            '{"epoch":"e","seq":1,"state":{"n":NaN}}',
            '{"epoch":"e","seq":1,"state":{"n":1e999}}',
            '{"epoch":"e","seq":1,"state":[1]}',
            '{"epoch":"e","seq":1,"state":{},"mac":7}',
            '{"epoch":"e","seq":1,"state":{},"mac":"%s"}' % ("f" * 129),
            '{"epoch":"e"}',
            '{"epoch":"","seq":1}',
            '{"epoch":"\\u001b[2J","seq":1}',
            '{"epoch":7,"seq":1}',
            '{"epoch":"e","seq":-1}',
            '{"epoch":"e","seq":true}',
            '{"epoch":"e","seq":1.5}',
            '{"epoch":"e","seq":9007199254740992}',
            '{"epoch":"e","seq":1,"first":0}',
            '{"epoch":"e","seq":1,"events":{}}',
            '{"epoch":"e","seq":1,"events":[7]}',
            '{"epoch":"e","seq":1,"events":[{"seq":1}]}',
            '{"epoch":"e","seq":1,"events":[{"seq":0,"event":{}}]}',
            '{"epoch":"e","seq":1,"events":[{"seq":1,"event":"x"}]}',
            '{"epoch":"e","seq":1,"events":[{"seq":1,"event":{}},{"seq":3,"event":{}}]}',
            '{"epoch":"e","seq":1,"events":[{"seq":1,"event":{}},{"seq":1,"event":{}}]}',
        )
        for body in bodies:
            with self.subTest(body=body[:80]):
                done = self.relay.ask("POST", "/push/dev-bad", body.encode())
                self.assertEqual(done.status, 400, done.said)
        self.assertNotIn("dev-bad", self.relay.poll()["devices"])

    def test_requests(self):
        wrong = "Bearer wrong-token-0123456789"
        for status, method, path, headers in (
            (401, "GET", "/version", {"Authorization": None}),
            (401, "GET", "/version", {"Authorization": wrong}),
            (401, "GET", "/version", {"Authorization": f"Basic {TOKEN}"}),
            (401, "GET", f"/version?token={TOKEN}", {"Authorization": None}),
            (401, "POST", "/push/a", {"Authorization": None}),
            (401, "GET", "/nowhere", {"Authorization": None}),
            (404, "GET", "/nowhere", {}),
            (404, "GET", "/push", {}),
            (404, "GET", "/version/../push/x", {}),
            (405, "POST", "/version", {}),
            (405, "GET", "/push/a", {}),
            (400, "POST", "/push/%1b%5b2J", {}),
            (400, "POST", "/push/" + "a" * 65, {}),
            (400, "GET", "/poll?timeout=x", {}),
            (400, "GET", "/poll?timeout=-1", {}),
            (400, "GET", "/poll?timeout=nan", {}),
            (200, "GET", "/poll?timeout=0&cursor=..%2f..%2f1&device=%00", {}),
            (200, "GET", "/", {"Authorization": None}),
        ):
            with self.subTest(path=path[:40], headers=headers):
                self.assertEqual(self.relay.ask(method, path, **headers).status, status)

    def test_too_large_is_said_before_a_byte_of_it_is_read(self):
        for token, status in ((TOKEN, b" 413 "), ("wrong-token-0123456789", b" 401 ")):
            with (
                self.subTest(status),
                socket.create_connection(("127.0.0.1", self.relay.port), 30) as link,
            ):
                link.sendall(
                    f"POST /push/a HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
                    f"Content-Length: {1 << 40}\r\n\r\n".encode()
                )
                self.assertIn(status, link.recv(1000))

    def test_heads_that_are_none(self):
        for status, head in (
            (400, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
            (400, b"GET /version\r\n\r\n"),
            (400, b"GET http://x/ HTTP/1.1\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\nno colon\r\n\r\n"),
            (400, b"GET / HTTP/1.1\r\n folded: x\r\n\r\n"),
            (400, b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            (400, b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
            (400, b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n"),
            (411, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (431, b"GET / HTTP/1.1\r\nA: " + b"a" * 20_000),
        ):
            with (
                self.subTest(head=head[:40]),
                socket.create_connection(("127.0.0.1", self.relay.port), 30) as link,
            ):
                link.sendall(head)
                self.assertIn(f" {status} ".encode(), link.recv(1000))

    def test_too_many_requests_of_one_device(self):
        seen = {}
        link = self.relay.connect()
        self.addCleanup(link.close)
        for _ in range(400):
            self.relay.send(link, "GET", "/poll?timeout=0&device=dev-loop")
            got = answer(link)
            seen[got.status] = got
            if got.status == 429:
                break
        self.assertGreaterEqual(int(seen[429].headers["retry-after"]), 1)
        self.assertEqual(self.relay.ask("GET", "/poll?device=dev-other").status, 200)


class Start(Case):
    """What it takes to start, and how it ends."""

    def refused(self, *argv: str, **env) -> str:
        done = subprocess.run(
            [sys.executable, "-I", "-S", SERVER, "--port", "0", *argv],
            env=env,
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr

    def test_not_without_a_token_where_others_reach_it(self):
        for host in ("0.0.0.0", "::", "192.0.2.1", "example.com"):
            self.assertIn("no token", self.refused("--host", host))
        place = self.folder()
        path = os.path.join(place, "token")
        for text in ("", "short", "with a space in between", "\x1b" * 20):
            with open(path, "w") as stream:
                stream.write(text)
            said = self.refused("--token-file", path)
            self.assertIn("token", said)
            self.assertNotIn("space in between", said)
        self.assertIn("No such file", self.refused("--token-file", path + "x"))

    def test_without_a_token_only_programs_of_this_machine(self):
        relay = self.start(env={}, token="")
        self.assertEqual(relay.ask("GET", "/version").status, 200)
        for headers in ({"Host": "evil.example"}, {"Origin": "http://localhost"}):
            self.assertEqual(relay.ask("GET", "/version", **headers).status, 403)

    def test_token_of_a_file_or_a_digest(self):
        path = os.path.join(self.folder(), "token")
        with open(path, "w") as stream:
            stream.write(TOKEN + "\n")
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        for argv, env in ((["--token-file", path], {}), ([], {"HCOM_RELAY_TOKEN_SHA256": digest})):
            relay = self.start(*argv, env=env)
            self.assertEqual(relay.ask("GET", "/version").status, 200)
            self.assertEqual(relay.ask("GET", "/version", Authorization=None).status, 401)
            relay.stop()

    def test_in_a_space_it_is_open_to_the_outside(self):
        code = (
            "import runpy, sys; one = runpy.run_path(sys.argv[1]); print(one['HOST'], one['PORT'])"
        )
        for env, said in (({}, "127.0.0.1 8765\n"), ({"SPACE_ID": "a/b"}, "0.0.0.0 7860\n")):
            argv = [sys.executable, "-I", "-S", "-c", code, SERVER]
            self.assertEqual(subprocess.check_output(argv, env=env, text=True), said)

    def test_its_log_has_no_secret_and_no_text_of_others(self):
        relay = self.start()
        relay.push("dev-a", WORLD, state={"secret": "sss"})
        relay.ask("GET", f"/version?token={TOKEN}&x=%1b")
        relay.ask("GET", "/else/where")
        relay.ask("POST", "/push/a", b"{", Authorization="Bearer wrong-token-0123456789")
        log = relay.stop()
        for wanted in ("200 POST push", "200 GET version", "404 GET ?", "401 POST push"):
            self.assertIn(wanted, log)
        for secret in (TOKEN, "wrong-token", "sss", "else", "%1b"):
            self.assertNotIn(secret, log)

    def test_it_ends_with_polls_held(self):
        relay = self.start()
        links = [relay.connect() for _ in range(3)]
        for link in links:
            self.addCleanup(link.close)
            relay.send(link, "GET", "/poll?timeout=25")
        relay.ask("GET", "/version")  # so that it has them
        relay.stop()
        for link in links:
            with contextlib.suppress(ConnectionError):  # one that it had not read
                self.assertEqual(answer(link).status, 200)

    def test_a_state_file_is_filled_and_read(self):
        path = os.path.join(self.folder(), "state")
        relay = self.start("--state", path)
        relay.push("dev-a", WORLD)
        relay.stop()
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        relay = self.start("--state", path)
        self.assertEqual(numbers(relay.poll(), "dev-a"), [1, 2, 3])
        relay.stop()
        for text in ("", "{", "[]", '{"a":{}}', '{"a":7}'):
            with open(path, "w") as stream:
                stream.write(text)
            relay = self.start("--state", path)
            self.assertEqual(relay.poll()["devices"], {})
            self.assertIn("begins empty", relay.stop())

    def test_tls(self):
        place = self.folder()
        cert, key = certificate(self, place)
        relay = self.start("--tls-cert", cert, "--tls-key", key)
        context = ssl.create_default_context(cafile=cert)
        silent = socket.create_connection(("127.0.0.1", relay.port))  # never begins its handshake
        self.addCleanup(silent.close)
        body = json.dumps({"epoch": "e", "seq": 1, "state": {"t": "x" * 1_000_000}})
        relay.context = context
        self.assertEqual(relay.ask("POST", "/push/dev-a", body).status, 200)
        state = relay.poll()["devices"]["dev-a"]["state"]
        self.assertEqual(len(state["state"]["t"]), 1_000_000)
        relay.stop()


class Command(unittest.TestCase):
    """`hcom relay serve` has the options of the file."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def test_wrong_use(self):
        for words in (("x",), ("serve", "x"), ("serve", "--port", "x")):
            done = self.home.run("relay", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        for words in (("--port", "70000"), ("--port", "-1"), ("--socket", "x")):
            self.assertEqual(self.home.run("relay", "serve", *words).returncode, 2, words)
        done = self.home.run("relay", "serve", "--host", "0.0.0.0")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--token-file", done.stderr)
        for words, why in (
            (("--tls-key", "key.pem"), "--tls-key without"),
            (("--token-file", "/nowhere"), "/nowhere: No such file"),
        ):
            done = self.home.run("relay", "serve", *words)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, f"^hcom relay serve: .*{why}")

    def test_every_option_is_the_files_own(self):
        flags = {option.flags for option in find("relay").parts[0].options}
        with open(SERVER, encoding="utf-8") as stream:
            known = set(re.findall(r'"(--[a-z-]+)"', stream.read()))
        self.assertEqual(flags, known - {"--socket"})

    def test_by_ssh_it_is_in_the_home(self):
        bare = "GET /version HTTP/1.1\r\nConnection: close\r\n\r\n"
        done = self.home.run("relay", "serve", "--stdio", stdin=bare)
        self.assertIn('"v": 2', done.stdout)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(os.path.exists(os.path.join(self.home.hcom_dir, "run", "relay", "socket")))


class Many(Case):
    def test_three_hundred_held_polls_are_all_answered(self):
        relay = self.start()
        cursor = relay.poll()["cursor"]
        links = [relay.connect() for _ in range(300)]
        for number, link in enumerate(links):
            self.addCleanup(link.close)
            relay.send(link, "GET", f"/poll?cursor={cursor}&device=dev-{number}&timeout=25")
        relay.push("dev-a", WORLD)
        got = [numbers(answer(link).said, "dev-a") for link in links]
        self.assertEqual(got, [[1, 2, 3]] * 300)
        tasks = f"/proc/{relay.process.pid}/task"
        if os.path.isdir(tasks):
            self.assertEqual(len(os.listdir(tasks)), 1)

    def test_slow_clients_hold_up_nobody(self):
        relay = self.start()
        for number in range(4):  # more than a socket takes of an answer that nobody reads
            relay.push(f"dev-{number}", [(1, {"t": "x" * 4_100_000})])
        head = f"Authorization: Bearer {TOKEN}\r\n".encode()
        starts = (
            b"GET /pol",
            b"POST /push/slow HTTP/1.1\r\n" + head + b"Content-Length: 4000000\r\n\r\n{",
            b"GET /poll?timeout=0 HTTP/1.1\r\n" + head + b"\r\n",
            b"",
        )
        for number in range(80):
            link = socket.socket()
            self.addCleanup(link.close)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.connect(("127.0.0.1", relay.port))
            link.sendall(starts[number % len(starts)])
        for number in range(5, 15):
            self.assertEqual(relay.push(f"dev-{number}", WORLD).status, 200)
        self.assertTrue(relay.poll()["devices"])

    def test_who_has_no_token_keeps_out_nobody_who_has(self):
        relay = self.start(limit=100)  # open files: 64 of them are for other things
        known = relay.connect()
        self.addCleanup(known.close)
        relay.send(known, "GET", "/poll?timeout=25&device=dev-b")
        relay.ask("GET", "/version")
        links = [socket.create_connection(("127.0.0.1", relay.port), 30) for _ in range(60)]
        for link in links:
            self.addCleanup(link.close)
            with contextlib.suppress(OSError):  # one that had to go
                link.sendall(b"GET /ver")
        relay.push("dev-a", WORLD)
        self.assertEqual(numbers(answer(known).said, "dev-a"), [1, 2, 3])
        left = 0
        for link in links:
            link.setblocking(False)
            try:
                left += bool(link.recv(1))
            except BlockingIOError:
                left += 1
            except ConnectionError:
                pass
        self.assertLessEqual(left, 34)  # beside the one that waits, and the one that pushed


class Ssh(Case):
    """What `ssh host hcom relay serve --stdio` runs there: each is a connection to one server."""

    def bridge(self, path: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", SERVER, "--stdio", "--socket", path],
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def ask(self, bridge: subprocess.Popen, head: str, body: bytes = b"") -> None:
        bridge.stdin.write(
            f"{head} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        bridge.stdin.flush()

    def answer(self, bridge: subprocess.Popen) -> dict:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += bridge.stdout.read(1)
        return json.loads(bridge.stdout.read(int(re.search(rb"Content-Length: (\d+)", head)[1])))

    def test_two_that_begin_at_once_meet(self):
        path = os.path.join(self.folder(), "x" * 90, "socket")
        one, two = self.bridge(path), self.bridge(path)
        self.ask(one, "GET /poll?timeout=25&device=one")
        self.ask(two, "GET /version")
        self.answer(two)
        body = {"epoch": "e", "seq": 1, "events": [{"seq": 1, "event": {}}]}
        self.ask(two, "POST /push/two", json.dumps(body).encode())
        self.assertEqual(self.answer(two)["have"], 1)
        self.assertEqual(numbers(self.answer(one), "two"), [1])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.ask(one, "GET /poll?timeout=25&device=one")
        for each in (one, two):
            each.stdin.close()  # also out of a poll that is held
            self.assertEqual(each.wait(10), 0)
        lock = os.open(path + ".lock", os.O_RDWR)
        self.addCleanup(os.close, lock)
        for _ in looks(40):  # the server goes when nobody is there
            with contextlib.suppress(BlockingIOError):
                server_lock(lock)
                return
        self.fail("the server stayed")


def server_lock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


if __name__ == "__main__":
    unittest.main()
