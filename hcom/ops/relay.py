"""The way to other devices, as every command knows it: whether it is on, and who talks there.

A process of its own does that (`relay.main`), one on a machine: it begins when somebody rings for
it in vain, and goes when no agent lives. Nothing here waits for a network.
"""

import os
from hashlib import sha256

from .. import config
from ..delivery import bell
from ..home import create, dropped, write_private
from ..hub import devices
from ..process import itself, leave_behind
from ..store.connect import open_db


def settings(home) -> config.Settings:
    """What config.env says: the environment may be an agent's, which would lead us elsewhere."""
    return config.read(home, {})


def is_on(said: config.Settings) -> bool:
    """Whether there is a relay to talk to."""
    return bool(said.relay and said.relay_enabled)


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


def begin(db, said: config.Settings):
    """This device (devices.Own), in the room of the settings: they may have been edited by hand."""
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
