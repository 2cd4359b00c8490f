"""What the parts of an adapter that stand before a person answer: how its client is started, and
what the client's screen says."""

from collections import namedtuple

# How a client is started: `args` as it gets them; `resumes` the session id it will resume, `forks`
# whether as a copy; `client` facts for the adapter; `env` variables it needs.
Plan = namedtuple("Plan", "args resumes forks client env", defaults=("", False, None, None))


# What a client's screen says, in the words of bus.client: what the `client` does, what stands in
# the `box` where a prompt is typed, and the text `typed` there.
Look = namedtuple("Look", "client box typed", defaults=("",))
