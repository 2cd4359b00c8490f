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

"""
VIEW = """CREATE VIEW events_v AS SELECT
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
FROM events"""

# acts: what tools did, as adapters tell it: a file edited (its real path), a command run.
# requests: messages that want an answer and have none yet, one row for each who was asked.
# collisions: which two agents were last told of which file, and when.
# watch: the newest event that subscriptions have been matched with.
# resets: the archives that a reset completed; an archive folder without its row is a leftover.
_V2 = """
CREATE TABLE acts (
    event_id INTEGER NOT NULL REFERENCES events (id),
    kind     TEXT NOT NULL CHECK (kind IN ('edit', 'command')),
    what     TEXT NOT NULL CHECK (what <> ''),
    agent    TEXT NOT NULL COLLATE NOCASE,
    at       REAL NOT NULL,
    PRIMARY KEY (event_id, kind, what)
) WITHOUT ROWID;
CREATE INDEX acts_edits ON acts (what, at) WHERE kind = 'edit';

CREATE TABLE subscriptions (
    id          TEXT PRIMARY KEY CHECK (id LIKE 'sub-%'),
    owner       TEXT NOT NULL COLLATE NOCASE,
    by          TEXT NOT NULL,
    label       TEXT NOT NULL,
    sql         TEXT NOT NULL,
    params      TEXT NOT NULL CHECK (json_valid(params)),
    looks_at    TEXT NOT NULL CHECK (looks_at IN ('all', 'tools', 'collisions')),
    once        INTEGER NOT NULL CHECK (once IN (0, 1)),
    after_id    INTEGER NOT NULL,
    created_at  REAL NOT NULL,
    off         TEXT NOT NULL DEFAULT '',
    fired       INTEGER NOT NULL DEFAULT 0,
    fired_since REAL NOT NULL DEFAULT 0
);
CREATE INDEX subscriptions_on ON subscriptions (looks_at) WHERE off = '';
CREATE INDEX subscriptions_by_owner ON subscriptions (owner);

CREATE TABLE requests (
    event_id  INTEGER NOT NULL REFERENCES events (id),
    target    TEXT NOT NULL COLLATE NOCASE,
    requester TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (target, event_id)
) WITHOUT ROWID;

CREATE TABLE collisions (
    path    TEXT NOT NULL,
    first   TEXT NOT NULL,
    second  TEXT NOT NULL,
    told_at REAL NOT NULL,
    PRIMARY KEY (path, first, second)
) WITHOUT ROWID;

CREATE TABLE watch (one INTEGER PRIMARY KEY CHECK (one = 1), up_to INTEGER NOT NULL);
INSERT INTO watch VALUES (1, 0);

CREATE TABLE resets (archive TEXT PRIMARY KEY, at REAL NOT NULL);

CREATE INDEX events_sent ON events (instance, id) WHERE type = 'message';
"""

_V3 = """
CREATE TABLE launches (
    id            TEXT PRIMARY KEY CHECK (id <> ''),
    batch         TEXT NOT NULL,
    agent         TEXT NOT NULL COLLATE NOCASE,
    tool          TEXT NOT NULL,
    wrapper       INTEGER NOT NULL DEFAULT 0,
    wrapper_start TEXT NOT NULL DEFAULT '',
    window        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(window)),
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'ended')),
    why           TEXT NOT NULL DEFAULT '',
    screen        TEXT NOT NULL DEFAULT '',
    log           TEXT NOT NULL DEFAULT '',
    at            REAL NOT NULL
);
CREATE INDEX launches_by_batch ON launches (batch);
CREATE INDEX launches_by_agent ON launches (agent, at);
"""

# written_at: when the message was with the client's hook or on the agent's terminal; NULL while it
# is in the hand of the process that took it, which may have died of it.
_V4 = """
ALTER TABLE deliveries ADD COLUMN written_at REAL;
UPDATE deliveries SET written_at = offered_at WHERE state = 'offered';
"""

# Deliveries have the states of store/deliveries.MOVES, and say which process leased one
# (holder_start also says in which namespace its number counts), by the hook of which kind it was
# delivered, into the session of which transcript, and how long (since) that was before.
# Agents: device is "" for this one; turn_at is when the last prompt was given; retired_at when one
# that ended or left long ago left the lists and indexes, too.
_V5 = """
DROP INDEX deliveries_open;
ALTER TABLE deliveries RENAME TO deliveries_4;
CREATE TABLE deliveries (
    event_id     INTEGER NOT NULL REFERENCES events (id),
    agent        TEXT NOT NULL COLLATE NOCASE,
    state        TEXT NOT NULL DEFAULT 'queued' CHECK (state IN
                     ('queued', 'leased', 'delivered', 'seen', 'undeliverable')),
    wakes        INTEGER NOT NULL CHECK (wakes IN (0, 1)),
    leased_at    REAL,
    delivered_at REAL,
    holder       INTEGER NOT NULL DEFAULT 0,
    holder_start TEXT NOT NULL DEFAULT '',
    channel      TEXT NOT NULL DEFAULT '',
    transcript   TEXT NOT NULL DEFAULT '',
    since        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (event_id, agent)
) WITHOUT ROWID;
INSERT INTO deliveries (event_id, agent, state, wakes, leased_at, delivered_at, transcript)
    SELECT d.event_id, d.agent,
        CASE WHEN d.state <> 'offered' THEN d.state
             WHEN d.written_at IS NULL THEN 'leased' ELSE 'delivered' END,
        d.wakes, d.offered_at, d.written_at,
        CASE WHEN d.state <> 'offered' THEN '' ELSE coalesce(a.transcript, '') END
    FROM deliveries_4 d LEFT JOIN agents a ON a.name = d.agent;
