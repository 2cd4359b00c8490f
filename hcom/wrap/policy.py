"""A client under our pty: what `hcom claude` runs. The pty passes bytes, this decides what to type.

It owns the wake of the agent that its launch is, whichever that is by now, and sees where a turn
ended without a hook. It shows its screen to whoever asks for it.
"""

import os
import time

from .. import log
from ..adapters.front import Look
from ..bus.agent import INACTIVE, LISTEN
from ..bus.client import BLOCKED, BUSY, IDLE, TEXT, UNKNOWN
from ..delivery import bell
from ..delivery.gate import DEAF, HEARD, NEVER, OURS, SETTLED_S, UNTRIED, Seen
from ..delivery.wake import Action
from ..errors import StoreError
from ..hub import launches as launching
from ..ops.after import Done, after
from ..ops.screens import SHOW, Screen, put
from ..ops.wake import Known, Wake
from ..pty.keys import Keys
from ..pty.mirror import Mirror
from ..store.connect import open_db

# A screen that has not changed for so long shows what the client really does: every client draws
# a moving sign while it works.
STILL_S = 2.5


class Typing:
    """The way to wake a client that has nothing but its terminal: `sign` is typed into it. Its hook
    brings the mail then, or `by_hand` a command of hcom that the sign tells of."""

    sees_esc = True

    def __init__(self, screen, sign: str, mirror: Mirror, keys: Keys, by_hand: bool = False):
        self.screen, self.by_hand = screen, by_hand
        self.sign, self.enter_after_s = sign, screen.ENTER_AFTER_S
        self.mirror, self.keys = mirror, keys
        self.typed = {
            Action.PASTE: b"\x1b[200~" + sign.encode() + b"\x1b[201~",
            Action.ENTER: b"\r",
            Action.CLEAR: b"\x15",
        }

    def state(self, _agent) -> str:
        """What the client's screen says it does."""
        return self.look().client

    def look(self) -> Look:
        """The client's state and its box; unknown where output was skipped."""
        drawn = self.mirror.screen
        return Look(UNKNOWN, UNKNOWN) if drawn.unknown else self.screen.look(drawn)

    def seen(self, known: Known, now: float) -> Seen:
        """The facts for the machine. Where hooks say that the client works nothing is looked at:
        hooks, or a still screen, tell of the end."""
        client, box = BUSY, UNKNOWN
        if not known.in_turn:
            look = self.look()
            client, box = look.client, look.box
            if box == TEXT and "".join(look.typed.split()) == "".join(self.sign.split()):
                box = OURS
        seen = Seen(now, known.mail, client, box, enter_after_s=self.enter_after_s)
        answers = known.agent is not None and self.screen.answers(known.agent)
        hooks = HEARD if known.heard or self.by_hand else UNTRIED if answers else DEAF
        return self.newer(seen._replace(confirmed_at=known.confirmed_at, hooks=hooks))

    def newer(self, seen: Seen) -> Seen:
        """What was seen, with what is known of changes since."""
        return seen._replace(typed_at=self.keys.typed_at, changed_at=self.mirror.changed_at)

    def do(self, action: Action, _agent, _before, _now: float) -> bytes:
        """What is to be typed."""
        return self.typed[action]


def is_begun(agent) -> bool:
    """Whether hooks have told that the agent's session goes on: it may be one of before."""
    starts = agent is None or agent.status == INACTIVE or agent.context == launching.DIALOG
    return not starts and bool(agent.session)


