"""Getting an idle agent to run its prompt hook, which brings its mail: one machine for all ways.

A client is rung by a channel of its own (a socket, a queue, a line of its input, the end of a
waiter), or a short text is typed into its terminal when the gate allows it. Pure: a state and what
is seen in, a state and one action out. Every try is bounded; what has failed is left alone until
the situation is another one.
"""

from collections import namedtuple
from enum import Enum

from ..bus.client import EMPTY, IDLE
from .gate import APART, DEAF, HEARD, NEVER, OURS, QUIET_S, SETTLED_S, Seen, Why, obstacle

TYPE_CHECKING = False  # typing is not for hooks
if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds to wait for the prompt hook after each ring. A loaded machine takes about one; the third
# goes unanswered only when something holds the message back, and a fourth would not help.
PATIENCE_S = (3.0, 6.0, 12.0)
# A client answers Enter with its prompt hook within 0.5 s, on a loaded machine within a few.
CONFIRM_S = 3.0
# A paste that cannot be seen in the box by then never arrived, or we cannot read that box.
SHOWN_S = 5.0
# The hook that confirms also takes the mail, in the same process.
TAKEN_S = 5.0
# Waited before each time the text is typed. The first failure is mostly a passing one (a dialog ate
# the paste); what fails a second time is stuck for longer. After these it is not going to work by
# itself.
GAPS_S = (0.0, 2.0, 8.0)
TRIES = len(GAPS_S)


class Action(Enum):
    NOTHING = "nothing"
    RING = "ring"  # the client, by its own channel
    PASTE = "paste"  # the wake text, bracketed
    ENTER = "enter"  # alone, in its own write
    CLEAR = "clear"  # the box, which holds our text only


# The states. No mail waits:
Idle = namedtuple("Idle", "")
# Mail waits for a moment in which the client may be woken, not before `after`:
Waiting = namedtuple("Waiting", "tries after", defaults=(0, NEVER))
# The client was rung, and has not taken `mail` yet:
Rung = namedtuple("Rung", "at tries mail")
# Our text has gone to the box; Enter has not:
Pasted = namedtuple("Pasted", "at tries")
# Enter was pressed on our text; the prompt hook has not said so yet:
Submitted = namedtuple("Submitted", "at tries")
# The turn has begun whose hook takes the mail, `mail` at least:
Confirmed = namedtuple("Confirmed", "at tries mail")
# Given up for `mail` while the client was so; another situation is another chance:
Failed = namedtuple("Failed", "why mail client box")

if TYPE_CHECKING:
    State = Idle | Waiting | Rung | Pasted | Submitted | Confirmed | Failed
    Step = tuple[State, Action]


def step(state: "State", seen: Seen) -> "Step":
    """The next state, and the one thing to do now."""
    return _STEPS[type(state)](state, seen)


def refused(seen: Seen) -> Failed:
    """The state after a ring that the client's channel did not take."""
    return Failed(Why.REFUSED, seen.mail, seen.client, seen.box)


def deadline(state: "State", seen: Seen) -> "float | None":
    """When `step` may answer differently though nothing else happens; None for never."""
    if not seen.mail and isinstance(state, (Idle, Waiting)):
        return None
    times = (
        seen.typed_at + QUIET_S,
        seen.changed_at + SETTLED_S,
        seen.changed_at + seen.enter_after_s,
        seen.changed_at + SHOWN_S,
        *(_TIMES[type(state)](state, seen) if type(state) in _TIMES else ()),
    )
    return min((time for time in times if time > seen.now), default=None)


# When a state may end by itself.
_TIMES: "dict[type, Callable[..., tuple[float, ...]]]" = {
    Waiting: lambda state, _: (state.after,),
    Rung: lambda state, _: (state.at + PATIENCE_S[state.tries - 1],),
    Pasted: lambda state, seen: (state.at + seen.enter_after_s, state.at + SHOWN_S),
    Submitted: lambda state, _: (state.at + CONFIRM_S, state.at + CONFIRM_S + SHOWN_S),
    Confirmed: lambda state, _: (state.at + TAKEN_S,),
}


def _waiting(state: Waiting, seen: Seen) -> "Step":
    if not seen.mail:
        return Idle(), Action.NOTHING
    if seen.now < state.after:
        return state, Action.NOTHING
    if seen.hooks == DEAF and seen.client == IDLE:
        return _given_up(Why.DEAF, seen)
    if not obstacle(seen, APART).value:
        return Rung(seen.now, state.tries + 1, seen.mail), Action.RING
    why = obstacle(seen, OURS if seen.box == OURS else EMPTY)
    if not why.value:  # ours was left by a try that failed
        action = Action.NOTHING if seen.box == OURS else Action.PASTE
        return Pasted(seen.now, state.tries + 1), action
    # What nobody would see: a draft is its writer's own, a dialog is told of.
    if why in (Why.UNREADABLE, Why.UNCLEAR) and SHOWN_S <= seen.now - seen.changed_at < -NEVER:
        return _given_up(why, seen)
    return state, Action.NOTHING


