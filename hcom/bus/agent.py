"""An agent: a named participant, as stored and as others see it."""

from collections import namedtuple

from ..errors import HcomError

ADHOC = "adhoc"  # the tool of an agent in any other: it runs hcom commands and has no hooks
BIGBOSS = "bigboss"  # the person at the dashboard; an address, never an agent
PROGRAM = "a program"  # what people read of who asked for something, and is neither

ACTIVE = "active"
LISTENING = "listening"
BLOCKED = "blocked"
INACTIVE = "inactive"
LAUNCHING = "launching"  # the context of who is INACTIVE, and has not ended: its client starts
LISTEN = "listen"  # the context of who waits in `hcom listen`, and is heard there by its doorbell
STOPPED = "stopped"  # the context of who has left, while a client that hcom launched runs on
STATUSES = (ACTIVE, LISTENING, BLOCKED, INACTIVE)
MARKS = {ACTIVE: "▶", LISTENING: "◉", BLOCKED: "■", INACTIVE: "○"}  # as people see them

# How long an agent whose session ended stays listed and is part of a broadcast: long enough to
# quit and resume over a meal break, short enough that a day's dead sessions gather no mail.
RECENT_S = 3600
# An agent that ended or left so long ago retires: nobody is found to wait for it any more. A week:
# who comes back from a holiday finds the mail queued again when the session is resumed.
RETIRE_S = 7 * 86_400
FOREVER_S = 1e12


class Agent(
    namedtuple(
        "Agent",
        "name tag tool session launch directory transcript parent pid pid_start client status "
        "context detail status_at created_at ended_at stopped_at hints timeout subagent_timeout "
        "stop_streak wake_failure batch headless device turn_at retired_at hints_by",
    )
):
    """One row of the table of agents.

    `client` is a dict that only the tool's adapter reads. Times are Unix seconds; `ended_at` is
    when its client's session ended, `stopped_at` when it left the bus, `retired_at` when it left
    the lists long after either; None while that is not so. `turn_at` is when it last had a prompt.
    `hints_by` is who set its hints, "" where they are those of the settings. `device` is the id of
    the device it is on, which its name then ends in (luna:BOXE); "" for this one.
    """

    __slots__ = ()

    @property
    def display(self) -> str:
        """The name that people see: with the tag in front, where there is one."""
        return f"{self.tag}-{self.name}" if self.tag else self.name

    @property
    def place(self) -> str:
        """What the device is called that the agent is on; "" for this one."""
        return self.name.partition(":")[2]

    @property
    def option(self) -> str:
        """What its commands have to say so that it speaks; "" where its session tells."""
        return f" --name {self.name}" if self.parent or self.tool == ADHOC else ""


# What a process's surroundings say of the session that runs it; "" where they are silent. `tool` is
# ADHOC for a session that no hook brings mail. `shared`: its client's process `pid` runs other
# sessions too, and does not tell them apart. `proof`: what only the processes of a launch have;
# `vouched`: a person has said yes.
Caller = namedtuple(
    "Caller",
    "session launch pid pid_start tool shared proof vouched",
    defaults=("", "", 0, "", "", False, "", False),
)


def is_person(name: str) -> bool:
    """Whether the name is a person's: this device's, or another one's (bigboss:BOXE)."""
    return name.partition(":")[0] == BIGBOSS


def is_far(name: str) -> bool:
    """Whether it is the name of somebody on another device (luna:BOXE)."""
    return ":" in name


def refuse_remote(agent: Agent) -> None:
    """HcomError when the agent is on another device: nothing of it is ours to change."""
    if agent.device:
        raise HcomError(
            f"{agent.display} is on another device, and only there can that be done",
            f"ask there: hcom send @{agent.name} -- TEXT",
        )


def past(at: float, now: float) -> float:
    """A time that was stored, as one that can be compared: where it has not come yet, the clock was
    set back since, and it was before all that was stored after that."""
    return at if at <= now + 1 else at - FOREVER_S


def is_listed(agent: Agent, now: float) -> bool:
    """Whether `agent` takes part now: it has not left, and its session is alive or recent."""
    lives = agent.ended_at is None or now - agent.ended_at < RECENT_S
    return agent.stopped_at is None and lives
