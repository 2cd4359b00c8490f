"""Conversations: what agents were asked and did, from their clients' transcripts.

Only files that hooks told of are read (store/kept): no row of the database names one. An agent's
exchanges are those of all its sessions by time, so a number stays what it is: files only grow.
"""

import os
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain

from .. import adapters
from ..adapters import history
from ..bus.agent import Agent, refuse_remote
from ..bus.exchange import PERSON, Exchange, Prompt, Span, searched, span
from ..bus.render import one_line
from ..errors import HcomError, UnknownAgent, UsageError
from ..home import is_id
from ..hub import people
from ..store import agents, kept
from ..store import archive as stored
from ..store.connect import TROUBLE
from ..store.sieve import TOO_LONG, Sieve


class NoTranscript(HcomError):
    """The agent has none that can be read."""


class Conversation(namedtuple("Conversation", "agent histories places")):
    """An agent's exchanges, oldest first, each read when it is asked for: of position n (time,
    history, number in it) is `places[n - 1]`."""

    __slots__ = ()

    def is_gone(self, position: int) -> bool:
        """Whether the exchange was taken back."""
        _, found, number = self.places[position - 1]
        return number in found.known.gone

    def last(self, count: int) -> list[int]:
        """The newest positions that stand."""
        standing = (n for n in range(len(self.places), 0, -1) if not self.is_gone(n))
        return [n for n, _ in zip(standing, range(count))][::-1]

    def within(self, wanted: Span) -> list[int]:
        """The positions there that stand. HcomError where there are none."""
        there, name = len(self.places), self.agent.display
        found = range(wanted.first, min(wanted.last or there, there) + 1)
        standing = [n for n in found if not self.is_gone(n)]
        if not standing:
            why = f"exchange {wanted} was taken back" if found else f"{name} has {there} exchanges"
            raise HcomError(why, f"hcom transcript @{name}")
        return standing

    def exchange(self, position: int, brief: bool) -> Exchange:
        """One of them; without what tools gave back where it is to be `brief`."""
        _, found, number = self.places[position - 1]
        return history.exchange(found, number, position, self.agent.display, brief)

    def prompts(self) -> Iterator[Prompt]:
        """Those that a person typed, newest first."""
        for position in reversed(self.last(len(self.places))):
            at, found, number = self.places[position - 1]
            kind, text = history.prompt(found, number)
            if kind == PERSON:
                yield Prompt(self.agent.display, position, text, history.timestamp(at))


@contextmanager
def conversation(db, agent: Agent) -> Iterator[Conversation]:
    """The agent's, as it is now. NoTranscript."""
    reader = adapters.load(agent.tool, "transcript")
    if not reader.SIGNS:
        raise NoTranscript(f"{agent.display} has no transcript that hcom can read", "hcom list -v")
    paths, opened = _files(db, agent, reader), {}
    try:
        for path in paths:
            try:
                opened[path] = history.history(db.home, path, reader)
            except OSError:
                continue  # the client clears away what is old
        if not opened:
            why = (
                f"cannot be read: {paths[-1]}" if paths else "is not known yet: no hook told of it"
            )
            raise NoTranscript(f"the transcript of {agent.display} {why}", "hcom status")
        history.rewind(opened)
        found = list(opened.values())
        yield Conversation(agent, found, _ordered(found))
    finally:
        for one in opened.values():
            one.stream.close()


def _files(db, agent: Agent, reader) -> list[str]:
    """The transcripts of the agent's sessions, as far as they are proven: a hook of a session of
    its tool told of them. A subagent's is beside one of its parent's."""
    known = [kept.of(db.home, key) for key in agents.bindings(db, agent.parent or agent.name)]
    told = [said.transcripts for said in known if said.tool == agent.tool]
    paths = list(dict.fromkeys(path for some in told for path in reversed(some)))
    if not agent.parent:
        return paths
    beside = [reader.within(path, agent.session) for path in paths if is_id(agent.session)]
    return [path for path in beside if path and os.path.exists(path)]


def _ordered(found: list) -> list[tuple]:
    """All exchanges by time. What a client copied into another file is there once."""
    places = [(at, one, number) for one in found for number, at in enumerate(one.known.times)]
    places.sort(key=lambda place: place[0])
    return [
        place
        for before, place in zip([(0.0, None, 0), *places], places)
        if not place[0] or before[0] != place[0] or before[1] is place[1]
    ]


