"""A relay in a private Space of Hugging Face: found or made, our own server put there, waited for.

The Hub's token is the relay's too, for a private Space lets nothing else in; of it the Space has
only the SHA-256. It goes to the Hub and to the Space alone, and into no text.
"""

import base64
import hashlib
import json
import os
import re
from collections import namedtuple
from contextlib import closing, suppress

from .. import home as homes
from ..bus.remote import target
from ..bus.render import one_line
from ..errors import HcomError
from . import server
from .link import Link, Version, version

HUB, NAME = "https://huggingface.co", "hcom-relay"
ASK_S = 30.0
LOOK_S = 3.0
WAIT_S = 600.0  # an image is built in a minute or two, when builders are free
SETTLE_S = 30.0  # so long after a commit the Hub may still tell of what was before
README = """\
---
title: hcom relay
emoji: 📡
colorFrom: gray
colorTo: green
sdk: docker
app_port: 7860
---
The relay of your hcom agents, made by `hcom relay hf`; `hcom relay hf --update` replaces it.
"""
DOCKERFILE = """\
FROM python:3.13-slim
RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /home/user
COPY --chown=user server.py .
ENV {digest_name}={digest}
EXPOSE 7860
CMD ["python", "-I", "-S", "server.py"]
"""
INSTEAD = """\
Instead, on a host of your own that the others reach by ssh, with nothing to keep running there:
  hcom relay ssh USER@HOST
or by https:
  (umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > ~/relay-token)
  hcom relay serve --host 0.0.0.0 --token-file ~/relay-token --tls-cert FILE --tls-key FILE
and on every machine:
  hcom config relay https://HOST:8765 && hcom config relay_token - < ~/relay-token"""
AGAIN = "hcom relay hf"
NEWER = "hcom relay hf --update puts this version's there"
# What the Hub answers, what that means, and what to do.
REFUSALS = {
    401: ("it does not know the token", "make one that may write at {hub}/settings/tokens, then: "),
    402: ("Docker Spaces need a paid plan: {hub}/pricing", "ways without it stand above; else: "),
    403: (
        "the token may not do that",
        "give it write access to your Spaces at {hub}/settings/tokens, then: ",
    ),
    409: ("it is busy with that Space", "in a minute: "),
    429: ("too many requests", "in a few minutes: "),
}
# The stages in which nothing more comes by itself; any other one is waited for.
STUCK = {
    "BUILD_ERROR": "its log is at {page}?logs=build; then: hcom relay hf --update",
    "CONFIG_ERROR": "hcom relay hf --update puts our files there again",
    "NO_APP_FILE": "hcom relay hf --update puts our files there",
    "RUNTIME_ERROR": "its log is at {page}?logs=container; then: hcom relay hf --update",
    "PAUSED": "restart it at {page}/settings, then: hcom relay hf",
    "STOPPED": "restart it at {page}/settings, then: hcom relay hf",
    "DELETING": "in a minute: hcom relay hf",
}


class Around(namedtuple("Around", "clock sleep tell progress")):
    """What the caller lends: a clock, a sleep, a line to the person, and the line of progress,
    `progress(text, seconds)`."""

    __slots__ = ()


def token_of(env) -> str:
    """The person's token: HF_TOKEN, else what `hf auth login` left. HcomError where none is."""
    home = env.get("HF_HOME") or os.path.join(
        env.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"
    )
    path = os.path.expanduser(env.get("HF_TOKEN_PATH") or os.path.join(home, "token"))
    found = env.get("HF_TOKEN", "").strip()
    with suppress(OSError):
        found = found or homes.read(path).decode("ascii", "replace").strip()
    if not found:
        raise HcomError(
            f"no token of Hugging Face: neither HF_TOKEN nor {path}",
            f"make one that may write at {HUB}/settings/tokens, then: hcom relay hf -",
        )
    return found


def files(token: str) -> "dict[str, bytes]":
    """What the Space is made of."""
    with open(server.__file__, "rb") as stream:
        program = stream.read()
    digest = hashlib.sha256(token.encode()).hexdigest()
    docker = DOCKERFILE.format(digest_name=server.TOKEN_SHA256, digest=digest)
    return {"README.md": README.encode(), "Dockerfile": docker.encode(), "server.py": program}


def check(token: str) -> None:
    """HcomError when it can be no token."""
    if not re.fullmatch("[!-~]+", token):
        raise HcomError("that is no token of Hugging Face", "hcom relay hf -")


class Hub:
    """The Hub, asked as the token's owner."""

    def __init__(self, env, token: str, tell):
        check(token)
        self.url = (env.get("HF_ENDPOINT") or HUB).rstrip("/")
        self.token, self.tell, self.link = token, tell, Link(self.url, token, {})

    def ask(self, doing: str, method: str, path: str, body=b"", passed=(), kind="json"):
        """What it answers, when that is 200 or one of the `passed`. HcomError, which says what it
        did not let us be `doing`."""
        self.link.headers["Content-Type"] = f"application/{kind}"
        answer = self.link.ask(method, path, body or None, ASK_S)
        if answer.status in (200, *passed):
            return answer
        if answer.status == 402:
            self.tell(INSTEAD)
        why, hint = REFUSALS.get(answer.status, ("", "try again: "))
        told = f"HTTP {answer.status}" if answer.status else "no answer"
        why = why or self.shown(answer.said.get("error"))
        hint += AGAIN + (" -" if answer.status in (401, 403) else "")
        raise HcomError(
            f"Hugging Face, {doing}: {why} ({told}); nothing is set here",
            hint.format(hub=self.url),
        )

    def shown(self, said) -> str:
        """What it said, as it may be shown: a token is hidden before anything is cut."""
        hidden = re.sub(r"hf_\w+", "****", str(said or "").replace(self.token, "****"))
        return one_line(hidden, 160)


