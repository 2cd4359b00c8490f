"""What the lines of a transcript say, whatever the tool. Most hooks read none."""

from collections import namedtuple

# What a transcript says of a message that was given to the model; nothing of one not in it.
ANSWERED = "answered"  # the model has written something since
STANDING = "standing"  # it is in the conversation, and goes to the model with its next request
GONE = "gone"  # it was, and has been taken out

# What a line of a transcript says, whatever the tool: the kinds of a Part.
ASKED = "asked"  # a person's prompt: what was typed
WOKEN = "woken"  # a prompt that is our own wake; the message is in what a hook TOLD behind it
TOLD = "told"  # what a hook, of anybody, gave the model
SAID = "said"  # what the model wrote for its reader
CALLED = "called"  # a tool: `name`, and its input
RETURNED = "returned"  # what the tool gave back
FAILED = "failed"  # the same, where it failed or was refused; without a `key`, why a turn broke off
EDITED = "edited"  # what a tool does to the file `name`, as a diff
SPENT = "spent"  # (input, output) tokens of a response; the last of a `key` counts


# One thing that a line of a transcript says; `key` is the client's id of the call or the response
# that it belongs to. Values are whole, they are cut where they are put together.
Part = namedtuple("Part", "kind value name key", defaults=("", "", ""))


# How a message was given to the model: by which channel, and when. Records of it end behind `since`
# in the transcript and are no older than `at`: others are of another message that had its number.
Given = namedtuple("Given", "channel since at", defaults=("", 0, 0.0))


def mark_answered(found: dict[int, str], but=()) -> None:
    """The model has written something: it had what stood in the conversation `but` these."""
    for message, fate in found.items():
        if fate == STANDING and message not in but:
            found[message] = ANSWERED
