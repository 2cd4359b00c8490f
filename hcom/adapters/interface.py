"""What the parts of an adapter are: for each a Protocol, which a module of that name in the tool's
folder is. Of screen, wake, stream and transcript a tool has what its client allows; `plain` answers
for the rest. Members that say "default" are taken over by assignment: `carries = base.carries_all`.

A test holds every adapter against this. Nothing loads it at run time: no hook has time for typing.
"""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from ..bus.agent import Agent, Caller
from ..home import Home
from .base import Reply, Signal
from .flags import Table
from .front import Look, Plan
from .history import Index
from .lines import Given, Part
from .settings import File, Owned

Env = Mapping[str, str]
Allowed = Collection[tuple[str, bool]]  # what may run unasked: words, whether more may follow


class Hook(Protocol):
    """Hook payloads in, hook output out. Reads no database and keeps no state."""

    BUDGET: dict[str, int]  # how many UTF-16 units the channel of each kind of reply brings
    UNSURE: frozenset[str]  # the kinds for which `carries` and `reaches` are asked; default: none
    # Which later hooks of a turn prove what one gave; default: those that only a request causes.
    PROVEN_BY: dict[str, tuple[str, ...]]
    WAKE_SIGN: str  # the wake, or what it begins with

    def read(self, event: str, payload: Any, env: Env, pid: int, at: float, /) -> Signal:
        """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""

    def write(self, event: str, reply: Reply, /) -> str:
        """What the hook prints so that the model gets `reply`; "" for nothing to say."""

    def surroundings(self, env: Env, /) -> Caller | None:
        """What a command run by this client knows of its session; None when not run by it."""

    def most(self, agent: Agent, /) -> int:
        """How many of these units any channel of this session brings. Default: any number."""

    def stop_cap(self, env: Env, /) -> int:
        """How many turn ends in a row may be continued. Default: any number."""

    def needs_waiter(self, env: Env, /) -> bool:
        """Whether this session can only be woken by a waiter. Default: no."""

    def carries(self, kind: str, said: str, /) -> bool:
        """Whether the channel of `kind` brings all of `said` as it is. Default: yes."""

    def reaches(self, signal: Signal, agent: Agent, /) -> bool:
        """Whether what the reply to this hook says comes to the agent's model. Default: yes."""

    def holds(self, client: dict[str, str], session: str, pid: int, /) -> bool:
        """Whether, by the session's own file, process `pid` has it open; `client` is what was noted
        of it. Asked where another process of its seems to live. Default: no."""

    def introduced(self, signal: Signal, agent: Agent, /) -> bool:
        """Whether the model still has what it was told of hcom. Default: yes, at the start."""


class Setup(Protocol):
    """Our hooks and rules in the client's settings."""

    PROGRAM: str
    PACKAGE: str  # that npm has it in, and whose version it has
    SESSION_VARIABLE: str  # in which the client tells a hook its session; "" for none
    BRINGS: bool  # whether a launch has hooks of its own where none are installed
    NOTICED_S: float  # until a running session sees its new hooks; 0 where it never does

    def hooks_file(self, home: Home, env: Env, /) -> Owned:
        """The settings file that our hooks belong in."""

    def files(self, home: Home, env: Env, allowed: Allowed, every: Allowed, /) -> list[File]:
        """All that has to be somewhere; `every` is what may have been allowed before."""

    def launch_files(self, home: Home, env: Env, allowed: Allowed, every: Allowed, /) -> list[File]:
        """Those that a launch needs. Default: all."""

    def trusts(self, home: Home, env: Env, /) -> Collection[tuple[str, str]]:
        """Others' hooks in the file with ours that the client trusts by their places there, in
        words, each with what it trusts it as. Default: none."""

    def advice(self, home: Home, env: Env, cwd: str, /) -> str:
        """What the person has yet to do so that installed hooks run in `cwd`. Default: nothing."""

    def warnings(self, home: Home, env: Env, cwd: str, args: list[str], /) -> str:
        """What a person should know before the client runs in `cwd` with `args`, above all what
        keeps its hooks from running. Default: nothing."""


