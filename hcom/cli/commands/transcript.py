"""hcom transcript: what an agent was asked and did."""

from ...bus.agent import is_far
from ...bus.exchange import as_dict, shown, span
from ...bus.render import harmless, one_line
from ...errors import UsageError
from ...ops import orders, transcripts
from ...store.connect import open_db
from ..model import Command, Option, count

DEFAULT_COUNT = 10
FOUND_COUNT = 20


def run(call) -> int:
    what, words = (call.words[0] if call.words else ""), call.words[1:]
    if what == "search":
        return _search(call, " ".join(words))
    if call.values.agent or call.values.all:
        raise UsageError("--agent and --all are for a search", "hcom transcript search TEXT")
    if what == "timeline" and not words:
        return _timeline(call)
    return _exchanges(call, what, words)


def _exchanges(call, name: str, words: list[str]) -> int:
    """One agent's: `name`, or the caller's own where that is a range."""
    if name[:1].isdigit():
        name, words = "", [name, *words]
    if len(words) > 1:
        raise UsageError(f"unexpected argument: {words[1]!r}", "hcom transcript @name 5-10")
    asked = span(words[0]) if words else None
    if asked and call.values.last:
        raise UsageError("a range and --last exclude each other", "hcom transcript @name 5-10")
    with open_db(call.home) as db:
        if not name and call.identify(db) is None:
            raise UsageError("whose transcript?", "hcom transcript @name")
        if is_far(name):
            call.say(orders.ask(db, call.sender(db), "transcript", name, call.now))
            return 0
        with transcripts.of(db, name or call.agent.name) as found:
            chosen = found.within(asked) if asked else found.last(call.values.last or DEFAULT_COUNT)
            _print(call, found, chosen)
    return 0


def _print(call, found, chosen: list[int]) -> None:
    values, agent = call.values, found.agent
    if not values.json:
        which = "-".join(map(str, dict.fromkeys(chosen[:1] + chosen[-1:])))
        which = f"exchange {which} of {len(found.places)}" if chosen else "no exchange yet"
        call.say(f"{agent.display} ({agent.tool}), {which}")
    for position in chosen:
        one = found.exchange(position, not values.detailed)
        if values.json:
            call.say_json(as_dict(one, values.detailed))
        else:
            call.say("\n" + shown(one, values.full, values.detailed))


def _timeline(call) -> int:
    with open_db(call.home) as db:
        found = transcripts.timeline(db, call.values.last or DEFAULT_COUNT)
    for one in found:
        at = one.timestamp[:19].replace("T", " ")
        text = one.user if call.values.full else one_line(one.user)
        call.show(one._asdict(), harmless(f"{at}  {one.name} #{one.position}  {text}"))
    if not found:
        call.tell("hcom: nothing was asked yet")
    return 0


def _search(call, text: str) -> int:
    if not text.strip():
        raise UsageError("what is to be found?", "hcom transcript search TEXT")
    most, number = call.values.last or FOUND_COUNT, 0
    with open_db(call.home) as db:
        hits = transcripts.search(db, text, call.values.agent or "", call.values.all)
        for number, hit in enumerate(hits, 1):
            if number > most:
                continue
            of = f" (archive {hit.archive})" if hit.archive else ""
            line = f"{hit.name} #{hit.position}{of}  {hit.timestamp[:10]}  {hit.excerpt}"
            call.show(hit._asdict(), harmless(line))
    if number > most:
        call.tell(f"hcom: {number - most} more: --last {number}")
    elif not number:
        elsewhere = "" if call.values.all else " (--all: agents in archives, too)"
        call.tell(f"hcom: nowhere{elsewhere}")
    return 0


COMMAND = Command(
    "transcript",
    "View another agent's conversation",
    (
        ("hcom transcript @name", "Its newest exchanges: a prompt and all that followed it"),
        ("hcom transcript @name N", "Exchange N"),
        ("hcom transcript @name N-M", "Exchanges N through M; N- for all from N on"),
        ("hcom transcript [N-M]", "Your own"),
        ("hcom transcript @name:BOXE", "Of another device, if that allows it: a message comes"),
        ("hcom transcript timeline", "What persons typed to all agents, by time"),
        ("hcom transcript search TEXT", "Exchanges with TEXT in any case, or /regex/"),
    ),
    (
        Option("--last", "How many (default: 10, of a search 20)", "N", count),
        Option("--full", "Answers and prompts whole"),
        Option("--detailed", "Tools with input and result, edits, errors"),
        Option("--json", "JSON, one exchange, prompt or hit a line"),
        Option("--agent", "Of this agent alone", "NAME", group="Search:"),
        Option("--all", "Agents in archives, too", group="Search:"),
    ),
    run,
    "[name] [N-M]|timeline|search text",
    (
        "hcom transcript @kira",
        "hcom transcript @kira --last 3 --full",
        "hcom transcript @kira 1 --detailed",
        "hcom transcript @kira 1-2 --json",
        "hcom transcript timeline",
        "hcom transcript search 'all-ok' --agent kira",
        "hcom transcript search '/typed|said/' --all",
    ),
    """
An exchange keeps its number: they are counted by time through all sessions of the agent.
  /compact, resume   count on
  /clear             counts on, in another session
  fork               the new agent counts from 1, beginning with what its client copied
  Esc, rewind        what was taken back keeps its number and is left out
Answers are shown by their end; + is a message that came while the agent worked. A wake is shown
as the message that it brought: nova -> luna #42. Also for agents that have ended or left, and
the newest of that name in an archive.

JSON: position, kind (user or hcom), user, assistant, files (that it changed), messages,
timestamp, tokens (input, output); --detailed: tools (name, input, result, is_error),
edits (file, diff), errors.
""",
)
