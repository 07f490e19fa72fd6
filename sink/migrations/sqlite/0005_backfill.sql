-- Reading again what lies in a stretch of time, beside the live position.

-- The stretch that a sync asks for, as an ISO 8601 interval; null for what is new.
ALTER TABLE request ADD COLUMN stretch TEXT;

-- Where each backfill that is under way stands; a finished one has no row.
CREATE TABLE backfill (
    channel  TEXT    NOT NULL,
    stretch  TEXT    NOT NULL,
    cursor   TEXT    NOT NULL,
    step     INTEGER NOT NULL,
    PRIMARY KEY (channel, stretch)
) STRICT, WITHOUT ROWID;
