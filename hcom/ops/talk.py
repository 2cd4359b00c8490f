"""Messages, as a person, an agent or a program sends and takes them."""

import os
import time
from collections import namedtuple
from contextlib import contextmanager, suppress
from functools import partial

from .. import adapters
from ..bus import address, message, names
from ..bus.agent import ACTIVE, ADHOC, BIGBOSS, LISTEN, LISTENING
from ..bus.message import EXTERNAL, Sender
from ..bus.remote import HCOM
from ..delivery import bell
from ..delivery.gate import Why
from ..errors import HcomError, StoreError, UsageError
from ..hub import mail
from ..store import agents, deliveries, events, kept
from ..store.connect import transaction
from .after import Done, after

LOOK = "look"  # the context of who listens where no doorbell can be had
BEHIND_CHARS = 6_000  # clients cut the middle out of a command's output, Codex from 10 kB on


# A message that is stored: its id, the names people see of those it went to, who of them has ended
# and reads it when it is resumed, whom no hook brings it, and who cannot be woken, the last two
# with the reason.
Sent = namedtuple("Sent", "id to ended deaf unwoken")


def external(db, name: str) -> Sender:
    """The program that calls itself `name`. HcomError when it could be taken for somebody else."""
    name = names.check_external(name)
    taken = {n.lower() for a in agents.every(db) for n in (a.display, a.tag)}
    if name.lower() in taken or agents.find(db, name):
        raise HcomError(
            f"nothing sent: {name} is an agent's name", "choose another name for --from"
        )
    return Sender(name, EXTERNAL)


def send(db, sender: Sender, text: str, addressed: str, envelope: message.Envelope, now) -> Sent:
    """The message is stored, and those it goes to are on their way to it.

    `addressed` is the part of `text` in which addresses are looked for; without any it goes to
    everyone, a reply to whom it answers. UnknownAgent, HcomError: nothing is sent.
    """
    if addressed == text and not address.MENTION.sub("", text).strip():
        raise UsageError("nothing sent: an address and no text", "hcom send @name -- text")
    sent = mail.send(db, sender, text, address.mentions(addressed), envelope, now)
    found = [agent for agent in (agents.find(db, name) for name in sent.to) if agent]
    shown = [agent.display for agent in found]
    shown += [name for name in sent.to if name.partition(":")[0] in (BIGBOSS, HCOM)]
    after(db.home, Done(sent.to, sent.wakes, sent.parents, watched=events.is_watched(db)))
    ended = [agent.name for agent in found if agent.ended_at is not None]
    deaf = [_named(a, kept.proven(db.home, a).client) for a in found if is_deaf(db.home, a)]
    unwoken = [
        f"{agent.display}: {agent.wake_failure}"
        for agent in (agents.find(db, a.name) for a in found)  # as it is after the wake
        if agent and agent.wake_failure.startswith(Why.REFUSED.value)
        if not kept.proven(db.home, agent).client.get("waits")  # its waiter comes yet
    ]
    return Sent(sent.id, shown, ended, deaf, unwoken)


def _named(agent, client) -> str:
    """The agent, with what its client's version lacks where the launch knew that."""
    return f"{agent.display}, for {client['lacks']}" if client.get("lacks") else agent.display


def is_heard(home, agent) -> bool:
    """Whether hooks are known to bring the agent its mail: its session's, or those of its parent's,
    without which it would not be."""
    return agent.tool != ADHOC and (bool(agent.parent) or kept.heard(home, agent))


def is_deaf(home, agent) -> bool:
    """Whether hooks are to bring the agent its mail, and none of its session was ever heard, nor
    can be by waking it. In a session that joined by a command the prompt was heard or is not."""
    hooked = agent.tool in adapters.TOOLS and (agent.session or agent.launch or agent.pid)
    if not hooked or is_heard(home, agent) or agent.ended_at is not None:
        return False
    known = kept.proven(home, agent)
    waits = agent.launch and (
        known.client.get("wake") or adapters.load(agent.tool, "screen").answers(known)
    )
    return not waits or agent.wake_failure.startswith(Why.DEAF.value)


def handed_over(db, own: str, transcript: str, file: str, event: int) -> list[str]:
    """Lines that say what goes with a message and how to read it: exchanges (5-10 of the agent
    `own`, or @name:5-10), a file, an event; "" and 0 for none. HcomError where it is not there."""
    found = []
    if transcript:
        from . import transcripts  # seldom

        found.append(transcripts.pointer(db, own, transcript))
    if file:
        path = os.path.abspath(file)
        if not (os.path.isfile(path) and os.access(path, os.R_OK)):
            raise HcomError(f"nothing sent: no file that can be read: {file!r}", "ls -l")
        found.append(f"file: {path} ({os.path.getsize(path):,} bytes)")
    if event:
        one = events.find(db, event)
        if one is None:
            raise HcomError(f"nothing sent: no event #{event}", "hcom events --last 20")
        option = f"--message {event}" if one.type == "message" else f'--sql "id = {event}"'
        found.append(f"event #{event}: hcom events {option}")
    return found


def waiting(db, agent, now: float) -> int:
    """How many messages wait for `agent`; what an earlier command printed has been read by now."""
    from . import evidence  # who sends has no use for it

    evidence.settle(db, agent, evidence.COMMAND, now)
    return deliveries.count_queued(db, agent.name)


def hand(db, agent, budget: int, write, most: "int | None" = None) -> bool:
    """`write(leased)` has put what waits for `agent` where it is read, at most `budget` characters
    of it (0: all) and `most` messages; False when nothing waits. What OSError keeps from being
    written is queued again."""
    from ..adapters.base import OUTPUT, size

    path = kept.of(db.home, agent.session).transcript
    into = deliveries.Into(OUTPUT, path, size(path))
    with transaction(db):
        leased = mail.lease(db, agent, into, budget, time.time(), None, most)
    if not leased.messages:
        return False
    try:
        write(leased)
    except OSError:
        mail.released(db, agent.name, leased.ids)
        raise
    mail.delivered(db, agent.name, leased.ids, time.time())
    return True


def seen_by_person(db, ids, now: float) -> None:
    """The person has these messages, of those that waited, on a screen and has been there."""
    mail.shown(db, BIGBOSS, ids, now)
    after(db.home, Done(watched=False))


@contextmanager
def _shown(db, agent, context: str):
    """The agent is seen to listen, and one without hooks to work on behind it. To who has hooks
    that is a tool of its turn."""
    hooked = is_heard(db.home, agent)

    def is_now(status: str) -> None:
        say = agents.used_tool if hooked else partial(agents.set_status, status=status)
        with suppress(StoreError), transaction(db):
            say(db, agent.name, context=context, detail="", now=time.time())
        if not hooked:  # the wrapper hears it from no hook
            bell.ring(db.home, [agent.name])

    is_now(LISTENING)
    try:
        yield
    finally:
        is_now(ACTIVE)


def listen(db, agent, timeout: float, write) -> bool:
    """What waits for `agent`, or comes within `timeout` seconds, is handed to `write(leased)`;
    False when nothing came."""
    end = time.monotonic() + timeout
    with bell.Bell(db.home, agent.name) as rings, _shown(db, agent, LISTEN if rings.path else LOOK):
        while not (waiting(db, agent, time.time()) and hand(db, agent, 0, write)):
            left = end - time.monotonic()
            if left <= 0:
                return False
            rings.wait(min(left, bell.SAFETY_S))
            db.wait_on()
    return True
