"""Where and when the dashboard is looked from: sizes, ages, times and paths there. Pure."""

from collections import namedtuple
from collections.abc import Sequence
from datetime import datetime, timezone

from ..bus.agent import ACTIVE, BLOCKED, INACTIVE, LAUNCHING, LISTEN, LISTENING, STOPPED
from ..bus.render import age
from .cells import Look

NOW_S, COARSE_S = 10, 10  # ages are coarse: a screen on which nothing happens stands still
LOOKS = {BLOCKED: Look.NEED, ACTIVE: Look.WORK, LISTENING: Look.IDLE, INACTIVE: Look.DIM}

# What is shown of what a status is about.
WORDS = {
    "approval": "approve",
    "dialog": "a dialog waits",
    "prompt": "prompt",
    "woken": "woken by mail",
    "deliver": "reads mail",
    "screen": "works",
    "new": "is new",
    LAUNCHING: "starts",
    "start": "has started",
    "stop": "idle",
    "interrupted": "idle, interrupted",
    "error": "idle, its turn failed",
    LISTEN: "listens",
    "look": "listens",
    "not heard": "its device is not heard",
    STOPPED: "left, still runs",
}


# Where and when it is looked from: the size, the time, and the person's home directory
Place = namedtuple("Place", "cols rows now home", defaults=("/",))


def coarse(seconds: float) -> str:
    """An age that need not be drawn anew each second."""
    if seconds < NOW_S:
        return "now"
    return age(seconds - seconds % COARSE_S if seconds < 60 else seconds)


def said(context: str, detail: str) -> str:
    """What a status is about, in words."""
    kind, _, of = context.partition(":")
    if kind in ("tool", "deliver") and of:
        return f"{'reads ' * (kind == 'deliver')}{of} {detail}".rstrip()
    words = f"ended, {of.replace('_', ' ')}" if kind == "exit" else WORDS.get(context, context)
    return ": ".join(filter(None, (words, detail)))


def moment(timestamp: str) -> datetime:
    """When that was."""
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00"))


def clock(timestamp: str, now: float) -> str:
    """When that was, here: the time, and of another day the day."""
    at = moment(timestamp).astimezone()
    today = datetime.fromtimestamp(now, timezone.utc).astimezone().date()
    return at.strftime("%H:%M" if at.date() == today else "%b %d %H:%M")


def short(path: str, home: str) -> str:
    """The directory, from the person's home."""
    return "~" + path[len(home) :] if f"{path}/".startswith(f"{home}/") else path


def scrolled(heights: Sequence[int], top: int, chosen: int, room: int) -> int:
    """The first item to show, as near to `top` as can be, so that the `chosen` is seen whole and no
    room is left over below."""
    top = max(min(top, chosen), 0)
    while top < chosen and sum(heights[top : chosen + 1]) > room:
        top += 1
    while top > 0 and sum(heights[top - 1 :]) <= room:
        top -= 1
    return top
