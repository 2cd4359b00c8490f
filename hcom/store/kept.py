"""What hooks, launchers and wrappers know of sessions and launches: a file each in home.KEPT, which
no agent in a sandbox may write to, as it may any row.

All that is opened, ended, closed, connected to or given to a program comes from here; such facts in
a row are only shown and looked up. docs/security.md says of each column what it may do.
"""

import json
import os
from collections import namedtuple

from ..bus.agent import Agent
from ..home import Lock, dropped, is_id, listed, private_folder, write_private
from ..process import alive

FOLDER = "known"
LAUNCH = "launch-"  # with this begin the ids of launches
TRANSCRIPTS = 64  # of one session: a client may begin another each time it is resumed


class Kept(
    namedtuple(
        "Kept",
        "tool directory transcripts pid pid_start client wrapper wrapper_start window former name",
        defaults=("", "", (), 0, "", None, 0, "", None, 0, ""),
    )
):
    """A session or launch: its tool, where it works, its transcripts (the newest first), its
    client's process and what the adapter noted (a dict of texts); the process of its wrapper, and
    the window that was opened for it, as terminal.Opened in a list; and the process `former` that
    it lived in before; of a launch the `name` of its agent. What is empty is not known."""

    __slots__ = ()

    @property
    def transcript(self) -> str:
        """The newest of them; "" for none."""
        return self.transcripts[0] if self.transcripts else ""

    @property
    def wrapped(self) -> bool:
        """Whether its wrapper is alive."""
        return alive(self.wrapper, self.wrapper_start)


NOTHING = Kept()


def _path(home, key: str) -> str:
    """The file of what has this id; "" where it is none."""
    return home.kept(FOLDER, key + ".json") if is_id(key) else ""


def of(home, key: str) -> Kept:
    """What is kept of a session or a launch; NOTHING for none."""
    try:
        with open(_path(home, key), encoding="utf-8") as stream:
            said = json.load(stream)
        return Kept(**{field: said[field] for field in Kept._fields if field in said})
    except (OSError, ValueError, TypeError):
        return NOTHING


def running(home) -> "dict[str, Kept]":
    """The launches whose wrapper is alive, by their ids."""
    ids = (entry.removesuffix(".json") for entry in sorted(listed(home.kept(FOLDER))))
    found = {key: of(home, key) for key in ids if key.startswith(LAUNCH)}
    return {key: known for key, known in found.items() if known.wrapped}


def heard(home, agent: Agent) -> bool:
    """Whether a hook of the agent's session was ever heard."""
    return of(home, agent.session) != NOTHING


def note(home, key: str, **facts) -> None:
    """These facts are kept of a session or a launch, too; what is empty leaves what is known, a
    `transcript` is one more, and so is each fact of the `client`. In a sandbox nothing can be kept,
    nor of what has no proper id."""
    path, known = _path(home, key), of(home, key)
    if not path or _with(known, **facts) == known:
        return
    try:
        with Lock(home, FOLDER) as lock:  # a launcher and its wrapper note at the same time
            lock.take(wait=True)
            private_folder(home.kept(FOLDER))
            write_private(path, json.dumps(_with(of(home, key), **facts)._asdict()))
    except OSError:
        pass  # it cannot be woken, then, nor ended; nothing is lost


def _with(known: Kept, transcript: str = "", client=None, **facts) -> Kept:
    facts["client"] = {**(known.client or {}), **(client or {})}
    if transcript not in ("", known.transcript):
        facts["transcripts"] = [transcript, *known.transcripts][:TRANSCRIPTS]
    if facts.get("pid") not in (None, 0, known.pid):
        facts["former"] = known.pid
    return known._replace(**{name: value for name, value in facts.items() if value})


def drop(home, keys) -> None:
    """Nothing is kept of these."""
    for key in keys:
        dropped(_path(home, key))


def prune(home, keys, archive: str) -> None:
    """Nothing is kept but of these and of launches that run; what is of others is in the folder of
    the archive that they are in, "" for none: who reads their transcripts asks `of` there."""
    known = {entry.removesuffix(".json") for entry in listed(home.kept(FOLDER))}
    old = home._replace(root=archive)
    for key in known.difference(keys, running(home)):
        if archive:
            try:
                private_folder(old.kept(FOLDER))
                os.rename(_path(home, key), _path(old, key))
            except OSError:
                pass  # its files are as good as gone: nothing of that archive can be opened
        dropped(_path(home, key))


def proven(home, agent: Agent) -> Agent:
    """The agent with what is kept of its session, and else of its launch, in the place of what its
    row says; of its process the row only says whether it still is one of theirs."""
    session, launch = of(home, agent.session), of(home, agent.launch)
    said, process = launch if session == NOTHING else session, (agent.pid, agent.pid_start)
    if process not in ((one.pid, one.pid_start) for one in (session, launch)):
        process = (0, "")
    return agent._replace(
        directory=said.directory,
        transcript=said.transcript,
        client={**(launch.client or {}), **(session.client or {})},
        pid=process[0],
        pid_start=process[1],
    )
