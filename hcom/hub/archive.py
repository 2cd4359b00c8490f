"""Archives: what was before each reset, a folder each under HCOM_DIR/archive.

A reset writes its folder under a hidden name, empties the database in the transaction that notes
this name, and then gives the folder its own. Whenever it dies, everything is in the database or in
the folder, which the next reset finishes or forgets.
"""

import json
import os
import shutil
import time
from collections import namedtuple
from contextlib import suppress

from ..bus.agent import BIGBOSS, RECENT_S, Agent
from ..errors import DamagedError, HcomError, StoreError
from ..home import Lock, create, cure, private_folder, read, write_private
from ..process import ended
from ..store import agents, events
from ..store import archive as stored
from ..store.connect import BESIDE, open_db, transaction

PART = ".part-"


class Archive(namedtuple("Archive", "name path facts")):
    """One archive: its stable name, its folder, and what `stored.facts` says of it."""

    __slots__ = ()

    @property
    def db(self) -> str:
        """Its database."""
        return os.path.join(self.path, "hcom.db")


# What a reset did: the archive ("" when there was nothing), the agents that go on, and how many
# messages who had not seen, when he does not go on; `set_aside` is that archive again where the
# database could not be read.
Done = namedtuple("Done", "archive kept lost set_aside", defaults=("",))


def folder(home, name: str) -> str:
    """Where the archive of that name is."""
    return home.path("archive", name)


def goes_on(db, agent: Agent, listening: set[str], now: float) -> bool:
    """Whether an agent is still there after a reset: its client runs, or may."""
    if agent.stopped_at is not None or agent.ended_at is not None:
        return False
    if agent.pid:
        return not ended(agent.pid, agent.pid_start)
    return agent.name in listening or now - agents.acted_at(db, agent.name) < RECENT_S


def reset(home, now: float, listening=frozenset()) -> Done:
    """Everything is in a new archive; the database holds only who goes on, as those do that are
    `listening`, and what they have not seen. HcomError when it cannot be done: then nothing has
    changed."""
    with _prepared(home):
        _mend(home)
        return _reset(home, listening, now)


def _prepared(home) -> Lock:
    """There is a folder of archives, and no other reset until the lock is free."""
    try:
        create(home)
        private_folder(home.path("archive"))
    except OSError as error:
        raise StoreError(f"cannot use {home.root}: {error.strerror}", cure(error)) from None
    lock = Lock(home, "reset")
    if not lock.take():
        raise HcomError("another reset is at work", "wait for it, then: hcom archive")
    return lock


def _reset(home, listening: set[str], now: float) -> Done:
    name = _fresh_name(home, now)
    try:
        return _moved(home, name, listening, now)
    except (StoreError, OSError) as error:
        if isinstance(error, DamagedError):
            raise
        with suppress(HcomError, OSError):  # what is left behind is mended by the next who looks
            _mend(home)
        if os.path.isdir(folder(home, name)):
            raise StoreError(f"archived as {name}, but then: {error}", "hcom archive 1") from None
        why = getattr(error, "strerror", None) or error
        raise StoreError(
            f"nothing was changed: {why}", "free some space, then: hcom reset"
        ) from None


def _moved(home, name: str, listening: set[str], now: float) -> Done:
    part = folder(home, PART + name)
    with open_db(home) as db:
        with transaction(db):
            everyone = agents.every(db)
            kept = [a for a in everyone if goes_on(db, a, listening, now)]
            names = {a.name for a in kept}
            if len(kept) == len(everyone) and not events.last_id(db):
                return Done("", kept, {})
            private_folder(part)
            stored.copy(home, os.path.join(part, "hcom.db"))
            write_private(os.path.join(part, "about.json"), json.dumps(stored.facts(db)))
            _synced(os.path.join(part, "hcom.db"))
            _synced(part)
            for known in kept:  # what it did last is not in the log any more
                at = agents.acted_at(db, known.name)
                agents.set_status(db, known.name, known.status, known.context, known.detail, at)
            lost = stored.unread(db, names)
            stored.clear(db, names, name, now)
        os.rename(part, folder(home, name))
        _synced(home.path("archive"))
        stored.shrink(db)
    return Done(name, kept, lost)


