"""The dashboard's loop: keys, signals and doorbells in, frames out."""

import os
import select
import signal
import time

from .. import log
from ..delivery import bell
from ..errors import HcomError
from . import feed
from .app import App
from .draw import Screen
from .keys import told
from .state import RUN
from .typed import Decoder

TICK_S = 12.0  # ages, and what no doorbell tells of: with room for what else wakes it
SCREEN_S, UNTOLD = 0.5, ("screen", RUN)  # which tell nobody that they changed
TROUBLE_S = 1.0  # until a database that could not be read is looked at again
LEAST_S = 0.1  # between two readings of the bus
SHARE = 4  # reading takes at most a quarter of the time
LAST_S = 10.0  # what was asked for before the end is still done
ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
HEARD = (*ENDS, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)


class Loop:
    """Drives `app` on the terminal of this process; `owner` is at its end once whoever looks after
    that has gone."""

    def __init__(self, app: App, owner: int):
        self.app, self.owner = app, owner
        self.decoder, self.took = Decoder(), 0.0

    def run(self) -> int:
        """The exit code, once the person has quit or the terminal has gone."""
        app = self.app
        woken, written = os.pipe()
        for fd in (woken, written):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        for number in HEARD:
            signal.signal(number, lambda *_: None)
        with bell.Bell(app.home, bell.EVERYONE) as rings:
            while app.code is None:
                if time.monotonic() >= self.due(rings):
                    self.read(rings)
                app.draw()
                fds = [fd for fd in (0, woken, self.owner, app.work.fd, rings.fd) if fd >= 0]
                left = max(min(self.due(rings), app.opens_at) - time.monotonic(), 0)
                ready = select.select(fds, (), (), left)[0]
                self.heard(ready, woken)
                app.rung = bool(rings.rung()) or app.rung
        app.work.end(LAST_S)
        return app.code

    def due(self, rings) -> float:
        """When (monotonic) the bus is to be read again."""
        app = self.app
        if app.rung:
            return app.read_at + max(LEAST_S, SHARE * self.took)
        if app.data.trouble:
            return app.read_at + TROUBLE_S
        if app.state.page and app.state.page.kind in UNTOLD:
            return app.read_at + SCREEN_S
        return app.read_at + (TICK_S if rings.path else bell.SAFETY_S)

    def heard(self, ready, woken: int) -> None:
        """What came is seen to: signals, keys, what was done beside."""
        app = self.app
        if self.owner in ready:
            app.code = 129
        if woken in ready:
            for number in os.read(woken, 512):
                if number in ENDS:
                    app.code = 128 + number
                elif number == signal.SIGTSTP:
                    app.screen.suspend()
        if app.work.fd in ready:
            os.read(app.work.fd, 512)
            app.work.finish()
        if 0 in ready:
            symbols = app.screen.read()
            if not symbols and not os.isatty(0):
                app.code = 129
            for key in self.decoder.feed(symbols):
                app.press(key)

    def read(self, rings) -> None:
        """The data is as the bus has it; where that cannot be read, as it was, and why is said."""
        app = self.app
        app.rung, before = False, time.monotonic()
        try:
            data, file = feed.read(app.home, app.state, time.time())
            if app.file not in (None, file):  # another database: its ids begin anew
                app.state = app.state._replace(event=0, top=0)
                data, file = feed.read(app.home, app.state, time.time())
            app.data, app.file = data, file
        except HcomError as error:
            app.data = app.data._replace(trouble=told(error))
        if not os.path.exists(rings.path):  # its folder was removed, or is there by now
            rings.__exit__()
            rings.__enter__()
        app.refresh()
        app.read_at = time.monotonic()
        self.took = app.read_at - before


def run(home, env, owner: int) -> int:
    """The dashboard has run on this terminal; its exit code."""
    try:
        with Screen(env) as screen:
            return Loop(App(home, env, screen), owner).run()
    except OSError:
        return 129  # the terminal is gone
    except Exception as error:  # boundary
        log.log("tui.failed", error=repr(error)[:300])
        raise
