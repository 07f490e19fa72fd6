-- Which process does what, and what it is asked to do.

-- Who reads an upstream, by the clock of this machine. Fences grow over all upstreams.
CREATE TABLE lease (
    upstream  TEXT    PRIMARY KEY,
    holder    TEXT    NOT NULL,
    serves    INTEGER NOT NULL, -- a service takes requests, a single run does not
    fence     INTEGER NOT NULL,
    until_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What somebody asked the holder of a channel to do; of all channels where it is null.
CREATE TABLE request (
    seq       INTEGER PRIMARY KEY,
    channel   TEXT,
    kind      TEXT    NOT NULL,
    asked_by  TEXT    NOT NULL,
    asked_ms  INTEGER NOT NULL,
    state     TEXT    NOT NULL, -- open, done, failed
    answer    TEXT,
    ended_ms  INTEGER
) STRICT;

CREATE INDEX request_open ON request (seq) WHERE state = 'open';
CREATE INDEX request_channel ON request (channel, seq);
