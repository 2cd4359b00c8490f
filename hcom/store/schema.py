"""Tables, the view that people query, and the migrations that lead to them.

A migration keeps all data. The schema changes here and never on an ordinary open.
"""

_V1 = """
CREATE TABLE events (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,
    type      TEXT NOT NULL CHECK (type IN ('message', 'status', 'life')),
    instance  TEXT NOT NULL,
    data      TEXT NOT NULL CHECK (json_valid(data))
);
CREATE INDEX events_by_instance ON events (instance, id);
CREATE INDEX events_by_type ON events (type, id);

CREATE TABLE agents (
    name             TEXT PRIMARY KEY COLLATE NOCASE CHECK (name <> ''),
    tag              TEXT NOT NULL DEFAULT '',
    tool             TEXT NOT NULL CHECK (tool <> ''),
    session          TEXT NOT NULL DEFAULT '',
    launch           TEXT NOT NULL DEFAULT '',
    directory        TEXT NOT NULL DEFAULT '',
    transcript       TEXT NOT NULL DEFAULT '',
    parent           TEXT NOT NULL DEFAULT '',
    pid              INTEGER NOT NULL DEFAULT 0,
    pid_start        TEXT NOT NULL DEFAULT '',
    client           TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(client)),
    status           TEXT NOT NULL CHECK (status IN ('active', 'listening', 'blocked', 'inactive')),
    context          TEXT NOT NULL DEFAULT '',
    detail           TEXT NOT NULL DEFAULT '',
    status_at        REAL NOT NULL,
    created_at       REAL NOT NULL,
    ended_at         REAL,
    stopped_at       REAL,
    hints            TEXT NOT NULL DEFAULT '',
    timeout          INTEGER NOT NULL DEFAULT 86400,
    subagent_timeout INTEGER NOT NULL DEFAULT 30,
    stop_streak      INTEGER NOT NULL DEFAULT 0,
    wake_failure     TEXT NOT NULL DEFAULT '',
    batch            TEXT NOT NULL DEFAULT '',
    headless         INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE bindings (
    kind  TEXT NOT NULL CHECK (kind IN ('session', 'launch')),
    id    TEXT NOT NULL CHECK (id <> ''),
    agent TEXT NOT NULL COLLATE NOCASE REFERENCES agents (name) ON DELETE CASCADE,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX bindings_by_agent ON bindings (agent);

CREATE TABLE deliveries (
    event_id   INTEGER NOT NULL REFERENCES events (id),
    agent      TEXT NOT NULL COLLATE NOCASE,
    state      TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'offered', 'seen')),
    wakes      INTEGER NOT NULL CHECK (wakes IN (0, 1)),
    offered_at REAL,
    PRIMARY KEY (event_id, agent)
) WITHOUT ROWID;
CREATE INDEX deliveries_open ON deliveries (agent, state, event_id) WHERE state <> 'seen';

CREATE VIEW events_v AS SELECT
    id, timestamp, type, instance,
    json_extract(data, '$.from')         AS msg_from,
    json_extract(data, '$.text')         AS msg_text,
    json_extract(data, '$.scope')        AS msg_scope,
    json_extract(data, '$.sender_kind')  AS msg_sender_kind,
    json_extract(data, '$.delivered_to') AS msg_delivered_to,
    json_extract(data, '$.mentions')     AS msg_mentions,
    json_extract(data, '$.intent')       AS msg_intent,
    json_extract(data, '$.thread')       AS msg_thread,
    json_extract(data, '$.reply_to')     AS msg_reply_to,
    json_extract(data, '$.val')          AS status_val,
    json_extract(data, '$.context')      AS status_context,
    json_extract(data, '$.detail')       AS status_detail,
    json_extract(data, '$.action')       AS life_action,
    json_extract(data, '$.by')           AS life_by,
    json_extract(data, '$.batch_id')     AS life_batch_id,
    json_extract(data, '$.reason')       AS life_reason
FROM events;
"""

# Entry i leads from version i to i + 1; a landed entry is never edited.
MIGRATIONS = (_V1,)
VERSION = len(MIGRATIONS)
