"""A way to a relay: one request at a time, on a connection that stays open between them.

Its token goes to the relay alone: no redirect is followed, and http is spoken to this machine and
to private addresses only. No error says the token.
"""

import http.client
import json
import re
import socket
import ssl
import subprocess
from base64 import b64encode
from contextlib import suppress
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from ..bus.remote import Target, target
from ..bus.render import one_line
from ..errors import HcomError
from .client import Answer

CONNECT_S = 10.0
ANSWER_BYTES = 16 << 20  # a server of ours says 1 MiB at a time, or one event
# What ssh is run with: it may ask nobody for anything, and notices a link that is gone.
SSH = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15")
REMOTE = "hcom relay serve --stdio"


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
            except (OSError, http.client.HTTPException) as error:
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
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        raw = response.read(ANSWER_BYTES + 1)
        wait = response.getheader("Retry-After", "")
        pause = float(wait) if re.fullmatch(r"[0-9]{1,6}", wait) else 0.0
        if len(raw) > ANSWER_BYTES:
            self.close()
            return Answer(0, {"error": "the server's answer is too large"})
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

    def abort(self) -> None:
        """Who waits for an answer, in another thread, waits no longer."""
        if self.connection is not None and self.connection.sock is not None:
            with suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The connection is closed; the next request opens another one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
