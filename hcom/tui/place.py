"""Where and when the dashboard is looked from: sizes, ages, times and paths there. Pure."""

from collections import namedtuple
from collections.abc import Sequence
from datetime import datetime, timezone

from ..bus.agent import ACTIVE, BLOCKED, INACTIVE, LISTENING
from ..bus.render import age
from .cells import Look

NOW_S, COARSE_S = 10, 10  # ages are coarse: a screen on which nothing happens stands still
LOOKS = {BLOCKED: Look.NEED, ACTIVE: Look.WORK, LISTENING: Look.IDLE, INACTIVE: Look.DIM}


# Where and when it is looked from: the size, the time, and the person's home directory
Place = namedtuple("Place", "cols rows now home", defaults=("/",))


def coarse(seconds: float) -> str:
    """An age that need not be drawn anew each second."""
    if seconds < NOW_S:
        return "now"
    return age(seconds - seconds % COARSE_S if seconds < 60 else seconds)


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
