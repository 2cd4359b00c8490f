"""The agents, and what binds a client's session or a launch to one."""

import json
import sqlite3

from ..bus.agent import ACTIVE, BLOCKED, INACTIVE, LISTENING, Agent

_FIELDS = Agent._fields
_COLUMNS = ", ".join(_FIELDS)
# What a new agent is where nothing else is said of it.
_BLANK: dict = {
    **dict.fromkeys(_FIELDS, ""),
    **dict.fromkeys(("ended_at", "stopped_at", "retired_at")),
    "pid": 0,
    "status": LISTENING,
    "context": "new",
    "timeout": 86400,
    "subagent_timeout": 30,
    "stop_streak": 0,
    "headless": False,
    "turn_at": 0.0,
}


def _agent(row: sqlite3.Row) -> Agent:
    values = dict(row)
    values["client"] = json.loads(values["client"])
    values["headless"] = bool(values["headless"])
    if "/" in values["name"] or values["name"].startswith("."):
        raise sqlite3.DatabaseError("malformed: a name that would be a path")
    if type(values["pid"]) is not int:
        raise sqlite3.DatabaseError("malformed: a process that has no number")
    return Agent(**values)


def create(db, agent: Agent) -> None:
    """`agent` is stored; sqlite3.IntegrityError when its name is taken."""
    values = [json.dumps(v) if f == "client" else v for f, v in zip(_FIELDS, agent)]
    db.execute(f"INSERT INTO agents ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)


def blank(name: str, tool: str, now: float, **facts) -> Agent:
    """An agent value with everything that `facts` does not say left empty."""
    times = {"status_at": now, "created_at": now}
    return Agent(**{**_BLANK, "name": name, "tool": tool, "client": {}, **times, **facts})


def find(db, name: str) -> Agent | None:
    """The agent of that name, in any case; also one that has left."""
    row = db.execute(f"SELECT {_COLUMNS} FROM agents WHERE name = ?", (name,)).fetchone()
    return _agent(row) if row else None


def every(db) -> list[Agent]:
    """All agents of this device that have not left and not retired, oldest first."""
    return [agent for agent in everywhere(db) if not agent.device]


def everywhere(db) -> list[Agent]:
    """The same, and those of other devices."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE stopped_at IS NULL AND retired_at IS NULL "
        "ORDER BY created_at, name"
    ).fetchall()
    return [_agent(row) for row in rows]


def tagged(db, names) -> list[Agent]:
    """Those of `names` that have a tag, also those that have left."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE name IN (SELECT value FROM json_each(?)) "
        "AND tag <> ''",
        (json.dumps([*names]),),
    )
    return [_agent(row) for row in rows]


def on_device(db, device: str) -> list[Agent]:
    """The agents of another device."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE device = ? AND device <> ''", (device,)
    ).fetchall()
    return [_agent(row) for row in rows]


def restate(db, agent: Agent) -> None:
    """The agent of another device is as its device says."""
    db.execute(
        "UPDATE agents SET tag = ?, tool = ?, status = ?, context = ?, detail = ?, status_at = ?, "
        "directory = ?, client = ? WHERE name = ? AND device = ? AND device <> ''",
        (
            *(agent.tag, agent.tool, agent.status, agent.context, agent.detail, agent.status_at),
            *(agent.directory, json.dumps(agent.client), agent.name, agent.device),
        ),
    )


def names(db) -> list[str]:
    """Every name ever given since the last reset."""
    return db.column("SELECT name FROM agents")


def staying(db) -> set[str]:
    """Those that have not left, also who retired: a session of theirs may be resumed."""
    return set(db.column("SELECT name FROM agents WHERE stopped_at IS NULL"))


def bound(db, kind: str, key: str) -> Agent | None:
    """The agent that a session id or a launch id belongs to."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE name = "
        "(SELECT agent FROM bindings WHERE kind = ? AND id = ?)",
        (kind, key),
    ).fetchone()
    return _agent(row) if row else None


