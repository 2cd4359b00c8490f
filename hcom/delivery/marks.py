"""Files that tell the shell launcher, without any process, who is an agent and who has mail.

`run/marks/KEY=NAME` (a session id, a launch id, or pid-N, and the agent's name) exists while hooks
with that key are of interest; `run/mail/NAME` while something is queued for it. Hints only: the
database is the truth, a hook that finds nothing lowers the flag first and looks then. All is in the
names: a shell that opens a file can be made to wait for ever, by a FIFO in its place.
"""

import os

from ..home import MAIL, MARKS, dropped, is_id, listed, private_file


def every(home) -> list[tuple[str, str]]:
    """The key of each mark, and the agent."""
    parts = (name.partition("=") for name in sorted(listed(home.run(MARKS))))
    return [(key, agent) for key, sign, agent in parts if sign]


def mark(home, keys, agent: str) -> None:
    """Hooks of sessions and launches with these keys reach `agent`; "" and odd keys are skipped."""
    wanted = list(filter(is_id, keys if is_id(agent) else ()))
    for key in wanted:
        try:
            os.close(private_file(home.run(MARKS, f"{key}={agent}"), os.O_WRONLY | os.O_EXCL))
        except OSError:
            pass  # it is there, or the launcher starts no hook; commands and turn ends work
    _unmark(home, [(key, other) for key, other in every(home) if key in wanted and other != agent])


def marked(home, key: str) -> str:
    """The agent that `key` reaches; "" for none."""
    return next((agent for known, agent in every(home) if known == key), "")


def unmark(home, keys) -> None:
    """Hooks with these keys leave at once."""
    _unmark(home, [(key, agent) for key, agent in every(home) if key in keys])


def _unmark(home, found) -> None:
    for key, agent in found:
        dropped(home.run(MARKS, f"{key}={agent}"))


def _flag(home, agent: str) -> str:
    return home.run(MAIL, agent) if is_id(agent) else ""


def raise_flag(home, agents) -> None:
    """The next hook of each of `agents` looks for mail."""
    for agent in agents:
        try:
            os.close(private_file(_flag(home, agent), os.O_WRONLY))
        except OSError:
            pass


def lower_flag(home, agent: str) -> None:
    """Hooks of `agent` need not look for mail."""
    dropped(_flag(home, agent))
