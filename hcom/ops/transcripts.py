"""Conversations: what agents were asked and did, from their clients' transcripts.

Only files that hooks told of are read (store/kept): no row of the database names one. An agent's
exchanges are those of all its sessions by time, so a number stays what it is: files only grow.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from .. import adapters
from ..adapters import history
from ..adapters.history import History
from ..bus.agent import Agent
from ..bus.exchange import PERSON, Exchange, Prompt, Span, searched, span
from ..bus.render import one_line
from ..errors import HcomError, UnknownAgent, UsageError
from ..home import is_id
from ..hub import archive, people
from ..store import agents, kept
from ..store import archive as stored
from ..store.connect import SQL_S, TROUBLE
from ..store.sieve import TOO_LONG, Sieve


class NoTranscript(HcomError):
    """The agent has none that can be read."""


class Place(NamedTuple):
    """Where an exchange is: when it began, in which of the histories, as which number there."""

    at: float
    history: int
    number: int


class Conversation(NamedTuple):
    """An agent's exchanges, oldest first: `places[position - 1]`. What is in it is read when it is
    asked for."""

    agent: Agent
    histories: list[History]
    places: list[Place]

    def is_gone(self, position: int) -> bool:
        """Whether the exchange was taken back."""
        place = self.places[position - 1]
        return place.number in self.histories[place.history].known.gone

    def last(self, count: int) -> list[int]:
        """The newest positions that stand."""
        standing = (n for n in range(len(self.places), 0, -1) if not self.is_gone(n))
        return [n for n, _ in zip(standing, range(count))][::-1]

    def within(self, span: Span) -> list[int]:
        """The positions in `span` that stand. HcomError where there are none."""
        there, name = len(self.places), self.agent.display
        if span.first > there:
            raise HcomError(f"{name} has {there} exchanges", f"hcom transcript @{name}")
        found = range(span.first, min(span.last or there, there) + 1)
        if standing := [n for n in found if not self.is_gone(n)]:
            return standing
        raise HcomError(f"#{span.first} was taken back by who asked it", f"hcom transcript @{name}")

    def exchange(self, position: int) -> Exchange:
        """One of them, whole."""
        place = self.places[position - 1]
        found = self.histories[place.history]
        return history.exchange(found, place.number, position, self.agent.display)

    def prompts(self, count: int) -> Iterator[Prompt]:
        """The newest `count` that a person typed, newest first."""
        for position in reversed(self.last(len(self.places))):
            place = self.places[position - 1]
            found = self.histories[place.history]
            kind, text = history.prompt(found, place.number)
            if kind == PERSON and count > 0:
                at = history.timestamp(place.at)
                yield Prompt(self.agent.display, position, text, at)
                count -= 1
            if not count:
                return


@contextmanager
def conversation(db, agent: Agent) -> Iterator[Conversation]:
    """The agent's, as it is now. HcomError where there is none."""
    reader = adapters.load(agent.tool, "transcript")
    if not reader.SIGNS:
        raise NoTranscript(f"{agent.display} has no transcript: its client is none that hcom reads")
    found: list[History] = []
    try:
        known = _files(db, agent, reader)
        for path in known:
            try:
                found.append(history.history(db.home, path, reader))
            except OSError:
                continue  # the client clears away what is old
        if not found:
            why = f"is gone: {known[-1]}" if known else "is not known: no hook has told of it"
            raise NoTranscript(f"the transcript of {agent.display} {why}", "hcom list -v")
        yield Conversation(agent, found, _ordered(found))
    finally:
        for one in found:
            one.stream.close()


def _files(db, agent: Agent, reader) -> list[str]:
    """The transcripts of the agent's sessions, oldest first, as far as they are proven: a hook of a
    session of its tool told of them. A subagent's is beside one of its parent's."""
    owner = agent.parent or agent.name
    paths: dict[str, None] = {}
    for session in sorted({*agents.bindings(db, owner)}):
        said = kept.of(db.home, session)
        if said.tool == agent.tool:
            paths.update(dict.fromkeys(reversed(said.transcripts)))
    if not agent.parent:
        return list(paths)
    beside = [reader.within(path, agent.session) for path in paths if is_id(agent.session)]
    return [path for path in beside if path and os.path.exists(path)]


def _ordered(found: list[History]) -> list[Place]:
    """All exchanges by time. What a client copied into another file is there once."""
    places = [
        Place(at, which, number)
        for which, one in enumerate(found)
        for number, at in enumerate(one.known.times)
    ]
    places.sort(key=lambda place: place.at)
    return [
        place
        for before, place in zip([None, *places], places)
        if before is None or not place.at or before.at != place.at or before[1] == place.history
    ]


