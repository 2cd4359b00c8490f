"""How this device and the relay are with each other, found out by talking to it now.

What is said and taken on the way is what a worker would say and take, and may be so beside one.
"""

import time
from collections import namedtuple
from contextlib import closing
from urllib.parse import quote

from ..delivery import bell
from ..errors import HcomError
from ..ops import relay
from ..store.connect import open_db
from .main import Ledger, member, way
from .worker import ANSWERS, PUSH_S, Worker

BACK_S = 5.0  # so long what was pushed may take to come back


class Probe(namedtuple("Probe", "error wire pushed_s back_s", defaults=(0, 0.0, 0.0))):
    """How long it took until the relay had all of this device, and until that came back, which is
    not asked on `wire` 1; or why it did not, else ""."""

    __slots__ = ()


def probe(home, env) -> Probe:
    """All that is here is told, all that is there is taken, and what was told came back. HcomError
    where nothing is set, or the relay is off."""
    settings = relay.set_up(home)
    if not relay.is_on(settings):
        raise HcomError("the relay is off", "hcom relay on")
    with open_db(home) as db:
        own = relay.begin(db, settings)
    with closing(way(home, settings, env)) as there:
        ledger, began = Ledger(home, settings, bell.Bell(home, bell.RELAY), env), time.monotonic()
        worker = Worker(ledger, member(own.id, settings), lambda: there, own.cursor)
        error = worker.once(there)
        pushed = time.monotonic() - began
        if error or there.wire == 1:
            return Probe(error, there.wire, pushed)
        back = _came_back(there, own, ledger.number)
        return Probe(back, there.wire, pushed, time.monotonic() - began)


def _came_back(way, own, number: int) -> str:
    """Why the newest state of this device did not come back from the relay, "" when it did."""
    cursor = own.cursor
    for _ in range(ANSWERS):
        answer = way.ask("GET", f"/poll?cursor={quote(cursor)}&timeout={BACK_S:g}", None, PUSH_S)
        if answer.status != 200:
            return str(answer.said.get("error") or f"the server said {answer.status}")
        mine = (answer.said.get("devices") or {}).get(own.id) or {}
        if (mine.get("state") or {}).get("seq", -1) >= number:
            return ""
        if cursor == answer.said.get("cursor"):
            break
        cursor = str(answer.said.get("cursor"))
    return "what was pushed did not come back"


def facts(home, env, now: float) -> dict:
    """All that `hcom relay` says. HcomError where nothing is set."""
    found = probe(home, env) if relay.is_on(relay.set_up(home)) else Probe("")
    return {**relay.facts(home, now), "probe": found._asdict()}
