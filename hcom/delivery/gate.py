"""When typing into a client's terminal is safe: for a wake text, and for the Enter behind it.

Pure: facts in, answer out; no clock, no terminal, no client. Unknown means no. Enter on an approval
dialog approves it: only where `obstacle` finds none, that is for a client that says it is idle and
a box that holds our own text and nothing else, may ENTER ever be pressed.
"""

from collections import namedtuple
from enum import Enum

# A person who has typed within this long may be about to go on; half a sentence is not ours.
QUIET_S = 2.0
# A screen that changed within this long may still be on its way to something else. Clients draw a
# frame in well under this; a spinner (5 to 10 frames a second) keeps it from ever settling.
SETTLED_S = 0.3
# Enter this long after the paste, and after the screen last changed, where the adapter knows no
# better of its client.
ENTER_AFTER_S = 0.3

NEVER = float("-inf")


class Client(Enum):
    """What the client says of itself: by its title, state file or OSC, and its screen."""

    IDLE = "idle"
    BUSY = "busy"
    BLOCKED = "blocked"  # a dialog is up, of whatever kind
    UNKNOWN = "unknown"
    GONE = "gone"


class Box(Enum):
    """What is proven to stand in the input box."""

    EMPTY = "empty"
    OURS = "ours"  # exactly the wake text; blank lines after it do not count
    TEXT = "text"
    UNKNOWN = "unknown"
    APART = "apart"  # the client has a channel of its own for the wake, beside the box


class Seen(
    namedtuple(
        "Seen",
        "now mail client box typed_at changed_at confirmed_at enter_after_s",
        defaults=(NEVER, NEVER, NEVER, ENTER_AFTER_S),
    )
):
    """The facts at `now`; times are monotonic seconds, NEVER for what did not happen.

    `mail` are the ids of the oldest and the newest message that waits and may wake this agent (an
    ack may not), () for none. `typed_at`: by a person; `changed_at`: the screen; `confirmed_at`:
    the prompt hook reported the wake text.
    """

    __slots__ = ()


class Why(Enum):
    """What stands between waiting mail and the agent, for people to read."""

    NOTHING = ""
    BUSY = "the agent is busy"
    BLOCKED = "a dialog is open"
    UNCLEAR = "the client's state is unclear"
    GONE = "the client has ended"
    TEXT = "there is text in the input box"
    UNREADABLE = "the input box cannot be read"
    TYPING = "somebody is typing"
    MOVING = "the screen is changing"
    LOST = "the wake did not reach the input box"
    UNCONFIRMED = "the client did not take the wake"
    UNTAKEN = "the wake did not bring the mail"
    REFUSED = "the wake cannot be sent"


_OBSTACLES = {
    Client.BUSY: Why.BUSY,
    Client.BLOCKED: Why.BLOCKED,
    Client.UNKNOWN: Why.UNCLEAR,
    Client.GONE: Why.GONE,
}


def obstacle(seen: Seen, box: Box) -> Why:
    """Why nothing may be done now with a box that has to be like `box`; NOTHING: it may."""
    if seen.client is not Client.IDLE:
        return _OBSTACLES[seen.client]
    if seen.box is not box:
        return Why.UNREADABLE if seen.box is Box.UNKNOWN else Why.TEXT
    if seen.now - seen.typed_at < QUIET_S:
        return Why.TYPING
    if seen.now - seen.changed_at < (seen.enter_after_s if box is Box.OURS else SETTLED_S):
        return Why.MOVING
    return Why.NOTHING
