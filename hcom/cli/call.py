"""One command call: what it was given, who calls, and where its output goes."""

import errno
import json
import os
import select
import stat
import sys
import time

from ..bus.agent import BIGBOSS, PROGRAM, Agent
from ..bus.message import Sender
from ..bus.render import clean
from ..errors import HcomError
from ..home import Home
from ..hub import people
from ..ops.caller import PERSON, surroundings

LEAVE_MS = 100  # what has read the last byte and wants no more closes the pipe in a few ms
READ_S = 1.0  # a reader may take this long until it reads at all


def json_line(value) -> str:
    """The value as a line of JSON: letters as they are, of which a model pays for each escape, and
    what is none (a control character, half a letter) escaped, for it may come to a terminal."""
    text = json.dumps(value, ensure_ascii=False)
    odd = {ord(c): json.dumps(c)[1:-1] for c in set(text) if not c.isprintable()}
    return text.translate(odd) + "\n"


class Call:
    """The values of one call; `words` are the free arguments, `tail` those behind -- or None."""

    def __init__(self, home: Home, env, values, words, tail, now: float):
        self.home, self.env, self.values = home, env, values
        self.words, self.tail, self.now = words, tail, now
        self.caller = surroundings(env)
        self.tool = self.caller.tool
        self.agent: Agent | None = None

    def identify(self, db):
        """The agent that this call speaks for, None when there is none; remembered."""
        self.caller = people.proven(db, self.caller)
        self.agent = self.vouched(lambda: people.speaker(db, self.caller, self.values.name or ""))
        return self.agent

    def vouched(self, act):
        """What `act()` comes to; where that is not for everybody, the person at this terminal says
        whether it may be. Elsewhere when it may not."""
        try:
            return act()
        except people.Elsewhere as error:
            if self.tool or self.caller.launch or not (sys.stdin.isatty() and os.isatty(1)):
                raise
            sys.stderr.write(f"hcom: {clean(error.message)}. Go on all the same? [y/N] ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise
        self.caller = self.caller._replace(vouched=True)
        return act()

    @property
    def is_person(self) -> bool:
        """Whether the person at this terminal asks, once `identify` has found no agent."""
        return self.agent is None and not self.tool and sys.stdin.isatty()

    def sender(self, db, otherwise: str = "") -> Sender:
        """Who speaks: the agent, or the person at this terminal. HcomError when that is unclear,
        with what else there is to say."""
        agent = self.agent or self.identify(db)
        if agent is not None:
            return people.sender(agent, "")
        if self.is_person:
            return PERSON
        raise HcomError(
            "who are you? This session is no agent of hcom",
            "hcom start, or --name NAME" + otherwise,
        )

    def owner(self, db) -> str:
        """The name of whom what is made belongs to: the agent, else the person. HcomError in a
        client's session that is no agent: it is not the person."""
        return self.sender(db).name if self.tool or self.identify(db) else BIGBOSS

    def asker(self, db) -> str:
        """The name of who speaks, for others to read; not the person's, unless it is the person."""
        try:
            return self.sender(db).name
        except HcomError:
            return PROGRAM

    def say(self, text: str = "") -> None:
        """A line of results."""
        sys.stdout.write(clean(text) + "\n")

    def say_json(self, value) -> None:
        """A value as one line of JSON."""
        sys.stdout.write(json_line(value))

    def show(self, value, text: str) -> None:
        """A result: `value` as JSON where the call asks for that, else `text`."""
        if self.values.json:
            self.say_json(value)
        else:
            self.say(text)

    def tell(self, text: str) -> None:
        """A word to the person, not part of the results."""
        sys.stderr.write(clean(text) + "\n")

    def print(self, text: str) -> None:
        """`text` is with whoever reads our output. OSError when nobody does."""
        sys.stdout.write(text)
        sys.stdout.flush()
        see_it_read()


def see_it_read() -> None:
    """Whoever reads our output by a pipe reads on. BrokenPipeError when it has left, as `| head -1`
    does, though all of the text fitted into the pipe."""
    try:
        descriptor = sys.stdout.fileno()
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return
    except (AttributeError, ValueError):
        return  # a stream of the caller's own
    watch = select.poll()
    watch.register(descriptor, 0)  # an error is reported even so
    end = time.monotonic() + READ_S
    while not watch.poll(LEAVE_MS):
        if not _unread(descriptor) or time.monotonic() > end:
            return
    raise BrokenPipeError(errno.EPIPE, "the reader has left")


def _unread(descriptor: int) -> int:
    """How many bytes nobody has read from the pipe yet; 0 where the system does not tell."""
    import fcntl
    import termios

    try:
        return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def flush_quietly() -> None:
    """Nothing of ours is written to a closed output any more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
