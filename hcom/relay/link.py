"""A way to a relay, of either wire: one request at a time, on a connection that stays open between
them.

Its token goes to the relay alone: no redirect is followed, and http is spoken to this machine and
to private addresses only. No error says the token.
"""

import http.client
import io
import json
import re
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections import namedtuple
from urllib.parse import parse_qs, quote, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from ..bus.remote import Target, target
from ..bus.render import one_line
from ..errors import HcomError
from . import wire1
from .client import Answer

CONNECT_S = 10.0
ANSWER_BYTES = 16 << 20  # a server of ours says 1 MiB at a time, or one event
UNREADABLE = (ValueError, OverflowError)  # of http.client, by a chunk of a length below 0
WHOLE = 2  # an answer is whole within so many times as long as it may take until more of it comes
# What ssh is run with: it may ask nobody for anything, and notices a link that is gone.
SSH = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15")
REMOTE = "hcom relay serve --stdio"


class Answering(io.RawIOBase):
    """The bytes of one answer, which http.client takes for a socket: who drips them, or never ends,
    is given up; it asks for neither, and in some places reads without a bound."""

    def __init__(self, sock, until: float):
        self.sock, self.until, self.left = sock, until, ANSWER_BYTES
        self.raw = sock.makefile("rb", buffering=0)

    def makefile(self, _mode: str):
        """A stream of them."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, room) -> int:
        """As of any. TimeoutError, HTTPException."""
        if time.monotonic() > self.until:
            raise TimeoutError
        got = self.raw.readinto(room)
        self.left -= got
        if self.left < 0:
            raise http.client.HTTPException("the server's answer is too large")
        return got

    def close(self) -> None:
        """The connection may be closed, too."""
        self.raw.close()
        super().close()


class Ssh(http.client.HTTPConnection):
    """A connection whose other end is a command on another machine."""

    def __init__(self, to: Target, env, timeout: float):
        super().__init__(to.host, timeout=timeout)
        self.to, self.env, self.said = to, env, ""
        self.process: subprocess.Popen | None = None

    def connect(self) -> None:
        """ssh runs; whether it gets there shows when it is asked."""
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(self.timeout)
        where = f"{self.to.user}@{self.to.host}" if self.to.user else self.to.host
        port = ("-p", str(self.to.port)) if self.to.port else ()
        with theirs:
            self.process = subprocess.Popen(
                ["ssh", *SSH, *port, "--", where, REMOTE],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=self.env,
                start_new_session=True,  # a Ctrl-C is not for it
            )

    def close(self) -> None:
        """Its process is gone, too."""
        super().close()
        if self.process:
            self.process.terminate()
            _, said = self.process.communicate()
            self.said = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
            self.process = None


class Link:
    """Requests to a relay, with its token; `env` is what ssh gets, proxies are this process's."""

    def __init__(self, url: str, token: str, env):
        if not re.fullmatch(r"[!-~]*", token):
            raise HcomError(
                "the relay's token has a character that none has", "hcom config relay_token -"
            )
        self.to, self.env = target(url), env
        self.headers = {"User-Agent": "hcom", "Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.tls = ssl.create_default_context() if self.to.scheme == "https" else None
        self.connection: http.client.HTTPConnection | None = None

    def _opened(self) -> http.client.HTTPConnection:
        to = self.to
        if to.scheme == "ssh":
            return Ssh(to, self.env, CONNECT_S)
        if to.scheme == "http":  # near: no proxy is to see its token
            return http.client.HTTPConnection(to.host, to.port, timeout=CONNECT_S)
        proxies = getproxies_environment()
        proxy = proxies.get("https") or proxies.get("all")
        if not proxy or proxy_bypass(f"{to.host}:{to.port or 443}"):
            return http.client.HTTPSConnection(
                to.host, to.port, timeout=CONNECT_S, context=self.tls
            )
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme != "http" or not parts.hostname:
            raise OSError(f"a proxy of the kind {parts.scheme}:// is not spoken to")
        found = http.client.HTTPSConnection(
            parts.hostname, parts.port or 80, timeout=CONNECT_S, context=self.tls
        )
        secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
        known = {"Proxy-Authorization": "Basic " + b64encode(secret).decode()}
        found.set_tunnel(to.host, to.port or 443, known if parts.username else {})
        return found

    def ask(self, method: str, path: str, body: "bytes | None", timeout: float) -> Answer:
        """What the relay answers; Answer(0, {"error": why}) when it does not. A connection that it
        had closed meanwhile is opened again, once: no request does harm if it comes twice."""
        for is_old in (self.connection is not None, False):
            try:
                return self._ask(method, self.to.path + path, body, timeout)
            except (OSError, http.client.HTTPException, *UNREADABLE) as error:
                why = self._why(error)
                self.close()
                late = isinstance(error, TimeoutError)
                if late or not is_old:
                    break
        return Answer(0, {"error": why})

    def _ask(self, method: str, path: str, body: "bytes | None", timeout: float) -> Answer:
        if self.connection is None or self.connection.sock is None:  # it said "Connection: close"
            self.close()
            self.connection = self._opened()
            self.connection.connect()
        self.connection.sock.settimeout(timeout)
        until = time.monotonic() + WHOLE * timeout
        self.connection.response_class = lambda sock, **more: (  # type: ignore[assignment]
            http.client.HTTPResponse(Answering(sock, until), **more)  # type: ignore[arg-type]
        )
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        raw = response.read(ANSWER_BYTES)  # without a number it takes a chunk's word for its length
        wait = response.getheader("Retry-After", "")
        pause = float(wait) if re.fullmatch(r"[0-9]{1,6}", wait) else 0.0
        try:
            said = json.loads(raw)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            said = {"error": f"no relay there: HTTP {response.status}, and no JSON"}
            return Answer(response.status if response.status != 200 else 0, said, pause)
        return Answer(response.status, said, pause)

    def _why(self, error: Exception) -> str:
        if isinstance(self.connection, Ssh):
            self.connection.close()
            return f"ssh: {one_line(self.connection.said) or 'the connection ended'}"
        if isinstance(error, TimeoutError):
            return "no answer"
        if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
            return error.strerror
        return one_line(str(error)) or type(error).__name__

    def close(self) -> None:
        """The connection is closed; the next request opens another one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Version(namedtuple("Version", "status wire boot error")):
    """What a server says it speaks: wire 1 or 2, or 0, and why then; its answer's status, and which
    run of it that is."""

    __slots__ = ()


def version(link: Link, timeout: float) -> Version:
    """What the server there says it speaks."""
    status, said, *_ = link.ask("GET", "/version", None, timeout)
    wire = said.get("v") if status == 200 else 0
    error = "" if wire in (1, 2) else str(said.get("error") or "it speaks no wire of ours")
    return Version(status, 0 if error else wire, said.get("boot"), one_line(error))


class Way:
    """Requests of wire 2 to a server of either; on wire 1 they and their answers are translated.
    `had` says how much of this device it has, for such a server does not; where all is `signed` it
    is not spoken to."""

    def __init__(self, link: Link, signed: bool, had):
        self.link, self.signed, self.had = link, signed, had
        self.wire, self.state, self.news = 0, None, None

    def ask(self, method: str, path: str, body: "bytes | None", timeout: float) -> Answer:
        """As Link.ask."""
        if not self.wire:
            found = version(self.link, timeout)
            if found.error:
                return Answer(found.status if found.status != 200 else 0, {"error": found.error})
            self.wire = found.wire
        if self.wire == 2:
            answer = self.link.ask(method, path, body, timeout)
        elif self.signed:
            answer = Answer(0, {"error": "it speaks wire 1, on which nothing can be signed"})
        else:
            answer = self._push(path, body, timeout) if body else self._poll(path, timeout)
        if answer.status in (400, 404, 405):
            self.wire = 0  # it may be another one by now
        return answer

    def _push(self, path: str, body: bytes, timeout: float) -> Answer:
        said = json.loads(body)
        self.state = said.setdefault("state", self.state)
        if not self.state:
            return Answer(409, {"have": self.had()})  # so the state comes, which none is without
        told = wire1.pushed(path.rpartition("/")[2], said, time.time())
        answer = self.link.ask("POST", path, json.dumps(told).encode(), timeout)
        if answer.status != 200:
            return answer
        have = said["events"][-1]["seq"] if said["events"] else self.had()
        return answer._replace(said={"have": have, "boot": ""}, beat_s=wire1.BEAT_S)

    def _poll(self, path: str, timeout: float) -> Answer:
        given = {key: value for key, (value,) in parse_qs(urlsplit(path).query).items()}
        since = given.get("cursor", "")
        since = since if re.fullmatch(r"[0-9.e+]{1,40}", since) else "0"
        path = f"/poll?since={quote(since)}&timeout={given['timeout']}"
        answer = self.link.ask("GET", path, None, timeout)
        if answer.status != 200 or type(answer.said.get("ts")) not in (int, float):
            return answer
        before, self.news = self.news, answer.said.get("devices")
        devices = wire1.polled(answer.said, time.time())
        said = {"devices": devices, "cursor": str(answer.said["ts"]), "boot": ""}
        return answer._replace(said=said, is_news=self.news != before)

    def close(self) -> None:
        """As Link.close."""
        self.link.close()
