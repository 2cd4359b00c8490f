"""hcom stop: agents leave the bus; their clients go on."""

from ...bus.agent import is_far
from ...errors import HcomError
from ...ops import agents, orders
from ...store.connect import open_db
from ..model import Command


def run(call) -> int:
    with open_db(call.home) as db:
        own = call.identify(db)
        if not call.words and own is None:
            raise HcomError("stop whom? This session is no agent of hcom", "hcom stop NAME")
        far = [word for word in call.words if is_far(word) and not word.startswith("tag:")]
        for word in far:
            call.say(orders.ask(db, call.sender(db), "stop", word, call.now))
        if far and len(far) == len(call.words):
            return 0
        call.words = [word for word in call.words if word not in far]
        targets = agents.chosen(db, call.words, call.now) if call.words else [own]
        agents.stop(db, targets, call.asker(db), "stopped", call.now)
        gone = {a.name for a in targets if a.headless and call.words}
        running = [a.name for a in agents.loose(db, call.now) if a.name in gone]
    call.agent = None
    if running:
        call.tell(f"hcom: without a window, and still runs: hcom kill {' '.join(running)}")
    call.say("stopped " + ", ".join(a.display for a in targets) if targets else "no agents")
    return 0


COMMAND = Command(
    "stop",
    "Leave; or make others leave. Their programs go on",
    (
        ("hcom stop", "This session leaves hcom"),
        ("hcom stop NAME NAME ...", "These leave"),
        ("hcom stop tag:NAME", "All with the tag"),
        ("hcom stop all", "Everyone here"),
        ("hcom stop NAME:BOXE", "One on another device, if that allows it (relay_allow)"),
    ),
    (),
    run,
    "names",
    ("hcom stop luna", "hcom stop all"),
)
