"""Files that tell the shell launcher, without any process, who is an agent and who has mail.

`run/marks/KEY` (a session id, a launch id, or pid-N) holds the agent's name; `run/mail/NAME` exists
while something is queued for it. Hints only: the database is the truth, a hook that finds nothing
lowers the flag first and looks then.
"""

import os

from ..home import MAIL, MARKS, dropped, is_id, keep, private_file, read


def _path(home, part: str, key: str) -> str:
    return home.run(part, key) if is_id(key) else ""


def mark(home, keys, agent: str) -> None:
    """Hooks of sessions and launches with these keys reach `agent`; "" and odd keys are skipped."""
    for path in filter(None, (_path(home, MARKS, key) for key in keys)):
        try:
            keep(path, agent + "\n")  # in a file of its own: what is there may be another's
        except OSError:
            pass  # the launcher then starts no hook; commands and turn ends work without it


def marked(home, key: str) -> str:
    """The agent that `key` reaches; "" for none."""
    try:
        text = read(_path(home, MARKS, key)).decode("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return text.partition("\n")[0].strip()


def unmark(home, keys) -> None:
    """Hooks with these keys leave at once."""
    for key in keys:
        dropped(_path(home, MARKS, key))


def raise_flag(home, agents) -> None:
    """The next hook of each of `agents` looks for mail."""
    for agent in agents:
        try:
            os.close(private_file(_path(home, MAIL, agent), os.O_WRONLY))
        except OSError:
            pass


def lower_flag(home, agent: str) -> None:
    """Hooks of `agent` need not look for mail."""
    dropped(_path(home, MAIL, agent))
