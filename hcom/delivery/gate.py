"""When typing into a client's terminal is safe: for a wake text, and for the Enter behind it.

Pure: facts in, answer out; no clock, no terminal, no client. Unknown means no. Enter on an approval
dialog approves it: only where `obstacle` finds none, that is for a client that says it is idle and
a box that holds our own text and nothing else, may ENTER ever be pressed.
"""

from collections import namedtuple
from enum import Enum

from ..bus.client import BLOCKED, BUSY, GONE, IDLE, UNKNOWN

# A person who has typed within this long may be about to go on; half a sentence is not ours.
QUIET_S = 2.0
# A screen that changed within this long may still be on its way to something else. Clients draw a
# frame in well under this; a spinner (5 to 10 frames a second) keeps it from ever settling.
SETTLED_S = 0.3
# Enter this long after the paste, and after the screen last changed, where the adapter knows no
# better of its client.
ENTER_AFTER_S = 0.3

NEVER = float("-inf")


# What stands in the input box beside what an adapter says of it: exactly the wake text (blank lines
# after it do not count); or nothing that matters, for the client is woken by a channel beside it.
OURS, APART = "ours", "apart"
# Whether the client's hooks, which bring the mail, are known to run: one was heard; none was, and
# only a prompt could tell; none was, though one would have been.
HEARD, UNTRIED, DEAF = "heard", "untried", "deaf"


# The facts at `now`; times are monotonic seconds, NEVER for what did not happen.
#
# `client` is what it does, `box` what is proven to stand in its input box (bus.client). `mail` are
# the ids of the oldest and the newest message that waits and may wake this agent (an ack may not),
# () for none. `typed_at`: by a person; `changed_at`: the screen; `confirmed_at`: the prompt hook
# reported the wake text. `hooks`: HEARD, UNTRIED or DEAF.
Seen = namedtuple(
    "Seen",
    "now mail client box typed_at changed_at confirmed_at enter_after_s hooks",
    defaults=(NEVER, NEVER, NEVER, ENTER_AFTER_S, HEARD),
)


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
    DEAF = "no hooks heard yet"


_OBSTACLES = {BUSY: Why.BUSY, BLOCKED: Why.BLOCKED, UNKNOWN: Why.UNCLEAR, GONE: Why.GONE}


def obstacle(seen: Seen, box: str) -> Why:
    """Why nothing may be done now with a box that has to be like `box`; NOTHING: it may."""
    if seen.client != IDLE:
        return _OBSTACLES.get(seen.client, Why.UNCLEAR)
    if seen.box != box:
        return Why.UNREADABLE if seen.box == UNKNOWN else Why.TEXT
    if seen.now - seen.typed_at < QUIET_S:
        return Why.TYPING
    if seen.now - seen.changed_at < (seen.enter_after_s if box == OURS else SETTLED_S):
        return Why.MOVING
    return Why.NOTHING