def _rung(state: Rung, seen: Seen) -> "Step":
    if not seen.mail:
        return Idle(), Action.NOTHING
    if seen.mail[0] > state.mail[0]:  # it was taken, and there is more
        return _waiting(Waiting(), seen)
    if seen.now - state.at < PATIENCE_S[state.tries - 1] or obstacle(seen, APART).value:
        return state, Action.NOTHING
    if state.tries >= len(PATIENCE_S):
        return _given_up(Why.UNTAKEN, seen)
    return Rung(seen.now, state.tries + 1, seen.mail), Action.RING


def _pasted(state: Pasted, seen: Seen) -> "Step":
    age = seen.now - state.at
    if seen.confirmed_at >= state.at:  # the person pressed Enter on it
        return _confirmed(Confirmed(seen.now, state.tries, seen.mail), seen)
    if age < seen.enter_after_s:
        return state, Action.NOTHING
    if not obstacle(seen, OURS).value:
        if not seen.mail:  # another channel was quicker
            return Idle(), Action.CLEAR
        return Submitted(seen.now, state.tries), Action.ENTER
    if age < SHOWN_S:
        return state, Action.NOTHING
    if not obstacle(seen, EMPTY).value:
        return _again(state.tries, Why.LOST, seen)
    if obstacle(seen, OURS) is Why.UNREADABLE:
        return _given_up(Why.UNREADABLE, seen)
    return state, Action.NOTHING


def _submitted(state: Submitted, seen: Seen) -> "Step":
    age = seen.now - state.at
    if seen.confirmed_at >= state.at:
        return _confirmed(Confirmed(seen.now, state.tries, seen.mail), seen)
    if not seen.mail and seen.box == EMPTY:
        return Idle(), Action.NOTHING
    if age < CONFIRM_S:
        return state, Action.NOTHING
    if not obstacle(seen, OURS).value:
        return _press_again(state, seen)
    if not obstacle(seen, EMPTY).value:
        if seen.hooks != HEARD:  # it was a turn without content, and so would be the next
            return Failed(Why.DEAF, seen.mail, seen.client, seen.box), Action.NOTHING
        return _again(state.tries, Why.UNCONFIRMED, seen)
    if age >= CONFIRM_S + SHOWN_S and obstacle(seen, OURS) is Why.UNREADABLE:
        return _given_up(Why.UNREADABLE, seen)
    return state, Action.NOTHING


def _press_again(state: Submitted, seen: Seen) -> "Step":
    """Enter was swallowed, as Claude does after the first paste of a session."""
    if not seen.mail:
        return Idle(), Action.CLEAR
    if state.tries >= TRIES:
        return _given_up(Why.UNCONFIRMED, seen)
    return Submitted(seen.now, state.tries + 1), Action.ENTER


def _confirmed(state: Confirmed, seen: Seen) -> "Step":
    if not seen.mail:
        return Idle(), Action.NOTHING
    if seen.mail != state.mail:
        return Waiting(after=state.at + TAKEN_S), Action.NOTHING
    if seen.now - state.at < TAKEN_S or seen.client != IDLE:
        return state, Action.NOTHING
    # Each wake is a turn that somebody pays for: this too ends.
    return _again(state.tries, Why.UNTAKEN, seen)


def _failed(state: Failed, seen: Seen) -> "Step":
    if state.why is Why.DEAF and seen.hooks != HEARD:
        return state, Action.NOTHING
    if not seen.mail:
        return Idle(), Action.NOTHING
    # Our own wakes change the client's state; where they work, only new mail is a new situation.
    same = state.why is Why.UNTAKEN or (seen.client, seen.box) == (state.client, state.box)
    if same and seen.mail == state.mail and state.why is not Why.DEAF:
        return state, Action.NOTHING
    return Waiting(), Action.NOTHING


def _again(tries: int, reason: Why, seen: Seen) -> "Step":
    if tries >= TRIES or not seen.mail:
        return _given_up(reason, seen)
    return Waiting(tries, seen.now + GAPS_S[tries]), Action.NOTHING


def _given_up(reason: Why, seen: Seen) -> "Step":
    if not seen.mail:
        return Idle(), Action.NOTHING
    return Failed(reason, seen.mail, seen.client, seen.box), Action.NOTHING


_STEPS: "dict[type, Callable[..., Step]]" = {
    Idle: lambda _, seen: _waiting(Waiting(), seen),
    Waiting: _waiting,
    Rung: _rung,
    Pasted: _pasted,
    Submitted: _submitted,
    Confirmed: _confirmed,
    Failed: _failed,
}