class Launch(Protocol):
    """How a client of ours is started."""

    FLAGS: Table
    PRINTING: str  # what asks it to run without its terminal interface
    SYSTEM_PROMPT: str  # the flag, or else the variable, by which it takes a system prompt

    def scrubbed(self, env: Env, /) -> dict[str, str]:
        """`env` without what another session of this client put there."""

    def is_printing(self, args: list[str], /) -> bool:
        """Whether the client would run without its terminal interface."""

    def resuming(self, session: str, fork: bool, /) -> list[str]:
        """The arguments that resume a session, or start a copy of it."""

    def plan(self, args: list[str], home: Home, env: Env, cwd: str, /) -> Plan:
        """What starting with `args` in `cwd` means."""


class Screen(Protocol):
    """What the client's screen says; the wrapper types only where that is idle and empty."""

    ENTER_AFTER_S: float  # how long after a paste, and after its last change, it takes Enter

    def look(self, screen: Any, /) -> Look:
        """The client's state and its input box, as a person would see them; unknown means no."""

    def types(self, client: dict[str, str], /) -> bool:
        """Whether a client of which this was noted is woken by typing. Default: yes."""

    def answers(self, agent: Agent, /) -> bool:
        """Whether a client whose hooks run is silent up to its first prompt, which may be a wake.
        Default: no, where none was heard none runs."""


class Wake(Protocol):
    """The client's own channel for a wake, which says nothing of the message."""

    SEES_ESC: bool  # whether `state` knows of a turn that has ended without any hook

    def state(self, agent: Agent, /) -> str:
        """Whether the client is idle, busy, blocked or gone (bus.client)."""

    def status(self, agent: Agent, /) -> tuple[str, str] | None:
        """Status and context as the client shows them now; None where its hooks know best."""

    def ring(self, agent: Agent, tries: int, rung_at: float, /) -> None:
        """The wake is on its way; `rung_at` is when it was before. OSError when it cannot be."""


class Stream(Protocol):
    """A client without a terminal that stays alive: prompts as lines."""

    def fed(self, args: list[str], /) -> tuple[list[str], list[str] | None]:
        """Arguments of a client that reads lines, and its first lines; None where it would not."""

    def wake(self) -> str:
        """The line that makes the prompt hook hand over what waits."""

    def words(self, line: str, /) -> str:
        """What a line of the client's output says to a person; "" for nothing."""


class Transcript(Protocol):
    """What the client recorded: the evidence that its model was asked with a message, and the
    conversation. Lines are without the newline; one that is not whole is not asked about."""

    # In each line that `note` has something to say of, one of these stands; in few others.
    SIGNS: tuple[bytes, ...]
    # One of these, or of SIGNS, stands in each line that says more than what a tool that did its
    # work gave back, and that brings a message. (): any line may.
    BRIEF: tuple[bytes, ...]

    def fates(self, path: str, given: dict[int, Given], /) -> dict[int, str]:
        """What became of each message (by its id): lines.ANSWERED, STANDING or GONE; nothing of one
        that is not there. It is where the client recorded it as what a hook told, or a command
        printed, and nowhere else: tools and people quote."""

    def note(self, line: bytes, place: int, index: Index, /) -> None:
        """`index` knows what the line at `place` says of exchanges: one that begins there
        (index.begin), by a person's prompt or a wake of ours; those that were taken back
        (index.take_back). It goes by this line and index.facts alone, so that a number, once
        given, stays. What the client or a hook puts in as a prompt begins none, nor does a copy
        of what the file already has."""

    def parts(self, line: bytes, facts: dict[str, Any], /) -> Collection[Part]:
        """What the line says, in order; [] for what is no part of the conversation. The lines of an
        exchange come one after another; `facts`, empty at the first, is the adapter's own."""

    def within(self, path: str, subagent: str, /) -> str:
        """The transcript of a subagent of the session that has the one at `path`. Default: none."""

    def is_broken_off(self, path: str, /) -> bool:
        """Whether the conversation ends with a person's interruption. Default: no."""


PARTS = {
    "hook": Hook,
    "setup": Setup,
    "launch": Launch,
    "screen": Screen,
    "wake": Wake,
    "stream": Stream,
    "transcript": Transcript,
}
