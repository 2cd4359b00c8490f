"""Settings as a person or an agent changes them, also those of an agent that runs; what they are
stands in `config`."""

import shlex

from .. import config, terminal
from ..bus.agent import Agent
from ..bus.names import meant
from ..errors import HcomError, UsageError
from ..store import agents
from ..store.connect import transaction
from . import relay
from .after import Done, after

PERSON = "a person must do it, in a terminal of their own"


def presets() -> list[tuple[str, str]]:
    """The terminals that can be named here, as (name, meaning)."""
    return terminal.settings(terminal.current_platform())


def named(given: str) -> str:
    """The setting that is called so, in short or in full. UsageError."""
    key = config.key_of(given)
    if key is None:
        wanted = given.lower().removeprefix("hcom_")
        raise UsageError(
            f"no setting {given!r}", meant(wanted, config.SHORT_KEYS, "hcom config lists them")
        )
    return key


def change(home, env, key: str, value: str, inside: bool) -> list[str]:
    """config.env says that `key` is `value`; what the person should know of it, a line each.

    HcomError when it may not be, or not at the wish of an agent (`inside` its client): some
    settings can run code or send data away.
    """
    short = config.short(key)
    if config.KEYS[key].person and inside:
        raise HcomError(
            f"an agent may not change {short}",
            f"{PERSON}: hcom config {short} {shlex.quote(config.masked(key, value))}",
        )
    config.check(key, value)
    said = []
    if key == "HCOM_TERMINAL":
        value = "default" if value.strip().lower() in ("", "default") else value
        said += _terminal_trouble(env, value)
    before = relay.settings(home)
    config.write_all(home, {key: value})
    if key.startswith("HCOM_RELAY"):
        relay.changed(home, env, before)
    now = config.found(home, env).in_force[key]
    if now.source == config.ENVIRONMENT and now.value != value:
        said.append(f"here the environment says otherwise: {key}={config.masked(key, now.value)}")
    if short == "auto_approve":
        said.append("it takes effect with: hcom hooks add")
    return said


def turn_relay(home, env, word: str, inside: bool) -> list[str]:
    """The relay that is set is on, or off; as `change`, behind a line that says so. HcomError."""
    relay.set_up(home)
    if word not in ("on", "off"):
        raise UsageError(f"neither on nor off: {word!r}")
    said = change(home, env, "HCOM_RELAY_ENABLED", str(int(word == "on")), inside)
    return [f"relay {word}", *said]


def _terminal_trouble(env, value: str) -> list[str]:
    """HcomError when no window can ever open by `value`; why none can here and now."""
    if value == "default":
        return []
    try:
        terminal.chosen(value, env)
    except HcomError as error:
        if value.strip().casefold() not in terminal.builtin(terminal.current_platform()):
            raise
        return [error.message]
    return []


# The setting whose check a value has to pass, and what it is kept as.
RUNTIME = {
    "tag": ("HCOM_TAG", str),
    "timeout": ("HCOM_SUBAGENT_TIMEOUT", int),
    "hints": ("HCOM_HINTS", str),
    "subagent_timeout": ("HCOM_SUBAGENT_TIMEOUT", int),
}


def configure(db, agent: Agent, key: str, value: str, who: str) -> Agent:
    """`key`, one of RUNTIME, of the agent is `value`, at the wish of `who`: the agent as it is now.
    HcomError."""
    setting, kind = RUNTIME[key]
    config.check(setting, value)
    with transaction(db):
        if key == "tag" and agents.find(db, value):
            raise HcomError(f"{value!r} is an agent's name", "choose another tag")
        now = (agents.find(db, agent.name) or agent)._replace(**{key: kind(value)})
        if key == "hints":
            now = now._replace(hints_by=who)
        agents.configure(db, now)
    after(db.home, Done(watched=False))
    return now
