"""When an agent may be woken by typing into its terminal, and when Enter may be pressed.

Pure: facts in, action out; no clock, no terminal, no client. Unknown means no. Enter on an approval
dialog approves it: ENTER is only ever answered where `obstacle` found none, that is for a client
that says it is idle and a box that holds our own text and nothing else.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

# A person who has typed within this long may be about to go on; half a sentence is not ours.
QUIET_S = 2.0
# A screen that changed within this long may still be on its way to something else. Clients draw a
# frame in well under this; a spinner (5 to 10 frames a second) keeps it from ever settling.
SETTLED_S = 0.3
# Enter this long after the paste, and after the screen last changed, where the adapter knows no
# better of its client.
ENTER_AFTER_S = 0.3
# A client answers Enter with its prompt hook within 0.5 s, on a loaded machine within a few.
CONFIRM_S = 3.0
# A paste that cannot be seen in the box by then never arrived, or we cannot read that box.
SHOWN_S = 5.0
# The hook that confirms also takes the mail, in the same process.
TAKEN_S = 5.0
# Waited before each try. The first failure is mostly a passing one (a dialog ate the paste); what
# fails a second time is stuck for longer. After these it is not going to work by itself.
GAPS_S = (0.0, 2.0, 8.0)
TRIES = len(GAPS_S)

NEVER = float("-inf")


class Client(Enum):
    """What the client says of itself: by its title, state file or OSC, and its screen."""

    IDLE = "idle"
    BUSY = "busy"
    BLOCKED = "blocked"  # a dialog is up, of whatever kind
    UNKNOWN = "unknown"


class Box(Enum):
    """What is proven to stand in the input box."""

    EMPTY = "empty"
    OURS = "ours"  # exactly the wake text; blank lines after it do not count
    TEXT = "text"
    UNKNOWN = "unknown"


class Seen(NamedTuple):
    """The facts at `now`; times are monotonic seconds, NEVER for what did not happen."""

    now: float
    mail: int  # id of the newest message that may wake this agent (an ack may not); 0 for none
    client: Client
    box: Box
    typed_at: float = NEVER  # by a person
    changed_at: float = NEVER  # the screen
    confirmed_at: float = NEVER  # the prompt hook reported the wake text
    enter_after_s: float = ENTER_AFTER_S


class Why(Enum):
    """What stands between waiting mail and the agent, for people to read."""

    NOTHING = ""
    BUSY = "the agent is busy"
    BLOCKED = "a dialog is open"
    UNCLEAR = "the client's state is unclear"
    TEXT = "there is text in the input box"
    UNREADABLE = "the input box cannot be read"
    TYPING = "somebody is typing"
    MOVING = "the screen is changing"
    PAUSE = "waiting before the next try"
    LOST = "the wake did not reach the input box"
    UNCONFIRMED = "the client did not take the wake"
    UNTAKEN = "the wake did not bring the mail"


class Action(Enum):
    NOTHING = "nothing"
    PASTE = "paste"  # the wake text, bracketed
    ENTER = "enter"  # alone, in its own write
    CLEAR = "clear"  # the box, which holds our text only


class Idle(NamedTuple):
    """No mail waits."""


class Waiting(NamedTuple):
    """Mail waits for a moment in which typing is safe, not before `after`."""

    tries: int = 0
    after: float = NEVER


class Pasted(NamedTuple):
    """Our text has gone to the box; Enter has not."""

    at: float
    tries: int


class Submitted(NamedTuple):
    """Enter was pressed on our text; the prompt hook has not said so yet."""

    at: float
    tries: int


class Confirmed(NamedTuple):
    """The turn has begun whose hook takes the mail, up to the message `mail` at least."""

    at: float
    tries: int
    mail: int


class Failed(NamedTuple):
    """Given up for `mail` while the client was so; another situation is another chance."""

    why: Why
    mail: int
    client: Client
    box: Box


State = Idle | Waiting | Pasted | Submitted | Confirmed | Failed
Step = tuple[State, Action]


def step(state: State, seen: Seen) -> Step:
    """The next state, and the one thing to do now."""
    return _STEPS[type(state)](state, seen)


def why(state: State, seen: Seen) -> Why:
    """What holds the mail up, NOTHING if nothing does or none waits."""
    if isinstance(state, Failed):
        return state.why
    if isinstance(state, (Idle, Confirmed)) or not seen.mail:
        return Why.NOTHING
    if isinstance(state, Waiting) and seen.now < state.after:
        return Why.PAUSE
    return obstacle(seen, Box.EMPTY if isinstance(state, Waiting) else Box.OURS)


def obstacle(seen: Seen, box: Box) -> Why:
    """Why nothing may be typed now into a box that has to be like `box`; NOTHING: it may."""
    if seen.client is not Client.IDLE:
        return _OBSTACLES[seen.client]
    if seen.box is not box:
        return Why.UNREADABLE if seen.box is Box.UNKNOWN else Why.TEXT
    if seen.now - seen.typed_at < QUIET_S:
        return Why.TYPING
    if seen.now - seen.changed_at < (seen.enter_after_s if box is Box.OURS else SETTLED_S):
        return Why.MOVING
    return Why.NOTHING


_OBSTACLES = {
    Client.BUSY: Why.BUSY,
    Client.BLOCKED: Why.BLOCKED,
    Client.UNKNOWN: Why.UNCLEAR,
}


def deadline(state: State, seen: Seen) -> float | None:
    """When `step` may answer differently though nothing else happens; None for never."""
    if isinstance(state, Failed) or (not seen.mail and isinstance(state, (Idle, Waiting))):
        return None
    times = [
        seen.typed_at + QUIET_S,
        seen.changed_at + SETTLED_S,
        seen.changed_at + seen.enter_after_s,
    ]
    if isinstance(state, Waiting):
        times.append(state.after)
    elif isinstance(state, Pasted):
        times += [state.at + seen.enter_after_s, state.at + SHOWN_S]
    elif isinstance(state, Submitted):
        times += [state.at + CONFIRM_S, state.at + CONFIRM_S + SHOWN_S]
    elif isinstance(state, Confirmed):
        times.append(state.at + TAKEN_S)
    return min((time for time in times if time > seen.now), default=None)


def _idle(state: Idle, seen: Seen) -> Step:
    return _waiting(Waiting(), seen) if seen.mail else (state, Action.NOTHING)


def _waiting(state: Waiting, seen: Seen) -> Step:
    if not seen.mail:
        return Idle(), Action.NOTHING
    if seen.now < state.after:
        return state, Action.NOTHING
    if not obstacle(seen, Box.EMPTY).value:
        return Pasted(seen.now, state.tries + 1), Action.PASTE
    if not obstacle(seen, Box.OURS).value:
        return Pasted(seen.now, state.tries + 1), Action.NOTHING  # left by a try that failed
    return state, Action.NOTHING


def _pasted(state: Pasted, seen: Seen) -> Step:
    age = seen.now - state.at
    if seen.confirmed_at >= state.at:  # the person pressed Enter on it
        return _confirmed(Confirmed(seen.now, state.tries, seen.mail), seen)
    if age < seen.enter_after_s:
        return state, Action.NOTHING
    if not obstacle(seen, Box.OURS).value:
        if not seen.mail:  # another channel was quicker
            return Idle(), Action.CLEAR
        return Submitted(seen.now, state.tries), Action.ENTER
    if age < SHOWN_S:
        return state, Action.NOTHING
    if not obstacle(seen, Box.EMPTY).value:
        return _again(state.tries, Why.LOST, seen)
    if obstacle(seen, Box.OURS) is Why.UNREADABLE:
        return _given_up(Why.UNREADABLE, seen)
    return state, Action.NOTHING


def _submitted(state: Submitted, seen: Seen) -> Step:
    age = seen.now - state.at
    if seen.confirmed_at >= state.at:
        return _confirmed(Confirmed(seen.now, state.tries, seen.mail), seen)
    if not seen.mail and seen.box is Box.EMPTY:
        return Idle(), Action.NOTHING
    if age < CONFIRM_S:
        return state, Action.NOTHING
    if not obstacle(seen, Box.OURS).value:
        return _press_again(state, seen)
    if not obstacle(seen, Box.EMPTY).value:
        return _again(state.tries, Why.UNCONFIRMED, seen)
    if age >= CONFIRM_S + SHOWN_S and obstacle(seen, Box.OURS) is Why.UNREADABLE:
        return _given_up(Why.UNREADABLE, seen)
    return state, Action.NOTHING


def _press_again(state: Submitted, seen: Seen) -> Step:
    """Enter was swallowed, as Claude does after the first paste of a session."""
    if not seen.mail:
        return Idle(), Action.CLEAR
    if state.tries >= TRIES:
        return _given_up(Why.UNCONFIRMED, seen)
    return Submitted(seen.now, state.tries + 1), Action.ENTER


def _confirmed(state: Confirmed, seen: Seen) -> Step:
    if not seen.mail:
        return Idle(), Action.NOTHING
    if seen.mail != state.mail:
        return Waiting(after=state.at + TAKEN_S), Action.NOTHING
    if seen.now - state.at < TAKEN_S or seen.client is not Client.IDLE:
        return state, Action.NOTHING
    # Each wake is a turn that somebody pays for: this too ends.
    return _again(state.tries, Why.UNTAKEN, seen)


def _failed(state: Failed, seen: Seen) -> Step:
    if not seen.mail:
        return Idle(), Action.NOTHING
    # Our own wakes change the client's state; where they work, only new mail is a new situation.
    same = state.why is Why.UNTAKEN or (seen.client, seen.box) == (state.client, state.box)
    if same and seen.mail == state.mail:
        return state, Action.NOTHING
    return Waiting(), Action.NOTHING


def _again(tries: int, reason: Why, seen: Seen) -> Step:
    if tries >= TRIES or not seen.mail:
        return _given_up(reason, seen)
    return Waiting(tries, seen.now + GAPS_S[tries]), Action.NOTHING


def _given_up(reason: Why, seen: Seen) -> Step:
    if not seen.mail:
        return Idle(), Action.NOTHING
    return Failed(reason, seen.mail, seen.client, seen.box), Action.NOTHING


_STEPS: dict[type, Callable[..., Step]] = {
    Idle: _idle,
    Waiting: _waiting,
    Pasted: _pasted,
    Submitted: _submitted,
    Confirmed: _confirmed,
    Failed: _failed,
}