def by_process(db, pid: int, pid_start: str) -> Agent | None:
    """The agent whose client is the process `pid` that began at `pid_start`."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE pid = ? AND pid <> 0 AND pid_start = ? "
        "AND stopped_at IS NULL AND parent = ''",
        (pid, pid_start),
    ).fetchone()
    return _agent(row) if row else None


def before_in_process(db, agent: Agent) -> list[str]:
    """The names of the other agents that the process of `agent` is said to be the client of."""
    return db.column(
        "SELECT name FROM agents WHERE pid = ? AND pid_start = ? AND name <> ? AND pid <> 0 "
        "AND stopped_at IS NULL AND ended_at IS NULL",
        (agent.pid, agent.pid_start, agent.name),
    )


def children(db, parent: str) -> list[Agent]:
    """The subagents of `parent` that take part."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM agents WHERE parent = ? AND parent <> '' AND stopped_at IS NULL",
        (parent,),
    ).fetchall()
    return [_agent(row) for row in rows]


def adopt(db, former: str, parent: str) -> None:
    """The subagents of `former` are those of `parent` now."""
    db.execute("UPDATE agents SET parent = ? WHERE parent = ? AND parent <> ''", (parent, former))


def parents(db, names) -> list[str]:
    """The agents in whose sessions some of `names` are subagents."""
    return db.column(
        "SELECT DISTINCT parent FROM agents WHERE parent <> '' "
        "AND name IN (SELECT value FROM json_each(?))",
        (json.dumps(list(names)),),
    )


def bindings(db, name: str) -> list[str]:
    """Every session id and launch id that belongs to the agent."""
    return db.column("SELECT id FROM bindings WHERE agent = ?", (name,))


def bind(db, kind: str, key: str, name: str) -> None:
    """`key` belongs to the agent from now on, whoever had it before."""
    db.execute(
        "INSERT INTO bindings (kind, id, agent) VALUES (?, ?, ?) "
        "ON CONFLICT (kind, id) DO UPDATE SET agent = excluded.agent",
        (kind, key, name),
    )
    column = "session" if kind == "session" else "launch"
    db.execute(f"UPDATE agents SET {column} = ? WHERE name = ?", (key, name))


def unbind_sessions(db, name: str) -> None:
    """No session belongs to the agent any more."""
    db.execute("DELETE FROM bindings WHERE kind = 'session' AND agent = ?", (name,))


def met(
    db, name: str, directory: str, transcript: str, pid: int, pid_start: str, client: dict
) -> None:
    """The session of the agent was seen alive there; "" and 0 leave what is known."""
    db.execute(
        "UPDATE agents SET directory = CASE WHEN ?1 = '' THEN directory ELSE ?1 END, "
        "transcript = CASE WHEN ?2 = '' THEN transcript ELSE ?2 END, "
        "pid = CASE WHEN ?3 = 0 THEN pid ELSE ?3 END, "
        "pid_start = CASE WHEN ?3 = 0 THEN pid_start ELSE ?4 END, "
        "client = json_patch(client, ?5), ended_at = NULL WHERE name = ?6",
        (directory, transcript, pid, pid_start, json.dumps(client), name),
    )


def acted_at(db, name: str) -> float:
    """When the agent last said or did something."""
    return db.value(
        "SELECT max(status_at, created_at, coalesce((SELECT CAST(strftime('%s', timestamp) "
        "AS REAL) FROM events WHERE instance = ?1 ORDER BY id DESC LIMIT 1), 0)) "
        "FROM agents WHERE name = ?1",
        (name,),
    )


def set_status(db, name: str, status: str, context: str, detail: str, now: float) -> None:
    """The agent's status is this as of `now`; a report older than the last changes nothing, unless
    that one's time has yet to come: the clock was set back since."""
    db.execute(
        "UPDATE agents SET status = ?, context = ?, detail = ?, status_at = ? "
        "WHERE name = ? AND (status_at <= ? OR status_at > strftime('%s', 'now') + 2)",
        (status, context, detail, now, name, now),
    )


