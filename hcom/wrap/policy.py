"""A client under our pty: what `hcom claude` runs. The pty passes bytes, this decides what to type.

It owns its agent's wake: through the client's own channel where its adapter has one, else by typing
a short fixed text when delivery.gate allows it. It shows its screen to whoever asks for it.
"""

import json
import os
import time

from .. import adapters, log
from ..bus.agent import ACTIVE, BLOCKED
from ..delivery import bell, gate, owner
from ..home import write_private
from ..hub import launches as launching
from ..ops.after import Done, after
from ..ops.wake import LOOK_S, Wake
from ..process import start_of
from ..pty.keys import Keys
from ..pty.mirror import Mirror
from ..store import agents, deliveries
from ..store.connect import open_db

# Without a ring, mail is looked for this often: a ring can be lost with a crash. Where no doorbell
# could be made, it is the only way to learn of mail.
SAFETY_S = 30.0
NO_BELL_S = 2.0
# A client that has not said by then that it is ready waits for a person (login, trust).
READY_S = 120.0
# A screen that has not changed for so long shows what the client really does: every client draws
# a moving sign while it works.
STILL_S = 2.5
# What tells a program which terminal it is in: a new window has its own.
TERMINAL = (
    "TERM",
    "COLORTERM",
    "TMUX",
    "STY",
    "WINDOW",
    "ZELLIJ",
    "KITTY_",
    "WEZTERM_",
    "ALACRITTY_",
    "GHOSTTY_",
    "WT_",
    "ITERM_",
    "LC_TERMINAL",
    "VTE_",
    "KONSOLE_",
    "GNOME_TERMINAL_",
    "COLUMNS",
    "LINES",
    "XTERM_",
    "SHLVL",
)
SHOW = b"s"  # rung by who wants to see the screen
VIEWERS = "_viewer"


