"""hcom demo: hcom at work, with no client and no account."""

import os
import shlex
import signal
import sys

from ..model import Command, Option

ENDS = (signal.SIGTERM, signal.SIGHUP)


def run(call) -> int:
    from ...demo.place import Place
    from ...demo.show import Show

    def say(text: str) -> None:
        call.say(text)
        sys.stdout.flush()

    for number in ENDS:
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    place = Place(call.env)
    try:
        say(f"Two agents at work, in {place.root}: nothing of yours is touched.")
        say("Their clients and models are stand-ins; hooks, wrapper and messages are hcom's own.")
        place.build()
        Show(place, say, _ask).run()
    finally:
        for number in (signal.SIGINT, *ENDS):
            signal.signal(number, signal.SIG_IGN)  # what is begun is left as it should be
        place.close()
        if not call.values.keep:
            place.remove()
    if call.values.keep:
        words = shlex.join([f"HOME={place.home}", place.path("bin", "hcom"), "events"])
        say(f"\nKept, to look into: env -u HCOM_DIR {words}")
    else:
        say("\nAll ended, and the directory is gone. With a client of yours: hcom claude")
    return 0


def _ask(question: str) -> str | None:
    """What the person says; None when nobody is at a terminal."""
    if not (sys.stdin.isatty() and os.isatty(1)):
        return None
    sys.stdout.write(question)
    sys.stdout.flush()
    line = sys.stdin.readline()
    return line.strip() if line else None


COMMAND = Command(
    "demo",
    "Watch agents at work; needs no client and no account",
    (("hcom demo", "Two agents message, warn, read and ask, in a directory of their own"),),
    (Option("--keep", "Leave the directory, to look into it (default: it is removed)"),),
    run,
    "",
    ("hcom demo",),
    """
The directory is made below TMPDIR. Ctrl-C ends it at any time; nothing is left.
""",
)