def begin_turn(db, name: str, context: str, detail: str, now: float) -> None:
    """The agent was given a prompt at `now`; what was said of its turn ends and wakes is over."""
    set_status(db, name, ACTIVE, context, detail, now)
    db.execute(
        "UPDATE agents SET stop_streak = 0, wake_failure = '', turn_at = CASE "
        "WHEN turn_at > strftime('%s', 'now') + 2 THEN ?1 ELSE max(turn_at, ?1) END "
        "WHERE name = ?2",
        (now, name),
    )


def used_tool(db, name: str, context: str, detail: str, now: float) -> None:
    """The agent used a tool at `now`: shown while its turn is open, never opening one."""
    db.execute(
        "UPDATE agents SET status = ?, context = ?, detail = ?, status_at = ?, "
        "stop_streak = 0 WHERE name = ? AND status IN (?, ?) "
        "AND (status_at <= ? OR status_at > strftime('%s', 'now') + 2)",
        (ACTIVE, context, detail, now, name, ACTIVE, BLOCKED, now),
    )


def end_session(db, name: str, context: str, now: float) -> bool:
    """The agent's client ended: inactive as of `now`, still a participant, to be resumed. False,
    and nothing is changed, when something later is known of it."""
    return (
        db.execute(
            "UPDATE agents SET status = ?, context = ?, detail = '', status_at = ?, "
            "ended_at = ?, pid = 0, pid_start = '' WHERE name = ? "
            "AND (status_at <= ? OR status_at > strftime('%s', 'now') + 2)",
            (INACTIVE, context, now, now, name, now),
        ).rowcount
        == 1
    )


def leave(db, name: str, now: float) -> bool:
    """The agent has left the bus; False when it had already."""
    return (
        db.execute(
            "UPDATE agents SET stopped_at = ?, status = ?, status_at = ? "
            "WHERE name = ? AND stopped_at IS NULL",
            (now, INACTIVE, now, name),
        ).rowcount
        == 1
    )


def rejoin(db, name: str) -> None:
    """The agent takes part again."""
    db.execute("UPDATE agents SET stopped_at = NULL, retired_at = NULL WHERE name = ?", (name,))


def long_gone(db, before: float, count: int) -> list[str]:
    """At most `count` of those that ended or left before then and have not retired."""
    return db.column(
        "SELECT name FROM agents WHERE coalesce(stopped_at, ended_at) < ? "
        "AND retired_at IS NULL LIMIT ?",
        (before, count),
    )


def retire(db, name: str, now: float) -> None:
    """The agent is in no list any more; its name stays taken."""
    db.execute("UPDATE agents SET retired_at = ? WHERE name = ?", (now, name))


def remove(db, name: str) -> None:
    """The agent was never there (a launch that did not come to be)."""
    db.execute("DELETE FROM bindings WHERE agent = ?", (name,))
    db.execute("DELETE FROM agents WHERE name = ?", (name,))


def count_stop(db, name: str) -> None:
    """One more turn end was used to continue the turn."""
    db.execute("UPDATE agents SET stop_streak = stop_streak + 1 WHERE name = ?", (name,))


def set_wake_failure(db, name: str, reason: str) -> None:
    """Why the last wake of the agent failed, "" when it did not."""
    db.execute(
        "UPDATE agents SET wake_failure = ? WHERE name = ? AND wake_failure <> ?",
        (reason, name, reason),
    )


def set_tool(db, name: str, tool: str) -> None:
    """The agent runs in `tool`."""
    db.execute("UPDATE agents SET tool = ? WHERE name = ?", (tool, name))


def configure(db, agent: Agent) -> None:
    """The agent's tag, hints and timeouts are those of `agent`."""
    db.execute(
        "UPDATE agents SET tag = ?, hints = ?, hints_by = ?, timeout = ?, subagent_timeout = ? "
        "WHERE name = ?",
        (
            agent.tag,
            agent.hints,
            agent.hints_by,
            agent.timeout,
            agent.subagent_timeout,
            agent.name,
        ),
    )
