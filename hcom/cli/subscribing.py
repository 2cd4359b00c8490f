"""`hcom events sub` and `unsub`: being told of events by a message."""

from ..bus.render import one_line
from ..errors import UsageError
from ..hub import people
from ..hub import subscriptions as watch
from ..ops import look
from ..store import subscriptions
from ..store.connect import open_db
from . import filtering


def sub(call) -> int:
    """A subscription is made; or all are listed, where nothing says for what."""
    words = call.words[1:]
    if len(words) > 1:
        raise UsageError(
            f"one subscription at a time, not also {words[1]!r}",
            "quote it as one argument: hcom events sub 'cmd:git commit'",
        )
    if words and call.values.sql is not None:
        raise UsageError("--sql and a filter in words exclude each other", "hcom events sub --help")
    flags = filtering.given_flags(call.values)
    if flags.keys() & {"after", "before"}:
        raise UsageError(
            "a subscription is about what is to come: no --after, --before",
            "hcom events --after 10m",
        )
    with open_db(call.home) as db:
        call.identify(db)
        if not words and call.values.sql is None and not flags:
            if call.values.__dict__["for"] or call.values.once:
                raise UsageError("subscribe to what?", "hcom events sub idle:luna --once")
            return _list(call, db)
        where = filtering.where(call, db, words[0] if words else call.values.sql)
        owner, by = _owner(call, db)
        made, new = watch.subscribe(call.home, db, owner, by, where, call.values.once, call.now)
    to = "you are" if owner == by else f"{owner} is"
    if new:
        call.say(f"{made.id}: {to} told of {one_line(made.label)}{', once' if made.once else ''}")
    else:
        call.say(f"{made.id}: {to} told of {one_line(made.label)} already")
    return 0


def _owner(call, db) -> tuple[str, str]:
    """For whom the subscription is, and who makes it."""
    given = call.values.__dict__["for"]
    if given:
        return people.known(db, given).name, call.owner(db)
    sender = call.sender(db, ", or --for NAME")
    return sender.name, sender.name


def _list(call, db) -> int:
    """An agent's own subscriptions; everybody's, for who is no agent."""
    shown = subscriptions.every(db, call.agent.name if call.agent else "")
    for one in shown:
        notes = [
            f"by {one.by}" if one.by != one.owner else "",
            "once" if one.once else "",
            f"OFF: {one_line(one.off)}" if one.off else "",
        ]
        said = ", ".join(n for n in notes if n)
        line = f"{one.id:<10} {one.owner:<10} {one_line(one.label)}{f'  [{said}]' if said else ''}"
        call.show(one.as_dict(), line)
    if not shown:
        call.tell("no subscriptions; make one: hcom events sub idle:luna")
    return 0


def unsub(call) -> int:
    """The subscription with that id, or the caller's own with that label, is gone."""
    words = call.words[1:]
    if len(words) != 1 or not words[0].strip():
        raise UsageError("unsub takes one id or preset", "hcom events sub lists them")
    with open_db(call.home) as db:
        gone = look.unsubscribe(db, words[0].strip(), call.owner(db))
    for one in gone:
        call.say(f"{one.id} removed ({one_line(one.label)})")
    return 0
