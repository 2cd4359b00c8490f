"""What the person does from the dashboard, each on a database of its own: returns what is said."""

import time
from collections.abc import Callable
from functools import partial

from ..bus import message
from ..bus.agent import BIGBOSS
from ..bus.exchange import shown
from ..bus.message import EXTERNAL, Sender
from ..errors import HcomError
from ..ops import agents, kill, launch, screens, settings, setup, talk, transcripts
from ..store import deliveries, events
from ..store.connect import open_db
from . import keys
from .cells import wrapped
from .compose import wanted
from .state import Entry, Page
from .views import receipt

EXCHANGES = 10
PAGE_CHARS = 200_000  # of one text; the command that prints it all is said


def send(home, entry: Entry) -> str:
    """The message is sent, as the person's. HcomError."""
    text = message.text_of(entry.text)
    envelope = message.envelope(entry.intent, entry.reply_to, "")
    with open_db(home) as db:
        sent = talk.send(db, Sender(BIGBOSS, EXTERNAL), text, text, envelope, time.time())
    said = f"sent #{sent.id} to {', '.join(sent.to) or 'nobody (no one is here)'}"
    for names, word in (
        (sent.ended, "ended, read on return"),
        (sent.deaf, "no hooks heard yet"),
        (sent.unwoken, "not woken"),
    ):
        said += f"; {word}: {', '.join(names)}" if names else ""
    return said


def see(home, ids) -> None:
    """The person has seen these messages."""
    with open_db(home) as db:
        talk.seen_by_person(db, ids, time.time())


def stop(home, _env, names) -> str:
    """These have left. HcomError."""
    with open_db(home) as db:
        now = time.time()
        gone = agents.chosen(db, names, now)
        agents.stop(db, gone, BIGBOSS, "stopped", now)
    return "stopped " + ", ".join(agent.display for agent in gone)


def end(home, env, names) -> str:
    """The programs of these have ended. HcomError."""
    with open_db(home) as db:
        done = kill.kill(db, list(names), BIGBOSS, env, time.time())
    said = [f"killed {', '.join(a.display for a in done.agents)}"] if done.agents else []
    return "; ".join([*said, *(line.removeprefix("hcom: ") for line in done.left)]) or "nothing"


def tag(home, name: str, text: str) -> str:
    """The agent has the tag, "" for none. HcomError."""
    with open_db(home) as db:
        agent = agents.one(db, name, time.time()).agent
        now = settings.configure(db, agent, "tag", text.strip(), BIGBOSS)
    return f"{name} is {now.display} now"


def _launched(home, spec) -> str:
    """The clients of `spec` have started, where hcom opens them. HcomError."""
    launch.program_of(spec.tool, spec.env)  # before anything is written for it
    lines = setup.add_for_launch(home, spec.env, spec.tool, spec.cwd, spec.args)
    batch = launch.elsewhere(home, spec)
    said = [f"launched {', '.join(batch.agents)}"] if batch.agents else []
    return "; ".join([*said, *(f"not launched: {why}" for why in batch.errors), *lines])


def start(home, env, text: str) -> str:
    """What `text` asks for has been launched. HcomError."""
    asked = wanted(text)
    given = (asked.tag, asked.prompt, "", "", False, asked.cwd)
    spec = launch.asked(home, dict(env), asked.tool, "", *given)
    count = launch.counted(asked.many)
    return _launched(home, spec._replace(count=count, headless=asked.headless or spec.headless))


def again(home, env, names, fork: bool) -> str:
    """These have been started again, or copies of them. HcomError."""
    specs = [launch.asked(home, dict(env), "", "", None, "", "", name, fork, "") for name in names]
    return "; ".join(_launched(home, spec) for spec in specs)


# What is asked about first, and then done to (home, env, names).
STEERS: dict[str, Callable[..., str]] = {
    "stop": stop,
    "kill": end,
    "resume": partial(again, fork=False),
    "fork": partial(again, fork=True),
}


# -- pages --


def _agent(home, name: str) -> list[str]:
    now = time.time()
    with open_db(home) as db:
        said = agents.facts(agents.one(db, name, now), now)
        last, states = agents.receipts(db, name)
    lines = [f"{key.replace('_', ' '):<16} {value}" for key, value in said.items() if value]
    return [*lines, *([f"{'last message':<16} #{last} {receipt(states)}"] if last else [])]


def _event(home, number: str) -> list[str]:
    with open_db(home) as db:
        found = events.find(db, int(number))
        states = deliveries.receipts(db, int(number))
    if found is None:
        raise HcomError(f"no event #{number}")
    data = dict(found.data)
    text = data.pop("text", "")
    lines = [f"{'at':<14} {found.timestamp}", f"{'by':<14} {found.instance}"]
    lines += [f"{key:<14} {value}" for key, value in data.items() if value not in (None, "", [])]
    lines += [f"{name:<14} {state}" for name, state in states.items()]
    more = [f"... all of it: hcom events --message {number}"] if len(text) > PAGE_CHARS else []
    return [*lines, "", text[:PAGE_CHARS], *more]


def _transcript(home, name: str) -> list[str]:
    with open_db(home) as db, transcripts.of(db, name) as found:
        last = found.last(EXCHANGES)
        texts = [shown(found.exchange(position, True), True, False) for position in last]
    return "\n\n".join(texts).split("\n") if texts else ["nothing was asked yet"]


def _screen(home, name: str) -> list[str]:
    with open_db(home) as db:
        terminal = screens.of(db, name)
    return screens.look(home, terminal).lines


def _help(_home, _of: str) -> list[str]:
    return keys.reference().split("\n")


PAGES = {
    "agent": _agent,
    "event": _event,
    "transcript": _transcript,
    "screen": _screen,
    "help": _help,
}


def page(home, asked: Page, cols: int) -> tuple[str, ...]:
    """The lines of the page, for so many columns. HcomError."""
    found = PAGES[asked.kind](home, asked.of)
    return tuple(row for line in found for row in wrapped(line, cols - 1))