@contextmanager
def of(db, name: str) -> Iterator[Conversation]:
    """The conversation of who is called `name`, here or else in the newest archive that knows it.
    UnknownAgent, NoTranscript."""
    try:
        agent = people.named(db, name)
        refuse_remote(agent)
    except UnknownAgent:
        old = archived(db.home, name)  # whose database is open as long as this is there
        _, db, agent = next(old, ("", db, None))
        if agent is None:
            raise
    with conversation(db, agent) as found:
        yield found


def everyone(db) -> list[Agent]:
    """All agents of this device, also those that have left."""
    found = (agents.find(db, name) for name in agents.names(db))
    return [agent for agent in found if agent and not agent.device]


def archived(home, name: str) -> Iterator[tuple]:
    """Each agent in an archive that is called `name` ("": any), the newest first: the archive's
    name, its database, the agent."""
    from ..hub import archive  # seldom, and it takes long to load

    wanted = name.strip().lstrip("@").lower()
    for one in archive.every(home):
        try:
            with stored.open_archive(home, one.db) as db:
                for agent in everyone(db):
                    if wanted in ("", agent.name.lower(), agent.display.lower()):
                        yield one.name, db, agent
        except TROUBLE:
            continue  # of a version that had other columns, or damaged


def timeline(db, count: int) -> list[Prompt]:
    """The newest `count` prompts that persons typed to any agent here, oldest first."""
    found: list[Prompt] = []
    for agent in everyone(db):
        try:
            with conversation(db, agent) as one:
                found += (prompt for prompt, _ in zip(one.prompts(), range(count)))
        except NoTranscript:
            continue
    return sorted(found, key=lambda prompt: prompt.timestamp)[-count:]


def pointer(db, own: str, asked: str) -> str:
    """The line that hands over a slice: 5-10 of the agent `own`, or @name:5-10. HcomError where
    there is no such."""
    name, _, text = asked.rpartition(":")
    if not (name or own):
        raise UsageError("whose transcript? You are no agent", "--transcript @name:5-10")
    wanted = span(text)
    with of(db, name or own) as found:
        found.within(wanted)
        here, there = found.agent.display, len(found.places)
    which = Span(wanted.first, min(wanted.last or there, there))
    return f"transcript of {here}, {which}: hcom transcript @{here} {which}"


# -- search --

AROUND_CHARS = 60
PATTERN_S = 2.0  # on the text of one exchange
TEXT_CHARS = 4_000_000  # of one exchange: sqlite's values there have 16 MiB


# An exchange that has it: whose, which, and the words around it. `archive` is "" for now.
Hit = namedtuple("Hit", "name position timestamp excerpt archive")


def search(db, text: str, name: str, everywhere: bool) -> Iterator[Hit]:
    """The exchanges that have `text` in any case, or as a pattern where it is a /pattern/: of the
    agent `name`, else of all that are here, and of those in archives where it is to be
    `everywhere`. HcomError when the pattern cannot be used."""
    pattern = text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else ""
    here = [people.named(db, name)] if name else everyone(db)
    old = archived(db.home, name) if everywhere else ()
    with Sieve(db.home, PATTERN_S) if pattern else nullcontext() as sieve:
        _place(sieve, pattern, "")  # a wrong one is told at once
        for where, its, agent in chain((("", db, agent) for agent in here), old):
            try:
                with conversation(its, agent) as found:
                    for position in _candidates(found, "" if pattern else text):
                        one = found.exchange(position, False)
                        within = searched(one)[:TEXT_CHARS]
                        at = _place(sieve, pattern or text, within)
                        if at >= 0:
                            words = within[max(0, at - AROUND_CHARS) : at + 2 * AROUND_CHARS]
                            yield Hit(
                                agent.display, position, one.timestamp, one_line(words), where
                            )
            except NoTranscript:
                continue


def _candidates(found: Conversation, text: str) -> list[int]:
    """The positions that stand and where it may be."""
    there = {id(one): history.holding(one, text) for one in found.histories}
    places = enumerate(found.places, 1)
    return [
        n for n, (_, one, number) in places if number in there[id(one)] and not found.is_gone(n)
    ]


def _place(sieve, wanted: str, within: str) -> int:
    """Where it is found; -1 for nowhere. A user's pattern in a process that is ended in time."""
    if sieve is None:
        return within.lower().find(wanted.lower())
    try:
        return sieve.find(wanted, within.encode(errors="replace").decode())
    except TROUBLE as error:
        if TOO_LONG in str(error):
            why = f"the pattern takes longer than {PATTERN_S:.0f} s on one exchange"
            raise HcomError(why, "hcom transcript search TEXT") from None
        why = f"not a regular expression: /{wanted}/"
        raise UsageError(why, "hcom transcript search TEXT") from None
