"""What is read whole: an agent, an event, a transcript, a screen, settings, archives; as lines."""

import os
import re
import shlex
import time

from .. import config, process
from ..bus import notice
from ..bus.agent import BIGBOSS
from ..bus.exchange import shown
from ..bus.render import age
from ..errors import HcomError
from ..hub import archive
from ..ops import (
    about,
    agents,
    health,
    look,
    relay,
    screens,
    settings,
    talk,
    transcripts,
    workflows,
)
from ..store import archive as stored
from ..store import deliveries, events, kept, subscriptions
from ..store.connect import open_db
from . import feed, keys, place
from .cells import wrapped
from .state import ARCHIVE, EVENT, RELAY, RUN, SETTING, STATUS, THREAD, WATCH, Page
from .stream import receipt

EXCHANGES = 10
MARKS = (
    "",
    "Marks:",
    "  ▶ ◉ ■ ○               Works, is idle, is blocked, has ended",
    "  » «                   A message, mail that is read",
    "  ~ $ ·                 An edit, a command, another tool",
    "  + -                   Who comes and goes",
)
MESSAGES = 8  # of an agent, the newest
ARCHIVED = 1000  # of the newest events of an archive; hcom archive shows all
LAST = re.compile(r"ended with (\d+)\s*\Z")  # of what a workflow says
RUNS = 5  # workflows whose words are shown
THREADED, THREAD_CHARS = 200, 4000  # of the newest messages of a thread; Enter shows one whole
PAGE_CHARS = 200_000  # of one text; the command that prints it all is said


def _agent(home, name: str) -> list[str]:
    now = time.time()
    with open_db(home) as db:
        seen = agents.one(db, name, now)
        asked = kept.proven(home, seen.agent)
        said = agents.facts(seen, now)
        said["status_detail"] = place.said(said.pop("status_context"), said["status_detail"])
        said["status_age"] = age(said["status_age"])
        said["created_at"] = time.strftime("%Y-%m-%d %H:%M", time.localtime(said["created_at"]))
        said["command"] = shlex.join(process.command(asked.pid)) if asked.pid else ""
        deaf = keys.hinted("none was heard yet (hcom hooks)")
        said["hooks"] = deaf if talk.is_deaf(home, seen.agent) else ""
        watched = subscriptions.every(db, seen.agent.name)
        edits = look.latest(db, look.where(db, f"file_edits:{seen.agent.name}", {}, now), MESSAGES)
        flags = [look.where(db, None, {flag: seen.agent.name}, now) for flag in ("from", "to")]
        mail = {one.id: one for where in flags for one in look.latest(db, where, MESSAGES)}
        last = deliveries.receipts_of(db, sorted(mail)[-MESSAGES:])
        names = feed.names(db, mail.values())
    lines = [f"{key.replace('_', ' '):<16} {value}" for key, value in said.items() if value]
    lines += [f"{'subscription':<16} {line}" for line in _told(watched)]
    return [
        *lines,
        *(f"#{one.id} edit {one.data['detail']}" for one in edits),
        *(
            f"#{n} {notice.happened(_seen(mail[n], names))}  [{receipt(_called(came, names))}]"
            for n, came in last.items()
        ),
    ]


def _told(watched) -> list[str]:
    return [
        f"{one.id}  {one.label}"
        + f" (by {one.by})" * (one.by != one.owner)
        + " (once)" * one.once
        + f" (off: {one.off})" * bool(one.off)
        for one in watched
    ]


def _watch(home, name: str) -> list[str]:
    with open_db(home) as db:
        own, others = (subscriptions.every(db, owner) for owner in (BIGBOSS, name or BIGBOSS))
        name = feed.names(db, (), name).get(name, name)
    lines = ["you are told of:", "", *(_told(own) or ["nothing"])]
    return lines + ["", f"{name} is told of:", "", *(_told(others) or ["nothing"])] * bool(name)


def _called(states, names) -> dict[str, str]:
    return {names.get(name, name): state for name, state in states.items()}


def _seen(event, names):
    """The event, its agents called as people see them."""
    data = {
        key: [names.get(one, one) for one in value] if isinstance(value, list) else value
        for key, value in event.data.items()
    }
    if data.get("by"):
        data["by"] = names.get(data["by"], data["by"])
    return event._replace(instance=names.get(event.instance, event.instance), data=data)


