"""hcom archive: what was before each reset."""

import os

from ...bus import notice
from ...errors import UsageError
from ...hub import archive
from ...ops import look
from ...store import archive as stored
from ...store import events
from ...store.sieve import Sieve
from ..model import Command, Option, count

DEFAULT_COUNT = 20
# Of each agent, as JSON.
SHOWN = (
    "name",
    "tag",
    "tool",
    "directory",
    "session",
    "transcript",
    "parent",
    "status",
    "created_at",
    "ended_at",
    "stopped_at",
)


def run(call) -> int:
    values = call.values
    if call.words[1:] not in ([], ["agents"]):
        raise UsageError(f"unexpected argument: {call.words[-1]!r}", "hcom archive 1 agents")
    found = archive.every(call.home)
    numbered = list(enumerate(found, 1))
    if values.here:
        here = os.path.realpath(os.getcwd())
        numbered = [(n, a) for n, a in numbered if here in _directories(a)]
        found = [a for _, a in numbered]
    if not call.words:
        if values.sql is not None or values.last:
            raise UsageError("--sql and --last are for one archive", "hcom archive 1 --last 5")
        return _list(call, numbered)
    one = archive.chosen(found, call.words[0])
    with stored.open_archive(call.home, one.db) as db:
        return _agents(call, one.db) if len(call.words) == 2 else _events(call, db, one.db)


def _directories(one) -> set[str]:
    return {os.path.realpath(a["directory"]) for a in one.facts["agents"] if a["directory"]}


def _list(call, numbered) -> int:
    for number, one in numbered:
        facts = one.facts
        who = ", ".join(a["name"] for a in facts["agents"][:6])
        more = len(facts["agents"]) - 6
        said = facts.get("problem") or f"{facts['events']} events  {who}" + (
            f" and {more} more" if more > 0 else ""
        )
        call.show(
            {"number": number, "name": one.name, "path": one.path, **facts},
            f"{number:>3}  {one.name:<20}  {said}",
        )
    if not numbered:
        call.tell(
            "no archives"
            + (" of this directory" if call.values.here else "")
            + "; hcom reset makes one"
        )
    return 0


def _events(call, db, path: str) -> int:
    where = look.where(db, call.values.sql, {}, call.now)
    newest = call.values.last or DEFAULT_COUNT
    with Sieve(call.home, path=path) as sieve:
        found = events.latest_where(sieve, where.sql, where.params, newest)
    for event in found:
        at = event.timestamp[:19].replace("T", " ")
        call.show(event.as_dict(), f"#{event.id:<6} {at}  {notice.happened(event)}")
    return 0


def _agents(call, path: str) -> int:
    expression = "1" if call.values.sql is None else call.values.sql
    events.refuse_statement(expression)
    with Sieve(call.home, path=path) as sieve:
        found = stored.agents_where(sieve, expression, call.values.last or 1000)
    for row in found:
        name = f"{row['tag']}-{row['name']}" if row["tag"] else row["name"]
        line = f"{name:<16} {row['tool']:<8} {row['status']:<10} {row['directory']}"
        call.show({key: row.get(key) for key in SHOWN}, line.rstrip())
    return 0


COMMAND = Command(
    "archive",
    "Query archived sessions",
    (
        ("hcom archive", "List the archives, numbered; 1 is the most recent"),
        ("hcom archive N", "Its events"),
        ("hcom archive N agents", "Who took part"),
        ("hcom archive NAME", "By its name, or the beginning of it"),
    ),
    (
        Option("--here", "Only archives with an agent in this directory"),
        Option("--sql", "A WHERE expression over events_v (of agents: over their columns)", "EXPR"),
        Option("--last", "The newest N (default: 20 events, all agents)", "N", count),
        Option("--json", "JSON, one object a line"),
    ),
    run,
    "archive agents",
    (
        "hcom archive",
        "hcom archive --here",
        "hcom archive --json",
        "hcom archive 1",
        "hcom archive 1 agents",
        "hcom archive 2026",
        "hcom archive 1 --last 5 --json",
        """hcom archive 1 --sql "type = 'message'" """.strip(),
        """hcom archive 1 agents --sql "tool = 'adhoc'" """.strip(),
    ),
)
