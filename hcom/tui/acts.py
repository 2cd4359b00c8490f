"""What the person does from the dashboard, each on a database of its own: returns what is said."""

import time
from collections.abc import Callable
from functools import partial

from .. import adapters, config
from ..bus import message
from ..bus.agent import BIGBOSS, is_far
from ..errors import UsageError
from ..hub import people, subscriptions
from ..ops import (
    agents,
    kill,
    launch,
    look,
    orders,
    screens,
    settings,
    setup,
    talk,
    workflows,
)
from ..ops.caller import PERSON
from ..store import filters
from ..store.connect import open_db
from . import feed, keys, state
from .compose import setting, wanted
from .state import LAUNCH, RELAY, RUN, SETTING, STATUS, TAG, WATCH, Entry


def send(home, entry: Entry) -> str:
    """The message is sent, as the person's. HcomError."""
    text = message.text_of(entry.text)
    envelope = message.envelope(entry.intent, entry.reply_to, "")
    with open_db(home) as db:
        sent = talk.send(db, PERSON, text, text, envelope, time.time())
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


def ask(home, order: str, name: str) -> str:
    """The device of that agent is asked for the order. HcomError."""
    with open_db(home) as db:
        return orders.ask(db, PERSON, order, name, time.time())


def go(home, env, name: str) -> str:
    """The person is in the window of the agent. HcomError."""
    with open_db(home) as db:
        return f"here is {screens.show(db, name, env)}"


def stop(home, _env, names) -> str:
    """These have left; whose program runs on is said. HcomError."""
    far, now = [name for name in names if is_far(name)], time.time()
    with open_db(home) as db:
        gone = agents.chosen(db, [name for name in names if name not in far], now)
        agents.stop(db, gone, BIGBOSS, "stopped", now)
        loose = {agent.name for agent in agents.loose(db, now)}
    said = [f"stopped {', '.join(agent.display for agent in gone)}"] if gone else []
    on = [agent.display for agent in gone if agent.name in loose]
    said += [f"still running, out of hcom: {', '.join(on)} (X ends it)"] if on else []
    return "; ".join([*said, *(ask(home, "stop", name) for name in far)])


def end(home, env, names) -> str:
    """The programs of these have ended. HcomError."""
    with open_db(home) as db:
        done = kill.kill(db, list(names), BIGBOSS, env, time.time())
    said = [f"killed {', '.join(a.display for a in done.agents)}"] if done.agents else []
    said += [keys.hinted(line.removeprefix("hcom: ")) for line in done.left]
    return "; ".join(said) or "nothing"


def tag(home, _env, entry: Entry) -> str:
    """The agent has the tag, "" for none. HcomError."""
    with open_db(home) as db:
        agent = people.known(db, entry.of)
        now = settings.configure(db, agent, "tag", entry.text.strip(), BIGBOSS)
    return f"{agent.display} is {now.display} now"


def subscribe(home, _env, entry: Entry) -> str:
    """The person is told of what `entry` says, a filter; or a subscription has ended. HcomError."""
    text, now = entry.text.strip(), time.time()
    text += ":" * (text in filters.PRESETS)
    if feed.parsed(text).flags.keys() & {"after", "before"}:
        raise UsageError("you are told of what is to come: no after:, before:")
    with open_db(home) as db:
        if text.startswith("end "):
            gone = look.unsubscribe(db, text.removeprefix("end ").strip(), BIGBOSS)
            return "; ".join(f"{one.id} has ended: {one.label}" for one in gone)
        where = feed.where(db, text, now)
        made, new = subscriptions.subscribe(home, db, BIGBOSS, BIGBOSS, where, False, now)
    return f"{made.id}: you are told of {made.label}" + " already" * (not new)


def configure(home, env, entry: Entry) -> str:
    """The setting has the value. HcomError."""
    given, value = setting(entry.text)
    key, value = settings.named(given), "" if value in ('""', "''") else value
    said = settings.change(home, env, key, value, False)
    return "; ".join([f"{config.short(key)} = {config.masked(key, value)}", *said])


def hook(home, env, entry: Entry) -> str:
    """Clients have our hooks, or have them no more. HcomError."""
    action, *tools = entry.text.split()
    if action not in setup.CHANGES or not {*tools} <= {*adapters.TOOLS}:
        raise UsageError(f"neither add nor remove: {entry.text!r}")
    return "; ".join(
        line for tool in tools or adapters.TOOLS for line in setup.CHANGES[action](home, env, tool)
    )


def run(home, env, entry: Entry) -> str:
    """The workflow runs. HcomError."""
    return f"{workflows.start(home, env, entry.text)} runs; w shows what it says"


def turn(home, env, entry: Entry) -> str:
    """The relay is on, or off. HcomError."""
    return "; ".join(settings.turn_relay(home, env, entry.text.strip(), False))


def _launched(home, spec) -> str:
    """The clients of `spec` have started, where hcom opens them. HcomError."""
    launch.program_of(spec.tool, spec.env)  # before anything is written for it
    lines = setup.add_for_launch(home, spec.env, spec.tool, spec.cwd, spec.args)
    batch = launch.elsewhere(home, spec)
    said = [f"launched {', '.join(batch.agents)}"] if batch.agents else []
    return "; ".join([*said, *(f"not launched: {why}" for why in batch.errors), *lines])


def start(home, env, entry: Entry) -> str:
    """What the entry asks for has been launched. HcomError."""
    asked = wanted(entry.text)
    given = (asked.tag, asked.prompt, "", "", False, asked.cwd)
    env = {**env, "HCOM_TERMINAL": asked.terminal} if asked.terminal else dict(env)
    spec = launch.asked(home, env, asked.tool, "", *given)
    count = launch.counted(asked.many)
    return _launched(home, spec._replace(count=count, headless=asked.headless or spec.headless))


def again(home, env, names, fork: bool) -> str:
    """These have been started again, or copies of them. HcomError."""
    specs = [launch.asked(home, dict(env), "", "", None, "", "", name, fork, "") for name in names]
    return "; ".join(_launched(home, spec) for spec in specs)


# What is done with a line that was typed (home, env, entry).
TAKES: dict[str, Callable[..., str]] = {
    TAG: tag,
    LAUNCH: start,
    WATCH: subscribe,
    SETTING: configure,
    STATUS: hook,
    RUN: run,
    RELAY: turn,
}
# What is asked about first, and then done to (home, env, names).
STEERS: dict[str, Callable[..., str]] = dict(
    zip(state.STEERS, (stop, end, partial(again, fork=False), partial(again, fork=True)))
)
