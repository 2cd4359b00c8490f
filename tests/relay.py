"""A relay server of the test's own, started as its file alone, and what a device asks of it."""

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import unittest
from typing import Any, NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVER = os.path.join(ROOT, "hcom", "relay", "server.py")
TOKEN = "a-token-of-the-tests-0123"


class Answer(NamedTuple):
    status: int
    said: Any  # the JSON of it
    headers: dict


class Relay:
    """`python server.py` on a free port of loopback, with at most `limit` open files, 0 for any."""

    def __init__(
        self,
        *argv: str,
        env=None,
        token: str = TOKEN,
        limit: int = 0,
        port: int = 0,
        path: str = SERVER,
    ):
        self.token = token
        self.context: ssl.SSLContext | None = None
        env = {"HCOM_RELAY_TOKEN": token} if env is None else env
        files = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"] if limit else []
        self.process = subprocess.Popen(
            [*files, sys.executable, "-I", "-S", path, "--port", str(port), *argv],
            env={**env, "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.process.stdout.readline()
        if not said.startswith("listening on "):
            raise AssertionError(said + self.process.communicate()[1])
        self.url = said.split()[-1]
        self.port = int(self.url.rpartition(":")[2])

    def stop(self) -> str:
        """It has ended, within 5 s of SIGTERM, with 0; its log."""
        self.process.terminate()
        try:
            _, log = self.process.communicate(timeout=5)
        finally:
            self.process.kill()
        if self.process.returncode:
            raise AssertionError(f"exit {self.process.returncode}: {log}")
        return log

    def connect(self) -> http.client.HTTPConnection:
        """A connection; by TLS where `context` says what to trust."""
        if self.context:
            return http.client.HTTPSConnection(
                "localhost", self.port, timeout=60, context=self.context
            )
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def send(self, link, method: str, path: str, body=None, **headers) -> None:
        """The request is on its way; its answer is `answer(link)`."""
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, body, {k: v for k, v in given.items() if v is not None})

    def ask(self, method: str, path: str, body=None, **headers) -> Answer:
        link = self.connect()
        try:
            self.send(link, method, path, body, **headers)
            return answer(link)
        finally:
            link.close()

    def push(self, device: str, events=(), seq: int = 1, epoch: str = "e1", **more) -> Answer:
        """`events` are pairs (seq, event)."""
        news = [{"seq": number, "event": event, "mac": None} for number, event in events]
        return self.ask(
            "POST",
            f"/push/{device}",
            json.dumps({"epoch": epoch, "seq": seq, "events": news, **more}),
        )

    def poll(self, cursor: str = "", device: str = "", timeout: float = 0) -> dict:
        done = self.ask("GET", f"/poll?cursor={cursor}&device={device}&timeout={timeout}")
        if done.status != 200:
            raise AssertionError(done)
        return done.said


def answer(link: http.client.HTTPConnection) -> Answer:
    """What comes back on that connection."""
    got = link.getresponse()
    text = got.read()
    headers = {name.lower(): value for name, value in got.getheaders()}
    said = json.loads(text) if headers["content-type"] == "application/json" else text.decode()
    return Answer(got.status, said, headers)


def numbers(said: dict, device: str) -> list[int]:
    """The sequence numbers of the device's events in a poll's answer."""
    return [event["seq"] for event in said["devices"].get(device, {"events": []})["events"]]


def certificate(test: unittest.TestCase, place: str) -> tuple[str, str]:
    """The files of a certificate for localhost and of its key; skips where no openssl is."""
    if not shutil.which("openssl"):
        test.skipTest("no openssl to make a certificate with")
    cert, key = os.path.join(place, "cert"), os.path.join(place, "key")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost", "-out", cert, "-keyout", key]
    subprocess.run(["openssl", *made], check=True, capture_output=True)
    return cert, key