DROP TABLE deliveries_4;
CREATE INDEX deliveries_by_agent ON deliveries (agent, state, event_id);

DROP INDEX events_sent;
CREATE INDEX events_from ON events (instance COLLATE NOCASE) WHERE type = 'message';
CREATE INDEX events_intent ON events (json_extract(data, '$.intent'))
    WHERE type = 'message' AND json_extract(data, '$.intent') IS NOT NULL;
CREATE INDEX events_thread ON events (json_extract(data, '$.thread'))
    WHERE type = 'message' AND json_extract(data, '$.thread') IS NOT NULL;
CREATE INDEX events_tool ON events (json_extract(data, '$.context') COLLATE NOCASE)
    WHERE type = 'status';

ALTER TABLE agents ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN turn_at REAL NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN retired_at REAL;
UPDATE agents SET client = json_remove(client, '$.token') WHERE client LIKE '%"token"%';
CREATE INDEX agents_here ON agents (created_at, name)
    WHERE stopped_at IS NULL AND retired_at IS NULL;
CREATE INDEX agents_gone ON agents (coalesce(stopped_at, ended_at)) WHERE retired_at IS NULL;
CREATE INDEX agents_by_parent ON agents (parent) WHERE parent <> '';
CREATE INDEX agents_by_pid ON agents (pid) WHERE pid <> 0;
"""

# sifted: as up_to, of the subscriptions whose SQL a user wrote; they follow the others.
_V6 = """
ALTER TABLE watch ADD COLUMN sifted INTEGER NOT NULL DEFAULT 0;
UPDATE watch SET sifted = up_to;
ALTER TABLE agents ADD COLUMN hints_by TEXT NOT NULL DEFAULT '';
PRAGMA application_id = 0x68636f6d;
"""

# by: the agent that is to be told once all of its batch is ready or has failed; "" for nobody.
_V7 = """
ALTER TABLE launches ADD COLUMN by TEXT NOT NULL DEFAULT '';
CREATE INDEX launches_untold ON launches (batch) WHERE by <> '';
"""

# device: what this one is to others. epoch: of its numbers, with which seq is counted; up_to: the
# newest event that has one or needs none, -1 where no relay was used yet; pushed: the newest number
# that a relay has; states: how many states of it were told; cursor: how far its news were polled.
# devices: the others. label: what it is called here; epoch, state_seq: of the newest state of it;
# dropped: how much that it sent was not taken; forgotten_at: NULL while it is one of the others;
# error: not used.
# outgoing: what is told to others: an event, or data, which is no event here (a receipt).
# imports: what came from others, each once; origin is its id there, at its time, event_id the one
# here, or 0. epochs: those that were met of each, and up to which number nothing comes any more.
# receipts: which deliveries of imported messages their senders hear of, and what they heard last.
_V8 = """
CREATE TABLE device (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    id     TEXT NOT NULL,
    epoch  TEXT NOT NULL,
    seq    INTEGER NOT NULL DEFAULT 0,
    up_to  INTEGER NOT NULL DEFAULT -1,
    pushed INTEGER NOT NULL DEFAULT 0,
    states INTEGER NOT NULL DEFAULT 0,
    cursor TEXT NOT NULL DEFAULT ''
);
INSERT INTO device (one, id, epoch) VALUES (1, lower(hex(randomblob(16))),
    lower(hex(randomblob(8))));

CREATE TABLE devices (
    id           TEXT PRIMARY KEY CHECK (id <> ''),
    label        TEXT NOT NULL,
    epoch        TEXT NOT NULL DEFAULT '',
    state_seq    INTEGER NOT NULL DEFAULT -1,
    heard_at     REAL NOT NULL,
    signed       INTEGER NOT NULL DEFAULT 0,
    dropped      INTEGER NOT NULL DEFAULT 0,
    error        TEXT NOT NULL DEFAULT '',
    forgotten_at REAL
);

CREATE TABLE outgoing (
    seq      INTEGER PRIMARY KEY,
    event_id INTEGER NOT NULL DEFAULT 0,
    data     TEXT NOT NULL DEFAULT 'null' CHECK (json_valid(data))
);
CREATE INDEX outgoing_by_event ON outgoing (event_id) WHERE event_id <> 0;

CREATE TABLE imports (
    device   TEXT NOT NULL,
    epoch    TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    origin   INTEGER NOT NULL DEFAULT 0,
    at       TEXT NOT NULL DEFAULT '',
    event_id INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, epoch, seq)
) WITHOUT ROWID;
CREATE INDEX imports_by_event ON imports (event_id) WHERE event_id <> 0;
CREATE INDEX imports_by_origin ON imports (device, origin) WHERE event_id <> 0;

CREATE TABLE epochs (
    device TEXT NOT NULL,
    epoch  TEXT NOT NULL,
    floor  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, epoch)
) WITHOUT ROWID;

CREATE TABLE receipts (
    event_id INTEGER NOT NULL,
    agent    TEXT NOT NULL COLLATE NOCASE,
    told     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (event_id, agent)
) WITHOUT ROWID;

CREATE INDEX agents_by_device ON agents (device) WHERE device <> '';
"""

# Entry i leads from version i to i + 1; a landed entry is never edited.
MIGRATIONS = (_V1 + VIEW + ";", _V2, _V3, _V4, _V5, _V6, _V7, _V8)
VERSION = len(MIGRATIONS)
# By which a database is known as ours, since the version that sets it.
MARK, MARKED = 0x68636F6D, 6
