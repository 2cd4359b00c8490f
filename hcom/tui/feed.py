"""What the dashboard shows, read from the bus: around the event that is looked at, however long the
log is."""

import shlex
from collections import namedtuple

from ..bus.agent import BIGBOSS
from ..errors import UsageError
from ..ops import agents, look
from ..store import agents as stored
from ..store import deliveries, events, filters, requests
from ..store.connect import open_db
from .place import moment
from .state import Asked, Data, State, folded, ordered

COUNT = 150  # events on either side: more than the largest screen shows
PERSON_COUNT = 200  # of the messages to the person, the newest
BUSY_S = 0.25  # a locked database is said, and looked at again


# A filter as it was typed: the flags of `hcom events`, a preset, and words that are in what was
# said.
Filter = namedtuple("Filter", "flags preset words")


def parsed(text: str) -> Filter:
    """What a filter as typed asks for. UsageError."""
    found = Filter({}, None, [])
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError(f"a quote is not closed: {text}") from None
    for word in words:
        name, colon, value = word.partition(":")
        if name in filters.FLAGS and colon:
            found.flags[name] = value
        elif colon and name in (*filters.PRESETS, *filters.COMMANDS) and not found.preset:
            found = found._replace(preset=word)
        elif colon:
            known = ": ".join(dict.fromkeys([*filters.FLAGS, *filters.PRESETS, *filters.COMMANDS]))
            raise UsageError(f"not in a filter: {word}", f"use a word, {known}:")
        else:
            found.words.append(word)
    return found


def where(db, text: str, now: float) -> filters.Where:
    """The filter, as what is looked for. HcomError."""
    said = parsed(text)
    flagged = look.where(db, said.preset, said.flags, now)
    found = None if flagged is look.EVERYTHING else flagged
    for word in said.words:
        found = filters.both(found, filters.text(word))
    return found or flagged


def names(db, found, *more: str) -> dict[str, str]:
    """What people see of those with a tag, by their names: of all whom the events are of or went
    to, and more."""
    named = {*more}
    for event in found:
        named |= {event.instance, event.data.get("by"), *event.data.get("delivered_to", ())}
    return {agent.name: agent.display for agent in stored.tagged(db, named)}


def read(home, state: State, now: float) -> "tuple[Data, object]":
    """What is so by now, and which database file says so. HcomError."""
    with open_db(home, BUSY_S) as db:
        wanted = where(db, state.filter, now)
        around, before, behind = look.around(db, wanted, state.event or events.last_id(db), COUNT)
        here = agents.here(db, now)
        last: dict[str, Asked] = {}
        for number, sender, text, at in requests.of_person(db, PERSON_COUNT):
            last[sender] = Asked(number, text, moment(at).timestamp())
        low, high = (around[0].id, around[-1].id) if around else (0, 0)
        messages = [event.id for event in around if event.type == "message"]
        receipts = deliveries.receipts_of(db, messages)
        counts: dict[int, int] = {}
        if state.folds and "thread:" not in state.filter:
            mine = [n for n, states in receipts.items() if states.get(BIGBOSS) == deliveries.QUEUED]
            around, counts = folded(around, mine)
        data = Data(
            ordered(here, last),
            tuple(around),
            events.acts(db, low, high),
            receipts,
            last,
            deliveries.count_queued(db, BIGBOSS),
            folded=counts,
            low=before,
            high=behind,
            names=names(db, around, *(seen.agent.name for seen in here)),
        )
        return data, db.file
