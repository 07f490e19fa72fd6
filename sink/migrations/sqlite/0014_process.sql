-- The processes of the service, as each of them says itself, by the clock of this machine.
CREATE TABLE process (
    id           TEXT    PRIMARY KEY,
    role         TEXT    NOT NULL, -- all, ingest, sink
    host         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    since_ms     INTEGER NOT NULL,
    seen_ms      INTEGER NOT NULL,
    fault        TEXT,             -- what keeps its sink from storing
    next_try_ms  INTEGER
) STRICT, WITHOUT ROWID;

-- What became of a request that concerns several processes, in each of them.
CREATE TABLE request_answer (
    request  INTEGER NOT NULL,
    process  TEXT    NOT NULL,
    state    TEXT    NOT NULL, -- done, failed
    answer   TEXT    NOT NULL,
    PRIMARY KEY (request, process)
) STRICT, WITHOUT ROWID;