class Wrap:
    """The policy of one wrapped client (see pty.policy.Policy)."""

    def __init__(self, wake: Wake, mirror: Mirror, keys: Keys):
        self.home, self.wake, self.mirror, self.keys = wake.home, wake, mirror, keys
        # What passes needs nothing but to be drawn.
        self.on_output, self.on_resize = mirror.feed, mirror.resize
        self.turned_at = NEVER  # when hooks or commands told of a turn, of which a screen may not
        self.ready = False  # whether the client has been seen to take prompts
        self.by_hand = isinstance(wake.way, Typing) and wake.way.by_hand
        self.looked_at = self.noticed_at = self.refreshed_at = NEVER

    # -- what the pty tells --

    def on_start(self, pid: int, cols: int, rows: int) -> None:
        self.mirror.resize(cols, rows)
        with open_db(self.home) as db:
            launching.started(db, self.wake.launch, os.getpid(), pid)

    def on_ready(self, _fd: int) -> None:
        rung = self.wake.rings.rung()
        if bell.YIELD in rung:
            self.wake.step_aside()
        if SHOW in rung:
            self.show()
        self.refreshed_at = NEVER

    def deadline(self) -> float:
        times = [self.refreshed_at + self.wake.looks_s()]
        if self.unnoticed:
            times.append(self.mirror.changed_at)
        if self.moved_at > self.looked_at:
            times.append(self.moved_at + self.still_s())
        if not self.wake.known.in_turn and (due := self.wake.due()) is not None:
            times.append(due)
        return min(times)

    def tick(self, now: float) -> bytes:
        if now >= self.refreshed_at + self.wake.looks_s():
            self.refreshed_at, before = now, self.wake.known.in_turn
            self.wake.refresh(now)
            if self.wake.known.in_turn and not before:
                self.turned_at = now
            self.wake.own()
            self.ready = self.ready or is_begun(self.wake.known.agent)
        if self.unnoticed:
            self.noticed_at = self.mirror.changed_at
            self.notice()
        if self.looked_at < self.moved_at <= now - self.still_s():
            self.looked_at = now
            self.correct()
        return self.wake.step(now)

    @property
    def unnoticed(self) -> bool:
        """Whether the screen of a client without hooks may tell that it works by now."""
        known = self.wake.known
        waits = known.in_turn or (known.agent and known.agent.context == LISTEN)
        return self.by_hand and not waits and self.noticed_at < self.mirror.changed_at

    @property
    def moved_at(self) -> float:
        """When something was last seen to go on."""
        return max(self.mirror.changed_at, self.turned_at)

    # -- what is done about it --

    def still_s(self) -> float:
        """How long the screen has to be still before the client is asked what it does, where no
        hook may tell."""
        known = self.wake.known
        if not self.ready:
            return SETTLED_S if isinstance(self.wake.way, Typing) else STILL_S
        if not (known.in_turn or (known.mail and self.wake.seen.client != IDLE)):
            return float("inf")
        # Esc ends a turn at once where it does; behind any other key the client may not draw yet.
        esc = self.keys.escaped and self.keys.typed_at > self.looked_at
        return SETTLED_S if esc else STILL_S

    def correct(self) -> None:
        """Where the client waits for a prompt and no hook has said so, it is known: at its start,
        and where a turn ended with Esc or a refused tool. So is a dialog that comes before that."""
        known = self.wake.known
        if known.agent is None or (self.ready and not known.in_turn):
            return
        state = self.wake.way.state(known.agent)
        if state != IDLE and (state != BLOCKED or self.ready):
            return
        try:
            with open_db(self.home) as db:
                if state == BLOCKED:
                    launching.asks(db, known.agent.name, time.time())
                elif not self.ready:
                    launching.ready(db, self.wake.launch, time.time())
                if state == IDLE and known.in_turn:
                    launching.interrupted(db, known.agent.name, time.time())
        except StoreError as error:
            log.log("wrap.uncorrected", error=error.message)  # at the next still screen, then
            return
        self.ready = state == IDLE
        after(self.home, Done(rung=[known.agent.name]))

    def notice(self) -> None:
        """Where a client without hooks begins to work, it is known."""
        known = self.wake.known
        if not (known.agent and self.ready) or self.wake.way.state(known.agent) != BUSY:
            return
        try:
            with open_db(self.home) as db:
                launching.working(db, known.agent.name, time.time())
        except StoreError as error:
            log.log("wrap.unnoticed", error=error.message)
            return
        after(self.home, Done(rung=[known.agent.name]))

    def show(self) -> None:
        """Who asked for the screen has it."""
        screen = self.mirror.screen
        shown = Screen(screen.lines(), screen.cursor, screen.title, not screen.unknown)
        put(self.home, self.wake.launch, shown)
