"""What the clients asked their models: the request log, read from outside the world."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.rig.api import claude, codex, gemini
from tests.rig.script import By
from tests.waiting import looks

APIS = {"claude": claude, "gemini": gemini, "codex": codex}


class Facts(NamedTuple):
    t: float  # time.time() of its arrival
    kind: str
    path: str
    body: dict | None
    tool: str = ""
    session: str = ""
    agent: str = ""
    cwd: str = ""


class Request(Facts):
    """With its texts, put together once: whoever waits looks at all requests again and again."""

    def __repr__(self) -> str:
        return f"<{self.tool} {self.kind} {self.session[:8]} {self.agent} {self.fresh[-300:]!r}>"

    @functools.cached_property
    def text(self) -> str:
        """All that the model can see: the system prompt and the conversation."""
        api = APIS[self.tool]
        return "\n".join([api.system(self.body), *(p.text for p in api.pieces(self.body))])

    @functools.cached_property
    def fresh(self) -> str:
        """What is new to the model: all it was told since its last reply in this conversation."""
        told: list[str] = []
        for piece in reversed(APIS[self.tool].pieces(self.body)):
            if piece.by is By.MODEL:
                break
            told.insert(0, piece.text)
        return "\n".join(told)


class Model:
    """The model servers as a test sees them: what was asked, and the rules of what to answer."""

    def __init__(self, log: Path, rules: Path):
        self.log, self.rules = log, rules
        self.known: list[Request] = []
        self.read_up_to = 0  # bytes: each request is long and is parsed once

    def all(self) -> list[Request]:
        """Every request so far, in order."""
        try:
            with open(self.log, "rb") as log:
                log.seek(self.read_up_to)
                whole = log.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        if whole:
            self.read_up_to += len(whole) + 1
            self.known += [Request(**json.loads(line)) for line in whole.split(b"\n")]
        return self.known

    def requests(self, kind: str = "turn", **facts: str | Path) -> list[Request]:
        """The requests so far, in order; `facts` such as tool="claude", cwd=... select."""
        wanted = {"kind": kind, **facts} if kind else facts
        return [
            request
            for request in self.all()
            if all(getattr(request, name) == str(value) for name, value in wanted.items())
        ]

    def until(
        self,
        wanted: str | Callable[[Request], object],
        timeout: float = 20,
        since: float = 0.0,
        **facts: str,
    ) -> Request:
        """The first request after `since` whose new text has the words, or that passes the test."""
        matches = wanted if callable(wanted) else lambda request: wanted in request.fresh
        for _ in looks(timeout):
            for request in self.requests(**facts):
                if request.t >= since and matches(request):
                    return request
        asked = "\n".join(map(repr, self.requests(**facts)))
        raise AssertionError(f"no request with {wanted!r} in {timeout} s, only:\n{asked}")

    def forget_rules(self) -> None:
        """From the next request on, only scripts are answered."""
        self.rules.unlink(missing_ok=True)

    def rule(self, pattern: str, action: str, cwd: Path | str = "*") -> None:
        """From the next request on, sessions in `cwd` answer what matches with the action."""
        told = json.loads(self.rules.read_text()) if self.rules.exists() else {}
        told.setdefault(str(cwd), []).append([pattern, action])
        fresh = self.rules.with_suffix(".new")
        fresh.write_text(json.dumps(told))
        fresh.replace(self.rules)
