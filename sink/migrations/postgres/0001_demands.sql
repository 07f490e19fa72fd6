-- The current state of every demand, and all that was ever seen of it.
-- Lists and objects are jsonb: people ask for what is in them. Keys and codes are COLLATE "C": their
-- indices do not depend on a library of the system, which an upgrade changes without telling, and
-- bytes compare faster. Rows name each other without foreign keys: one transaction writes them all, a
-- check per row would cost as much as the row, and a month of history must be free to go.

CREATE SEQUENCE demand_seq;
CREATE SEQUENCE demand_history_seq;

CREATE TABLE demand (
    seq            bigint PRIMARY KEY CHECK (seq > 0),
    id             uuid NOT NULL,
    channel        text COLLATE "C" NOT NULL,
    source_key     text COLLATE "C" NOT NULL,
    revision       bigint NOT NULL, -- the least integer where the source gives none
    read_no        bigint NOT NULL,
    mapping        bigint NOT NULL,
    first_seen_at  timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    digest         bytea NOT NULL,
    source_no      text,
    kind           text COLLATE "C",
    kind_raw       text,
    category       text COLLATE "C",
    category_raw   text,
    received_at    timestamptz,
    occurred_at    timestamptz,
    updated_at     timestamptz,
    urgency        text COLLATE "C",
    region         text COLLATE "C",
    region_raw     text,
    address_area   text,
    people_count   bigint,
    initiative     text COLLATE "C",
    grid           text COLLATE "C",
    anonymous      boolean,
    confidential   boolean,
    status         text COLLATE "C",
    status_raw     text,
    org            text COLLATE "C",
    org_raw        text,
    accepted_at    timestamptz,
    dispatched_at  timestamptz,
    signed_at      timestamptz,
    responded_at   timestamptz,
    resolved_at    timestamptz,
    closed_at      timestamptz,
    due_at         timestamptz,
    wish_at        timestamptz,
    counts         jsonb,
    flags          jsonb,
    location       jsonb,
    repeat         jsonb,
    enterprise     jsonb,
    org_joint      jsonb,
    tags           jsonb,
    title          text,
    origin         jsonb NOT NULL,
    quality        jsonb,
    address        jsonb,
    people         jsonb,
    related        jsonb,
    attachments    jsonb,
    evaluations    jsonb,
    tasks          jsonb,
    trail          jsonb,
    content        text,
    reply          text,
    unmasked       bytea,               -- sealed
    CONSTRAINT demand_key UNIQUE (channel, source_key)
);

CREATE INDEX demand_id       ON demand (id);
CREATE INDEX demand_received ON demand (channel, received_at);
CREATE INDEX demand_region   ON demand (region, received_at) WHERE region IS NOT NULL;
CREATE INDEX demand_category ON demand (category, received_at) WHERE category IS NOT NULL;
CREATE INDEX demand_due      ON demand (status, due_at) WHERE due_at IS NOT NULL;

-- Append-only: one row per state that was seen, in the order of the judge. One partition per month,
-- made by the program where it is missing, so that old months can be dropped whole.
CREATE TABLE demand_history (
    seq       bigint NOT NULL CHECK (seq > 0),
    demand    bigint NOT NULL,
    revision  bigint NOT NULL,
    read_no   bigint NOT NULL,
    mapping   bigint NOT NULL,
    outcome   text COLLATE "C" NOT NULL CHECK (outcome IN ('stored', 'superseded', 'stale')),
    status    text COLLATE "C",
    digest    bytea NOT NULL,
    changed   jsonb NOT NULL, -- list of field names; empty for the first state
    seen_at   timestamptz NOT NULL,
    PRIMARY KEY (seq, seen_at)
) PARTITION BY RANGE (seen_at);

CREATE INDEX demand_history_demand ON demand_history (demand);

-- The record as the source said it, compressed and sealed, for every state in history.
CREATE TABLE demand_raw (
    history  bigint NOT NULL,
    seen_at  timestamptz NOT NULL,
    raw      bytea NOT NULL,
    PRIMARY KEY (history, seen_at)
) PARTITION BY RANGE (seen_at);

-- To compress what is compressed and sealed costs time and gains nothing.
ALTER TABLE demand_raw ALTER COLUMN raw SET STORAGE EXTERNAL;

-- Every person token that any kept state of a demand named: finds a person's demands, and all that
-- has to go when the person asks for erasure.
CREATE TABLE demand_person (
    token   text COLLATE "C" NOT NULL,
    demand  bigint NOT NULL,
    PRIMARY KEY (token, demand)
);

-- What could not be kept as a demand, one row per thing.
CREATE TABLE quarantine (
    seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             uuid NOT NULL UNIQUE,
    channel        text COLLATE "C" NOT NULL,
    source_key     text COLLATE "C",
    revision       bigint NOT NULL,
    read_no        bigint NOT NULL,
    mapping        bigint NOT NULL,
    reason         text NOT NULL,
    detail         text NOT NULL,
    place          text NOT NULL,
    message        text NOT NULL,
    raw            bytea,             -- sealed
    event          text,              -- an event of ours that this version cannot read
    first_seen_at  timestamptz,
    last_seen_at   timestamptz,
    times_seen     bigint NOT NULL,
    resolved_at    timestamptz        -- when a newer good state of the same thing was seen
);

CREATE INDEX quarantine_open ON quarantine (channel, reason) WHERE resolved_at IS NULL;
