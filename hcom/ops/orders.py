"""What another device asks this one to do: a message to hcom:BOXE, in the words of a command, and
the answer to it. Nothing is done but what the person here has allowed by `relay_allow`.
"""

import os
import re
import time
from contextlib import suppress

from ..adapters import TOOLS
from ..bus.address import MENTION
from ..bus.exchange import shown
from ..bus.message import EXTERNAL, Envelope, Sender
from ..bus.remote import HCOM, split
from ..bus.render import clean
from ..config import ALLOWED, words
from ..errors import HcomError, UnknownAgent, told
from ..store.connect import open_db
from . import agents, launch, relay, talk, transcripts

ANSWER_CHARS = 60_000  # of a transcript
EXCHANGES = 10


def _stop(home, _env, asker: str, given: "list[str]") -> str:
    now = time.time()
    with open_db(home) as db:
        targets = agents.chosen(db, [word for word in given if word != "all"], now)
        agents.stop(db, targets, asker, "stopped", now)
    return "stopped " + ", ".join(agent.display for agent in targets)


def _transcript(home, _env, _asker: str, given: "list[str]") -> str:
    name, count = (*given, str(EXCHANGES))[:2]
    if not re.fullmatch("[0-9]+", count):
        raise HcomError(f"not a count: {count!r}")
    with open_db(home) as db, transcripts.of(db, name) as found:
        last = [found.exchange(one, True) for one in found.last(int(count[:6]))]
    text = "\n\n".join(shown(one, False, False) for one in last) or "nothing yet"
    return f"{name}, the newest {len(last)} exchanges:\n\n" + clean(text)[-ANSWER_CHARS:]


def _launch(home, env, asker: str, given: "list[str]") -> str:
    count, rest = (int(given[0][:3]), given[1:]) if re.fullmatch("[0-9]+", given[0]) else (1, given)
    if not rest or rest[0] not in TOOLS:
        raise HcomError("launch what?", "launch [N] " + "|".join(TOOLS) + " [arguments]")
    where = os.path.expanduser("~")
    spec = launch.LaunchSpec(rest[0], rest[1:], where, env, asker, True, launch.counted(count))
    batch = launch.elsewhere(home, spec)
    if batch.errors:
        raise HcomError("; ".join(batch.errors))
    return "launched " + ", ".join(batch.agents)


ACTS = dict(zip(ALLOWED, (_stop, _launch, _transcript)))


def obey(home, env, asker: str, number: int, text: str) -> None:
    """`asker`, on another device, has the answer to its message `number`: what was done, or why
    nothing was."""
    try:
        address = MENTION.match(text)
        verb, *given = words(text[address.end() :] if address else text) or [""]
        if verb not in ACTS:
            raise HcomError(f"{verb!r} cannot be asked for", "one of " + ", ".join(ACTS))
        settings = relay.settings(home)
        if verb not in settings.relay_allow.split(","):
            hint = f"a person there: hcom config relay_allow {verb}"
            raise HcomError(f"{verb} is not allowed to other devices here", hint)
        if verb == "launch" and not settings.relay_key:  # who runs the relay could ask for it
            raise HcomError("launch is allowed in a room with a relay_key only")
        if not given:
            raise HcomError(f"{verb} whom, or what?")
        intent, said = "inform", ACTS[verb](home, env, asker, given)
    except HcomError as error:
        intent, said = "error", told(error)
    sender, envelope = Sender(HCOM, EXTERNAL), Envelope(intent, str(number))
    with suppress(UnknownAgent), open_db(home) as db:  # who asked may have left
        talk.send(db, sender, clean(said), f"@{asker}", envelope, time.time())


def ask(db, sender: Sender, order: str, whose: str, now: float) -> str:
    """The device of the agent `whose` (luna:BOXE) is asked for the `order`; a line that says so."""
    name, there = split(whose.lstrip("@"))
    try:
        sent = talk.send(db, sender, f"{order} {name}", f"@{HCOM}:{there}", Envelope(), now)
    except UnknownAgent:
        raise HcomError(f"no device {there!r}", "hcom relay") from None
    return f"asked {there} (#{sent.id}); its answer comes as a message"