def _json(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def place(host: str, hub: str) -> str:
    """The URL of a Space's app, as the `hub` says it. HcomError when no token is sent there."""
    to = target(host)
    if hub == HUB and not (to.scheme == "https" and to.host.endswith(".hf.space")):
        raise HcomError(f"{one_line(host, 80)} is no place of a Space", AGAIN)
    return host.rstrip("/")


class Space:
    """The relay's Space, of the account that the Hub says has the token."""

    def __init__(self, hub: Hub, around: Around):
        self.hub, self.around = hub, around
        name = hub.ask("who has the token", "GET", "/api/whoami-v2").said.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            raise HcomError(f"{hub.url} does not say whose the token is", AGAIN)
        self.id = f"{name}/{NAME}"
        self.api, self.page = f"/api/spaces/{self.id}", f"{hub.url}/spaces/{self.id}"
        self.url, self.wire = "", 0
        self.settled = 0.0  # until then it may look as it did before a commit
        self.before = None  # the boot of the server that is replaced

    def exists(self) -> bool:
        """Whether it is there, and then where its app is, as far as the Hub says."""
        answer = self.hub.ask(f"looking for {self.id}", "GET", self.api, passed=(404,))
        host = answer.said.get("host")
        if answer.status == 200 and isinstance(host, str) and host:
            self.url = place(host, self.hub.url)
        return answer.status == 200

    def create(self) -> bool:
        """It is there, private; whether it is new."""
        wanted = {"name": NAME, "organization": None, "visibility": "private"}
        body = _json({**wanted, "type": "space", "sdk": "docker"})
        doing, path = f"making the Space {self.id}", "/api/repos/create"
        answer = self.hub.ask(doing, "POST", path, body, passed=(201, 409))
        if answer.status == 409 and not self.exists():  # it is busy; if it still is, that is said
            answer = self.hub.ask(doing, "POST", path, body, passed=(201,))
        return answer.status != 409

    def fill(self) -> None:
        """Our files are in it, in one commit."""
        self.before = self.version().boot if self.url else None
        lines: list[dict] = [
            {"key": "header", "value": {"summary": "Run the relay of hcom", "description": ""}}
        ]
        for path, content in files(self.hub.token).items():
            text = base64.b64encode(content).decode()
            value = {"content": text, "path": path, "encoding": "base64"}
            lines.append({"key": "file", "value": value})
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        path = f"{self.api}/commit/main"
        self.hub.ask(f"putting our files into {self.id}", "POST", path, body, (201,), "x-ndjson")
        self.settled = self.around.clock() + SETTLE_S

    def version(self) -> Version:
        """What the app there says to /version."""
        with closing(Link(self.url, self.hub.token, {})) as link:
            return version(link, ASK_S)

    def wait(self) -> None:
        """Our relay answers there. HcomError when it will not, or not for WAIT_S."""
        began, stage = self.around.clock(), "starting"
        while (now := self.around.clock()) < began + WAIT_S:
            doing, path = f"looking how {self.id} is", f"{self.api}/runtime"
            answer = self.hub.ask(doing, "GET", path, passed=(0, 404, 429, 500, 502, 503, 504))
            stage = self.hub.shown(answer.said.get("stage")) or stage
            is_stuck = stage in STUCK
            if is_stuck and now >= self.settled:
                why = self.hub.shown(answer.said.get("errorMessage"))
                said = f"{self.id} is in the stage {stage}{': ' if why else ''}{why}"
                raise HcomError(f"{said}; nothing is set here", STUCK[stage].format(page=self.page))
            # While it is built, it is the one before that answers; asleep, it wakes by being asked.
            is_busy = stage.endswith(("BUILDING", "STARTING"))
            if not (is_stuck or is_busy) and self._answers(now):
                return
            self.around.progress(f"{self.id}: {stage.lower()}", int(now - began))
            self.around.sleep(LOOK_S)
        raise HcomError(
            f"{self.id} says {stage}, but no relay answers there; nothing is set here",
            f"its log is at {self.page}?logs=container; {AGAIN} goes on from here",
        )

    def _answers(self, now: float) -> bool:
        if not self.url and not (self.exists() and self.url):
            return False
        found = self.version()
        if found.status == 401 and now >= self.settled:
            raise HcomError(
                f"the relay of {self.id} was set up with another token; nothing is set here",
                "give that one to hcom relay hf -, or make this one its token: "
                "hcom relay hf --update",
            )
        self.wire = found.wire
        spoken = (2,) if self.settled else (1, 2)  # what was put there is ours
        return found.wire in spoken and (now >= self.settled or found.boot != self.before)


def set_up(env, token: str, update: bool, around: Around) -> Space:
    """The Space of the token's owner, whose relay answers. An existing one is changed only to
    `update` it. HcomError."""
    hub = Hub(env, token, around.tell)
    with closing(hub.link):
        space = Space(hub, around)
        is_new = not space.exists() and space.create()
        around.tell(f"{space.page} is {'made' if is_new else 'there'}")
        if is_new or update:
            space.fill()
        space.wait()
        return space
