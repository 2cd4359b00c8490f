"""The way to other devices, as every command knows it: whether it is on, and who talks there.

A process of its own does that (`relay.main`), one on a machine: it begins when somebody rings for
it in vain, and goes when no agent lives. Nothing here waits for a network.
"""

import json
import os

from .. import config
from ..bus.render import age
from ..delivery import bell
from ..errors import HcomError
from ..home import create, dropped, read, write_private
from ..hub import devices
from ..process import itself, leave_behind
from ..store import agents
from ..store import devices as known
from ..store.connect import open_db

STATUS = "relay.json"  # how it goes, by who talks there


def settings(home) -> config.Settings:
    """What config.env says: the environment may be an agent's, which would lead us elsewhere."""
    return config.read(home, {})


def is_on(said: config.Settings) -> bool:
    """Whether there is a relay to talk to."""
    return bool(said.relay and said.relay_enabled)


def set_up(home) -> config.Settings:
    """The settings with a relay. HcomError where none is set."""
    said = settings(home)
    if not said.relay:
        raise HcomError("no relay is set", "hcom config relay URL; hcom relay --help")
    return said


def facts(home, now: float) -> dict:
    """What is known here of the relay and of each device, without a word to any. HcomError where
    none is set."""
    said = set_up(home)
    with open_db(home) as db:
        own, everyone = known.own(db), agents.everywhere(db)
        others = [
            {
                "device": d.label,
                "id": d.id,
                "agents": [a.name for a in everyone if a.device == d.id],
                "news_age_s": round(max(now - d.heard_at, 0.0), 1),
                "signed": bool(d.signed),
                "dropped": d.dropped,
            }
            for d in devices.others(db)
        ]
        return {
            "relay": said.relay,
            "on": is_on(said),
            "signed": bool(said.relay_key),
            "device": devices.label(db),
            "id": own.id,
            "queue": own.seq - own.pushed,
            "worker": bell.RELAY in bell.heard(home),
            "errors": _errors(home),
            "devices": others,
        }


def _errors(home) -> "dict[str, str]":
    """The last error of each lane of the worker that is there, or was."""
    try:
        said = json.loads(read(home.run(STATUS)))
        return {lane: said[lane] for lane in ("push", "poll") if said[lane]}
    except (OSError, ValueError, KeyError):
        return {}


def lines(said: dict) -> "list[str]":
    """What `facts` says, for a person; with what was found out by talking to it, where it was."""
    trust = "signed" if said["signed"] else "unsigned: the operator can forge"
    off, now = "off (hcom relay on)", "told at once"
    shown = [
        f"relay      {said['relay']} ({'on' if said['on'] else off}; {trust})",
        f"here       {said['device']}; {now if said['worker'] else 'told while an agent lives'}",
    ]
    if found := said.get("probe"):
        back = f"came back after {found['back_s']:.3f} s"
        if found["wire"] == 1:
            back = "taken; wire 1: a server that restarts empty is not noticed"
        times = f"pushed in {found['pushed_s']:.3f} s, {back}"
        shown.append(f"probe      {(found['error'] or times) if said['on'] else 'none'}")
    shown.append(f"queue      {said['queue']} to push")
    for one in said["devices"]:
        count, signed = len(one["agents"]), "signed" if one["signed"] else "unsigned"
        dropped = f", {one['dropped']} dropped" if one["dropped"] else ""
        heard = f"heard {age(one['news_age_s'])} ago, {signed}{dropped}"
        names = " ".join(name.partition(":")[0] for name in one["agents"])
        shown.append(f"device     {one['device']}: {count} agents, {heard}  {names}".rstrip())
    return [*shown, *(f"error      {lane}: {why}" for lane, why in said["errors"].items())]


def connect(home, env, values: "dict[str, str | None]") -> None:
    """The settings are these, all at once, and the relay is on. HcomError when one may not be."""
    for key, value in values.items():
        config.check(key, value or "")
    before = settings(home)
    config.write_all(home, {**values, "HCOM_RELAY_ENABLED": None})
    changed(home, env, before)


def changed(home, env, before: config.Settings) -> None:
    """What follows when the settings were `before` and are others now."""
    now = settings(home)
    if is_on(now):
        with open_db(home) as db:
            begin(db, now)
            if not is_on(before):
                devices.skip(db)
    rouse(home, env)


def forget(home, word: str, now: float) -> None:
    """The device called so is forgotten. HcomError when none is, and for one that is there."""
    with open_db(home) as db:
        one = next((d for d in devices.others(db) if d.label == word.upper()), None)
        if one is None:
            raise HcomError(f"no device {word!r}", "hcom relay")
        if now - one.heard_at < known.UNHEARD_S:  # it would be back at once
            heard = f"heard {age(max(now - one.heard_at, 0.0))} ago"
            raise HcomError(f"{one.label} is there, {heard}", "on that device: hcom relay off")
        devices.forget(db, one, now)


def begin(db, said: config.Settings):
    """This device (devices.Own), in the room of the settings: they may have been edited by hand."""
    from hashlib import sha256

    room = sha256(repr((said.relay, said.relay_key)).encode()).hexdigest()
    return devices.begin(db, room)


def rouse(home, env) -> bool:
    """Whether the relay is on; if it is, somebody talks to it, now and whenever there is news, and
    else nobody does."""
    on, flag = is_on(settings(home)), home.run(bell.RELAY)
    try:
        if on and not os.path.exists(flag):
            create(home)
            write_private(flag, "")
    except OSError:
        return on  # in a sandbox: those outside see to it
    if not on:
        dropped(flag)
    if bell.RELAY not in bell.ring(home, [bell.RELAY], bell.NOW) and on:
        leave_behind([*itself(), "relayed"], {**env, "HCOM_DIR": home.root})
    return on