class Wrap:
    """The policy of one wrapped client (see pty.policy.Policy)."""

    def __init__(self, home, name: str, tool: str, launch: str, rings: bell.Bell):
        self.home, self.name, self.tool, self.launch = home, name, tool, launch
        self.rings = rings
        screen = adapters.load(tool, "screen")
        self.look = screen.look if adapters.has(tool, "screen") else None
        self.enter_after_s = screen.ENTER_AFTER_S
        self.hook = adapters.load(tool, "hook")
        # Whether the client has a channel of its own for the wake.
        self.rings_client = self.look is None and adapters.has(tool, "wake")
        self.mirror = Mirror(80, 24)
        self.keys = Keys()
        self.lock = owner.take(home, name)
        self.passive = False
        self.mail = 0
        self.news = False  # mail has come that nothing was done about yet
        self.wake = None
        self.gate = gate.Idle()
        self.failure = ""
        self.confirmed_at = self.stepped_at = gate.NEVER
        self.ready = False
        self.looked_at = gate.NEVER
        self.began = self.refreshed_at = time.monotonic()

    # -- what the pty tells --

    def on_start(self, pid: int, cols: int, rows: int) -> None:
        self.mirror = Mirror(cols, rows)
        with open_db(self.home) as db:
            launching.started(
                db, self.launch, self.name, os.getpid(), start_of(os.getpid()), pid, start_of(pid)
            )
        self.refresh()

    def on_resize(self, cols: int, rows: int) -> None:
        self.mirror.resize(cols, rows)

    def on_output(self, data: bytes, now: float) -> None:
        self.mirror.feed(data, now)

    def on_input(self, data: bytes, now: float) -> None:
        self.keys.feed(data, now)

    def on_ready(self, _fd: int) -> None:
        rung = self.rings.rung()
        if bell.QUIT in rung:  # the agent left, or a waiter of its client takes over
            owner.give_up(self.lock)
            self.lock, self.passive = -1, True
        if SHOW in rung:
            self.show()
        self.refresh()

    def deadline(self) -> float | None:
        times = [self.refreshed_at + (SAFETY_S if self.rings.fd >= 0 else NO_BELL_S)]
        if not self.ready and self.look and self.refreshed_at - self.began < READY_S:
            times.append(self.refreshed_at + LOOK_S)
        if self.look and self.mirror.changed_at > self.looked_at and self.in_turn():
            times.append(self.mirror.changed_at + STILL_S)
        if (self.mail or not isinstance(self.gate, gate.Idle)) and not self.passive:
            times.append(self.refreshed_at + (0 if self.news else LOOK_S))
            if self.look and self.lock >= 0:
                # As of the last step: what has come due since then is due.
                due = gate.deadline(self.gate, self.seen(self.stepped_at))
                times += [due] if due is not None else []
        return min(times)

    def tick(self, now: float) -> bytes | None:
        if now - self.refreshed_at >= LOOK_S:
            self.refresh()
        self.news = False
        self.correct(now)
        if self.passive or not (self.mail or self.look):
            return None
        if self.rings_client:
            self.ring(now)
            return None
        return self.typed(now) if self.look else None

    # -- what is done about it --

    def refresh(self) -> None:
        """What the database says of the agent's mail is known, as of now."""
        self.refreshed_at = time.monotonic()
        with open_db(self.home) as db:
            agent = agents.find(db, self.name)
            mail = deliveries.newest_waking(db, self.name) if agent.stopped_at is None else 0
            if agent.context == "woken" and self.mail and not mail:
                self.confirmed_at = self.refreshed_at
            if not self.ready and agent.session:
                self.ready = True
            elif not self.ready and self.look and self.look(self.mirror.screen).client == "idle":
                launching.ready(db, self.launch, self.name, time.time())
                self.ready = True
        if mail and self.lock < 0 and not self.passive:
            self.lock = owner.take(self.home, self.name)
        if self.wake is None:
            self.wake = Wake(agent, self.lock)
        self.wake.agent = agent
        if mail != self.mail:
            self.wake.tries, self.wake.due = 0, 0.0
        self.news = self.news or mail > self.mail
        self.mail = mail
        self.failure = self.failure if mail else ""

    def in_turn(self) -> bool:
        """Whether hooks say that the agent works, or waits for a person."""
        return self.wake is not None and self.wake.agent.status in (ACTIVE, BLOCKED)

    def correct(self, now: float) -> None:
        """Where a turn ended without a hook (Esc, a refused tool), the agent is idle too."""
        if (
            not self.look
            or not self.in_turn()
            or now - self.mirror.changed_at < STILL_S
            or self.mirror.changed_at <= self.looked_at
        ):
            return
        self.looked_at = now
        if self.look(self.mirror.screen).client == gate.Client.IDLE.value:
            with open_db(self.home) as db:
                launching.interrupted(db, self.name, time.time())
            after(self.home, Done())
            self.refresh()

    def ring(self, now: float) -> None:
        """The client's own channel is rung, where that is due and we own the wake."""
        if not self.mail or self.lock < 0:
            return
        self.wake.look(now)
        if self.wake.failure and self.wake.failure != "gone":
            self.note(self.wake.failure)
            self.wake.failure = ""
            self.wake.due = now + SAFETY_S

    def typed(self, now: float) -> bytes | None:
        """What the gate lets us type now."""
        if self.lock < 0 and self.mail:
            return None
        seen = self.seen(now)
        self.stepped_at = now
        self.gate, action = gate.step(self.gate, seen)
        if isinstance(self.gate, gate.Failed):
            self.note(self.gate.why.value)
        if action is gate.Action.NOTHING:
            return None
        log.log("pty.typed", agent=self.name, action=action.value)
        if action is gate.Action.PASTE:
            return b"\x1b[200~" + self.hook.WAKE_SIGN.encode() + b"\x1b[201~"
        return b"\r" if action is gate.Action.ENTER else b"\x15"

    def seen(self, now: float) -> gate.Seen:
        """The facts for the gate."""
        if not self.mail and isinstance(self.gate, gate.Idle):
            return gate.Seen(now, 0, gate.Client.UNKNOWN, gate.Box.UNKNOWN)
        look = self.look(self.mirror.screen)
        box = gate.Box(look.box)
        if box is gate.Box.TEXT and "".join(look.typed.split()) == "".join(
            self.hook.WAKE_SIGN.split()
        ):
            box = gate.Box.OURS
        return gate.Seen(
            now,
            self.mail,
            gate.Client(look.client),
            box,
            self.keys.typed_at,
            self.mirror.changed_at,
            self.confirmed_at,
            self.enter_after_s,
        )

    def note(self, reason: str) -> None:
        """People see why the agent is not woken."""
        if reason != self.failure:
            self.failure = reason
            with open_db(self.home) as db:
                agents.set_wake_failure(db, self.name, reason)

    def show(self) -> None:
        """The screen is in run/screens, and who asked for it knows."""
        screen = self.mirror.screen
        os.makedirs(self.home.path("run", "screens"), mode=0o700, exist_ok=True)
        write_private(
            self.home.path("run", "screens", self.name),
            json.dumps(
                {
                    "lines": screen.lines(),
                    "cursor": screen.cursor,
                    "title": screen.title,
                    "complete": not screen.unknown,
                }
            ),
        )
        bell.ring(self.home, [VIEWERS])