@contextmanager
def of(db, name: str) -> Iterator[Conversation]:
    """The conversation of who is called `name`, here or else in the newest archive that knows it.
    UnknownAgent, HcomError."""
    try:
        agent = people.named(db, name)
    except UnknownAgent:
        for _, old, agent in archived(db.home):
            if name.strip().lstrip("@").lower() in (agent.name.lower(), agent.display.lower()):
                with conversation(old, agent) as found:
                    yield found
                return
        raise
    with conversation(db, agent) as found:
        yield found


def archived(home) -> Iterator[tuple[str, Any, Agent]]:
    """Each agent in an archive, the newest first: the archive's name, its database, the agent."""
    for one in archive.every(home):
        try:
            with stored.open_archive(home, one.db, SQL_S) as db:
                for agent in everyone(db):
                    yield one.name, db, agent
        except TROUBLE:
            continue  # of a version that had other columns, or damaged


def timeline(db, count: int) -> list[Prompt]:
    """The newest `count` prompts that persons typed to any agent here, oldest first."""
    found: list[Prompt] = []
    for agent in everyone(db):
        try:
            with conversation(db, agent) as one:
                found += one.prompts(count)
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
        here, upto = found.agent.display, min(wanted.last or len(found.places), len(found.places))
    which = Span(wanted.first, upto)
    return f"transcript of {here}, {which}: hcom transcript @{here} {which}"


# -- search --


class Pattern(NamedTuple):
    """What is searched for: `text` in any case, or as a regular expression."""

    text: str
    regular: bool

    @classmethod
    def of(cls, given: str) -> "Pattern":
        """TEXT or /regex/ as one."""
        regular = len(given) > 2 and given[0] == given[-1] == "/"
        return cls(given[1:-1] if regular else given, regular)


class Hit(NamedTuple):
    """An exchange that has it: whose, which, and the words around it. `archive` is "" for now."""

    name: str
    position: int
    timestamp: str
    excerpt: str
    archive: str


AROUND_CHARS = 60
PATTERN_S = 1.0  # on the text of one exchange
TEXT_CHARS = 4_000_000  # of one exchange: sqlite's values there have 16 MiB


def search(db, wanted: Pattern, name: str, everywhere: bool) -> Iterator[Hit]:
    """The exchanges that have what is `wanted`: of the agent `name`, else of all that are here, and
    of those in archives where it is to be `everywhere`. HcomError when the pattern cannot be used.
    """
    with Sieve(db.home, PATTERN_S) if wanted.regular else nullcontext() as sieve:
        look = _pattern(sieve, wanted.text) if sieve else _plain(wanted.text)
        look("")  # a wrong one is told at once
        for agent in [people.named(db, name)] if name else everyone(db):
            yield from _hits(db, agent, wanted, look, "")
        for where, old, agent in archived(db.home) if everywhere else ():
            if not name or name.lstrip("@").lower() in (agent.name.lower(), agent.display.lower()):
                yield from _hits(old, agent, wanted, look, where)


def everyone(db) -> list[Agent]:
    """All agents of the database, also those that have left."""
    return [agent for name in agents.names(db) if (agent := agents.find(db, name))]


def _hits(db, agent: Agent, wanted: Pattern, look, where: str) -> Iterator[Hit]:
    try:
        with conversation(db, agent) as found:
            for position in _candidates(found, wanted):
                text = searched(one := found.exchange(position))[:TEXT_CHARS]
                at = look(text)
                if at >= 0:
                    excerpt = text[max(0, at - AROUND_CHARS) : at + 2 * AROUND_CHARS]
                    yield Hit(agent.display, position, one.timestamp, one_line(excerpt), where)
    except NoTranscript:
        return


def _candidates(found: Conversation, wanted: Pattern) -> Iterator[int]:
    """The positions that stand and where it may be."""
    numbers = [
        range(len(one.known.places)) if wanted.regular else set(history.holding(one, wanted.text))
        for one in found.histories
    ]
    return (
        position
        for position, place in enumerate(found.places, 1)
        if place.number in numbers[place.history] and not found.is_gone(position)
    )


def _plain(text: str):
    wanted = text.lower()
    return lambda within: within.lower().find(wanted)


def _pattern(sieve: Sieve, text: str):
    """Where a pattern of the user's is found, in a process that is ended in time."""

    def look(within: str) -> int:
        try:
            return sieve.find(text, within)
        except TROUBLE as error:
            if TOO_LONG in str(error):
                why = f"the pattern takes longer than {PATTERN_S:.0f} s on one exchange"
                raise HcomError(why, "hcom transcript search TEXT") from None
            why = f"not a regular expression: /{text}/"
            raise UsageError(why, "hcom transcript search TEXT") from None

    return look