def _fresh_name(home, now: float) -> str:
    base = time.strftime("%Y-%m-%d_%H%M%S", time.gmtime(now))
    taken = set(os.listdir(home.path("archive")))
    name, count = base, 1
    while name in taken or PART + name in taken:
        count += 1
        name = f"{base}-{count}"
    return name


def _synced(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(home, now: float) -> str:
    """A database that cannot be read is in an archive of its own, as it was; its name."""
    with _prepared(home):
        name = _fresh_name(home, now) + "-corrupt"
        private_folder(folder(home, name))
        path = home.db_file
        # The log first: beside a new database it would be taken for that one's.
        for suffix in (*BESIDE, ""):
            if os.path.lexists(path + suffix):
                os.rename(path + suffix, os.path.join(folder(home, name), "hcom.db" + suffix))
        return name


def _mend(home) -> None:
    """What resets that died left behind is finished or forgotten. The lock is held."""
    complete = _finished(home)
    for part in _parts(home):
        path = folder(home, part)
        if part in complete:
            os.rename(path, folder(home, part[len(PART) :]))
        else:
            shutil.rmtree(path, ignore_errors=True)  # all of it is still in the database


def _parts(home) -> list[str]:
    return [entry for entry in os.listdir(home.path("archive")) if entry.startswith(PART)]


def _finished(home) -> list[str]:
    """The folders of resets that emptied the database and died before they gave them their name."""
    parts = _parts(home)
    if not parts:
        return []
    with open_db(home) as db:
        return [part for part in parts if stored.is_complete(db, part[len(PART) :])]


def every(home) -> list[Archive]:
    """The archives, the most recent first. Nothing is changed."""
    if not os.path.isdir(home.path("archive")):
        return []
    entries = {e: e for e in os.listdir(home.path("archive")) if not e.startswith(".")}
    with suppress(HcomError):  # the database cannot be had: what has its name is shown
        entries.update((part[len(PART) :], part) for part in _finished(home))
    found = {name: folder(home, entry) for name, entry in entries.items()}
    names = [name for name, path in found.items() if os.path.isdir(path)]
    return [_read(home, name, found[name]) for name in sorted(names, key=_order, reverse=True)]


def _order(name: str):
    stem, _, count = name.partition("_")[2].removesuffix("-corrupt").partition("-")
    return name.partition("_")[0], stem, int(count) if count.isdigit() else 0


def _read(home, name: str, path: str) -> Archive:
    with suppress(OSError, ValueError):
        return Archive(name, path, json.loads(read(os.path.join(path, "about.json"))))
    try:
        with stored.open_archive(home, os.path.join(path, "hcom.db")) as db:
            return Archive(name, path, stored.facts(db))
    except HcomError:
        return Archive(
            name,
            path,
            {"events": 0, "first": "", "last": "", "agents": [], "problem": "cannot be read"},
        )


def chosen(archives: list[Archive], given: str) -> Archive:
    """The archive that a number (1 is the most recent) or the beginning of a name means."""
    if not archives:
        raise HcomError("there are no archives yet", "hcom reset makes one")
    if given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= len(archives):
        return archives[int(given[:9]) - 1]
    number = given.isdigit() and len(given) < 4  # a name begins with its year
    found = [a for a in archives if a.name.startswith(given) and given and not number]
    found = [a for a in found if a.name == given] or found
    if not found:
        raise HcomError(f"no archive {given!r}, there are {len(archives)}", "hcom archive")
    if len(found) > 1:
        raise HcomError(
            f"{given!r} means {len(found)} archives: " + ", ".join(a.name for a in found[:3]),
            "hcom archive",
        )
    return found[0]


def described(lost: dict[str, int]) -> str:
    """Who had not seen how many messages, for people."""
    return ", ".join(
        f"{'you' if name == BIGBOSS else name} {count}" for name, count in sorted(lost.items())
    )
