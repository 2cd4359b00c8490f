"""hcom stop: agents leave the bus; their clients go on."""

import time

from ...bus.agent import BIGBOSS
from ...errors import HcomError
from ...hub import people
from ...ops.after import Done, after
from ...store.connect import open_db
from ..model import Command


def chosen(call, db, words) -> list:
    """The agents that `words` name: names, tag:NAME, all. UnknownAgent when one means nobody."""
    everyone = people.listed(db, time.time())
    found = []
    for word in words:
        if word == "all":
            found += everyone
        elif word.startswith("tag:"):
            tagged = [a for a in everyone if a.tag.lower() == word[4:].lower() and a.tag]
            if not tagged:
                raise HcomError(f"no agent has the tag {word[4:]!r}", "hcom list")
            found += tagged
        else:
            found.append(people.known(db, word))
    return list({a.name: a for a in found}.values())


def leave(call, db, agent, own, reason: str) -> tuple[str, list[str]]:
    """`agent` has left at the wish of `own` (None: the person): its name, and what its hooks know
    it by."""
    keys = people.leave(db, agent, own.name if own else BIGBOSS, reason, call.now)
    return agent.name, [*keys, f"pid-{agent.pid}"]


def run(call) -> int:
    with open_db(call.home) as db:
        own = call.identify(db)
        if not call.words and own is None:
            raise HcomError("stop whom? This session is no agent of hcom", "hcom stop NAME")
        targets = chosen(call, db, call.words) if call.words else [own]
        left = [leave(call, db, agent, own, "stopped") for agent in targets]
    call.agent = None
    after(call.home, Done(left=left))
    call.say("stopped " + ", ".join(a.display for a in targets) if targets else "no agents")
    return 0


COMMAND = Command(
    "stop",
    "Leave; or make others leave. Their programs go on",
    (
        ("hcom stop", "This session leaves hcom"),
        ("hcom stop NAME NAME ...", "These leave"),
        ("hcom stop tag:NAME", "All with the tag"),
        ("hcom stop all", "Everyone"),
    ),
    (),
    run,
    "names",
    ("hcom stop luna", "hcom stop all"),
)
