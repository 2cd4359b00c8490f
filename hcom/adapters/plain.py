"""The part that a tool has not: what it answers in its place. It reads no screen, wakes nobody, is
fed nothing and proves nothing (interface.Screen, Wake, Stream, Transcript)."""

from ..bus.client import GONE, UNKNOWN
from .base import no, none, nothing
from .front import Look

ENTER_AFTER_S = 0.0  # nothing is typed where nothing can be read
SEES_ESC = False
SIGNS: tuple[bytes, ...] = ()
BRIEF = SIGNS
parts = none
types = answers = no
within = wake = nothing
is_broken_off = no


def look(_screen) -> Look:
    """Nothing is known of the screen."""
    return Look(UNKNOWN, UNKNOWN)


def state(_agent) -> str:
    """There is no client that could be woken."""
    return GONE


def status(_agent) -> None:
    """What hooks and commands told is all there is."""


def ring(_agent, _tries: int, _rung_at: float) -> None:
    """OSError: the client has no channel for a wake."""
    raise OSError("the client has no channel of its own")


def fed(args) -> tuple[list[str], None]:
    """The client reads no lines: it is started as it is."""
    return list(args), None


def words(line: str) -> str:
    """What the client prints is for people."""
    return line


def fates(_path: str, _given) -> dict[int, str]:
    """There is no transcript."""
    return {}


def note(_line, _place, _index) -> None:
    """Nothing begins."""
