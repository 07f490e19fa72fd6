-- The current state of every demand, and all that was ever seen of it.
-- Times are ISO 8601 UTC text of fixed width (they sort, and date functions read them), ids are text,
-- lists and objects are JSON text. Small columns come first: reading them never walks the pages that
-- long texts overflow into. References are checked at the end of a transaction: a statement that may
-- fail by one would make SQLite keep a copy of each page that the statement touches.

CREATE TABLE demand (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL,
    channel        TEXT    NOT NULL,
    source_key     TEXT    NOT NULL,
    revision       INTEGER NOT NULL, -- the least integer where the source gives none
    read_no        INTEGER NOT NULL,
    mapping        INTEGER NOT NULL,
    first_seen_at  TEXT    NOT NULL,
    last_seen_at   TEXT    NOT NULL,
    digest         BLOB    NOT NULL,
    source_no      TEXT,
    kind           TEXT,
    kind_raw       TEXT,
    category       TEXT,
    category_raw   TEXT,
    received_at    TEXT,
    occurred_at    TEXT,
    updated_at     TEXT,
    urgency        TEXT,
    region         TEXT,
    region_raw     TEXT,
    address_area   TEXT,
    people_count   INTEGER,
    initiative     TEXT,
    grid           TEXT,
    anonymous      INTEGER,
    confidential   INTEGER,
    status         TEXT,
    status_raw     TEXT,
    org            TEXT,
    org_raw        TEXT,
    accepted_at    TEXT,
    dispatched_at  TEXT,
    signed_at      TEXT,
    responded_at   TEXT,
    resolved_at    TEXT,
    closed_at      TEXT,
    due_at         TEXT,
    wish_at        TEXT,
    counts         TEXT,
    flags          TEXT,
    location       TEXT,
    repeat         TEXT,
    enterprise     TEXT,
    org_joint      TEXT,
    tags           TEXT,
    title          TEXT,
    origin         TEXT    NOT NULL,
    quality        TEXT,
    address        TEXT,
    people         TEXT,
    related        TEXT,
    attachments    TEXT,
    evaluations    TEXT,
    tasks          TEXT,
    trail          TEXT,
    content        TEXT,
    reply          TEXT,
    unmasked       BLOB,               -- sealed
    UNIQUE (channel, source_key)
) STRICT;

CREATE INDEX demand_id       ON demand (id);
CREATE INDEX demand_received ON demand (channel, received_at);
CREATE INDEX demand_region   ON demand (region, received_at) WHERE region IS NOT NULL;
CREATE INDEX demand_category ON demand (category, received_at) WHERE category IS NOT NULL;
CREATE INDEX demand_due      ON demand (status, due_at) WHERE due_at IS NOT NULL;

-- Append-only: one row per state that was seen, in the order of the judge.
CREATE TABLE demand_history (
    seq       INTEGER PRIMARY KEY,
    demand    INTEGER NOT NULL REFERENCES demand (seq) DEFERRABLE INITIALLY DEFERRED,
    revision  INTEGER NOT NULL,
    read_no   INTEGER NOT NULL,
    mapping   INTEGER NOT NULL,
    outcome   TEXT    NOT NULL CHECK (outcome IN ('stored', 'superseded', 'stale')),
    status    TEXT,
    digest    BLOB    NOT NULL,
    changed   TEXT    NOT NULL, -- JSON list of field names; empty for the first state
    seen_at   TEXT    NOT NULL
) STRICT;

CREATE INDEX demand_history_demand ON demand_history (demand);

-- The record as the source said it, compressed and sealed, for every state in history.
CREATE TABLE demand_raw (
    history  INTEGER PRIMARY KEY REFERENCES demand_history (seq) DEFERRABLE INITIALLY DEFERRED,
    raw      BLOB NOT NULL
) STRICT;

-- Every person token that any kept state of a demand named: finds a person's demands, and all that
-- has to go when the person asks for erasure.
CREATE TABLE demand_person (
    token   TEXT    NOT NULL,
    demand  INTEGER NOT NULL REFERENCES demand (seq) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (token, demand)
) STRICT, WITHOUT ROWID;

-- What could not be kept as a demand, one row per thing.
CREATE TABLE quarantine (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    channel        TEXT    NOT NULL,
    source_key     TEXT,
    revision       INTEGER NOT NULL,
    read_no        INTEGER NOT NULL,
    mapping        INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    detail         TEXT    NOT NULL,
    place          TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    raw            BLOB,              -- sealed
    event          TEXT,              -- an event of ours that this version cannot read
    first_seen_at  TEXT,
    last_seen_at   TEXT,
    times_seen     INTEGER NOT NULL,
    resolved_at    TEXT               -- when a newer good state of the same thing was seen
) STRICT;

CREATE INDEX quarantine_open ON quarantine (channel, reason) WHERE resolved_at IS NULL;