def _event(home, number: str) -> list[str]:
    with open_db(home) as db:
        found = events.find(db, int(number))
        if found is None:
            raise HcomError(f"no event #{number}")
        states, names = deliveries.receipts(db, int(number)), feed.names(db, [found])
    found = _seen(found, names)
    data = dict(found.data)
    text = data.pop("text", "")
    more = [f"... all of it: hcom events --message {number}"] if len(text) > PAGE_CHARS else []
    lines = [f"{found.instance} at {found.timestamp}", ""]
    lines += [text[:PAGE_CHARS], *more, ""] if text else []
    for key, value in data.items():
        if value not in (None, "", []):
            several = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{key.replace('_', ' '):<14} {several}")
    return lines + [f"{name:<14} {state}" for name, state in _called(states, names).items()]


def _thread(home, name: str) -> list[str]:
    lines = []
    with open_db(home) as db:
        said = look.latest(db, look.where(db, None, {"thread": name}, time.time()), THREADED)
        came = deliveries.receipts_of(db, [one.id for one in said])
        names = feed.names(db, said)
        for one in (_seen(one, names) for one in said):
            to = ", ".join(one.data["delivered_to"])
            intent = f" ({one.data['intent']})" if one.data.get("intent") else ""
            how = receipt(_called(came[one.id], names))
            lines.append(f"#{one.id} {one.instance} → {to}{intent}  [{how}]")
            lines += ["    " + line for line in one.data["text"][:THREAD_CHARS].split("\n")]
    return lines


def _transcript(home, name: str) -> list[str]:
    with open_db(home) as db, transcripts.of(db, name) as found:
        last = found.last(EXCHANGES)
        texts = [shown(found.exchange(position, True), True, False) for position in last]
    return "\n\n".join(texts).split("\n") if texts else ["nothing was asked yet"]


def _screen(home, name: str) -> list[str]:
    with open_db(home) as db:
        terminal = screens.of(db, name)
    return screens.look(home, terminal).lines


def _settings(home, given: str) -> list[str]:
    found, _, problems = config.found(home, os.environ)
    if given:
        key = settings.named(given)
        now = config.masked(key, found[key].value) or "(empty)"
        return [
            f"now {now}  ({found[key].source})",
            "",
            *map(keys.hinted, about.text(key, settings.presets()).split("\n")),
        ]
    lines = []
    for key, said in found.items():
        value = config.masked(key, said.value) or "(empty)"
        lines += [
            f"{config.short(key)} = {value}  ({said.source})",
            f"    {config.KEYS[key].about}",
        ]
    return [*lines, *problems]


def _status(home, _of: str) -> list[str]:
    return [*map(keys.hinted, health.lines(health.report(home, os.environ)))]


def _run(home, _of: str) -> list[str]:
    lines = [f"{n:<15}  {workflows.summary(path)}" for n, path in workflows.scripts(home).items()]
    over = ended(home)
    for name, said in workflows.logs(home, RUNS):
        lines += ["", f"-- {name}" + " runs" * (name not in over), *said]
    return lines


def ended(home) -> dict[str, str]:
    """The workflows that ran last and have ended: name of the log -> exit code."""
    found = {name: LAST.search("\n".join(said)) for name, said in workflows.logs(home, RUNS)}
    return {name: said[1] for name, said in found.items() if said}


def _relay(home, _of: str) -> list[str]:
    return [*map(keys.hinted, relay.lines(relay.facts(home, time.time())))]


def _archive(home, number: str) -> list[str]:
    every = archive.every(home)
    if not number:
        return [
            f"{n:>3}  {one.name:<20} {one.facts.get('problem') or one.facts['events']} events  "
            + ", ".join(agent["name"] for agent in one.facts["agents"])
            for n, one in enumerate(every, 1)
        ] or ["no archives; hcom reset makes one"]
    with stored.open_archive(home, archive.chosen(every, number).db) as db:
        found = events.latest(db, ARCHIVED)
    return [
        f"#{one.id:<6} {one.timestamp[:19].replace('T', ' ')}  {notice.happened(one)}"
        for one in found
    ]


def _help(_home, _of: str) -> list[str]:
    return [*keys.reference().split("\n"), *MARKS]


PAGES = {
    "agent": _agent,
    EVENT: _event,
    THREAD: _thread,
    "transcript": _transcript,
    "screen": _screen,
    SETTING: _settings,
    STATUS: _status,
    RUN: _run,
    WATCH: _watch,
    RELAY: _relay,
    ARCHIVE: _archive,
    "help": _help,
}


def read(home, asked: Page) -> tuple[str, ...]:
    """The lines of the page, for as many columns as it asks for. HcomError."""
    found = PAGES[asked.kind](home, asked.of)
    return tuple(row for line in found for row in wrapped(line, asked.cols - 1))
