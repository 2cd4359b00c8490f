"""The way to a relay: where a token may go, what is no answer, by a proxy, by ssh."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from hcom.errors import HcomError
from hcom.relay import link
from hcom.relay.link import Link, Target, target
from tests.relay import ROOT, TOKEN, Relay, certificate
from tests.sealed import Home


class Listener:
    """A server that accepts one connection after the other and says what it is told to."""

    def __init__(self, *answers: bytes):
        self.answers = list(answers)
        self.seen: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        for answer in self.answers:
            connection, _ = self.socket.accept()
            with connection:
                self.seen.append(connection.recv(65536))
                connection.sendall(answer)

    def close(self) -> None:
        self.socket.close()


class Proxy:
    """An HTTP proxy to one port of this machine, which keeps what it was asked."""

    def __init__(self, port: int):
        self.port, self.seen = port, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:pass@127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.socket.accept()
                self.seen.append(here.recv(65536).decode())
                there = socket.create_connection(("127.0.0.1", self.port))
                here.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for one, two in ((here, there), (there, here)):
                    threading.Thread(target=copied, args=(one, two), daemon=True).start()

    def close(self) -> None:
        self.socket.close()


def copied(one: socket.socket, two: socket.socket) -> None:
    """What comes from one goes to the other, until its end."""
    with contextlib.suppress(OSError), two:
        while data := one.recv(65536):
            two.sendall(data)


class Targets(unittest.TestCase):
    def test_where_a_token_may_go(self):
        for url, wanted in (
            ("https://a.hf.space", Target("https", "", "a.hf.space", None, "")),
            ("https://a.b:8443/x/", Target("https", "", "a.b", 8443, "/x")),
            ("http://localhost:1", Target("http", "", "localhost", 1, "")),
            ("http://127.0.0.1:1/", Target("http", "", "127.0.0.1", 1, "")),
            ("http://[::1]:1", Target("http", "", "::1", 1, "")),
            ("http://192.168.1.2:1", Target("http", "", "192.168.1.2", 1, "")),
            ("ssh://me@host:2222", Target("ssh", "me", "host", 2222, "")),
        ):
            self.assertEqual(target(url), wanted)

    def test_where_not(self):
        for url in (
            "",
            "a.b",
            "ftp://a.b",
            "http://a.b",
            "http://8.8.8.8",
            "http://0.0.0.0:1",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example",
            "https://user:secret@a.b",
            "https://a.b/?x=1",
            "https://a.b/#x",
            "https://a.b:x",
            "https://a.b\r\nHost: x/",
            "https://a b/",
            "https://-a.b",
            "ssh://-oProxyCommand=x",
            "ssh://-x@host",
            "ssh://host:0x",
        ):
            with self.subTest(url=url), self.assertRaises(HcomError):
                target(url)

    def test_a_token_that_is_none_is_not_said(self):
        with self.assertRaises(HcomError) as raised:
            Link("https://a.b", "secret\nX: y", {})
        self.assertNotIn("secret", str(raised.exception))


class Asking(unittest.TestCase):
    def link(self, url: str, token: str = TOKEN, env=None) -> Link:
        found = Link(url, token, env or {})
        self.addCleanup(found.close)
        return found

    def relay(self, *argv: str) -> Relay:
        relay = Relay(*argv)
        self.addCleanup(lambda: (relay.process.kill(), relay.process.communicate()))
        return relay

    def test_a_relay(self):
        relay = self.relay()
        one = self.link(relay.url)
        self.assertEqual(one.ask("GET", "/version", None, 30).said["v"], 2)
        done = one.ask("POST", "/push/a", b'{"epoch":"e","seq":1}', 30)
        self.assertEqual((done.status, done.said["have"]), (200, 0))
        self.assertEqual(one.ask("POST", "/push/a", b"{", 30).status, 400)
        wrong = self.link(relay.url, "wrong-token-0123456789")
        self.assertEqual(wrong.ask("GET", "/version", None, 30).status, 401)
        self.assertIsNotNone(one.connection)
        relay.stop()
        self.assertEqual(one.ask("GET", "/version", None, 30).status, 0)

    def asked_twice(self, head: bytes) -> None:
        """Both of two answers that begin with these headers are had, of a connection each."""
        said = b"HTTP/1.1 200 OK\r\n" + head + b'Content-Length: 9\r\n\r\n{"v": 2 }'
        server = Listener(said, said)
        self.addCleanup(server.close)
        one = self.link(server.url)
        for _ in range(2):
            self.assertEqual(one.ask("GET", "/version", None, 30).said, {"v": 2})

    def test_a_connection_that_was_closed_meanwhile_is_opened_again(self):
        self.asked_twice(b"")

    def test_a_server_that_closes_after_each_answer(self):
        self.asked_twice(b"Connection: close\r\n")

    def test_what_is_no_answer(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: "
        for answer, status, why in (
            (b"", 0, ""),
            (b"\x1b[2Jnonsense\r\n\r\n", 0, ""),
            (
                b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
                302,
                "",
            ),
            (head + b"4\r\n\r\n<ht>", 0, "no relay there"),
            (head + b"2\r\n\r\n[]", 0, "no relay there"),
            (head + b"200000\r\n\r\n" + b"[" * 200_000, 0, "no relay there"),
            (head + b"99\r\n\r\n{", 0, ""),
        ):
            with self.subTest(answer=answer[:60]):
                server = Listener(answer)
                self.addCleanup(server.close)
                done = self.link(server.url).ask("GET", "/version", None, 30)
                self.assertEqual(done.status, status)
                self.assertIn(why, done.said["error"])
                self.assertNotIn(TOKEN, str(done))
                self.assertNotIn("\x1b", done.said["error"])
        large = link.ANSWER_BYTES + 1
        server = Listener(head + f"{large}\r\n\r\n".encode() + b" " * large)
        self.addCleanup(server.close)
        done = self.link(server.url).ask("GET", "/version", None, 30)
        self.assertEqual(done.said["error"], "the server's answer is too large")

    def test_tls_is_verified_and_goes_through_the_proxy(self):
        place = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, place)
        cert, key = certificate(self, place)
        relay = self.relay("--tls-cert", cert, "--tls-key", key)
        url = f"https://localhost:{relay.port}"
        done = self.link(url).ask("GET", "/version", None, 30)
        self.assertEqual(done.status, 0)
        self.assertIn("certificate", done.said["error"].lower())
        proxy = Proxy(relay.port)
        self.addCleanup(proxy.close)
        code = (
            "import os, sys; from hcom.relay.link import Link; "
            "print(Link(sys.argv[1], sys.argv[2], os.environ).ask('GET', '/version', None, 30))"
        )
        for more, asked in (({}, 1), ({"NO_PROXY": "localhost"}, 1), ({"no_proxy": "x.y"}, 2)):
            env = {"SSL_CERT_FILE": cert, "PYTHONPATH": ROOT, "HTTPS_PROXY": proxy.url, **more}
            argv = [sys.executable, "-c", code, url, TOKEN]
            said = subprocess.check_output(argv, env=env, text=True)
            self.assertIn("status=200", said)
            self.assertEqual(len(proxy.seen), asked)
        self.assertIn(f"CONNECT localhost:{relay.port} ", proxy.seen[0])
        self.assertIn("Basic dXNlcjpwYXNz", proxy.seen[0])
        self.assertNotIn(TOKEN, "".join(proxy.seen))


class BySsh(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def link(self, code: str) -> Link:
        self.home.program("ssh", f'echo "$@" >> "{self.home.root}/asked"\n{code}')
        one = Link("ssh://me@far:2222", "", self.home.env)
        self.addCleanup(one.close)
        return one

    def test_a_server_that_the_person_has_there(self):
        one, two = (self.link('for last; do :; done; exec sh -c "$last"') for _ in range(2))
        done = one.ask(
            "POST", "/push/a", b'{"epoch":"e","seq":1,"events":[{"seq":1,"event":{}}]}', 30
        )
        self.assertEqual((done.status, done.said["have"]), (200, 1))
        self.assertIn("a", two.ask("GET", "/poll?device=b", None, 30).said["devices"])
        with open(os.path.join(self.home.root, "asked"), encoding="utf-8") as stream:
            self.assertIn("-p 2222 -- me@far hcom relay serve --stdio", stream.read())

    def test_what_ssh_says(self):
        one = self.link(
            "printf 'hello\\n\\033[2Jme@far: Permission denied (publickey).\\n' >&2; exit 255"
        )
        done = one.ask("GET", "/version", None, 30)
        self.assertEqual(
            done[:2], (0, {"error": "ssh: \\x1b[2Jme@far: Permission denied (publickey)."})
        )


if __name__ == "__main__":
    unittest.main()
