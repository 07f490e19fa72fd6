-- Progress and proof: where each channel stands, what each read found, what became of each message.

CREATE TABLE checkpoint (
    channel       TEXT PRIMARY KEY,
    cursor        TEXT,
    step          INTEGER NOT NULL,
    fence         INTEGER NOT NULL,
    next_read_no  INTEGER NOT NULL,
    read_at       TEXT,              -- of the last read, empty reads too
    fault         TEXT,              -- the last one, over when a read came after it
    fault_at      TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE mapping (
    channel      TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL,
    mapping      INTEGER NOT NULL,
    PRIMARY KEY (channel, fingerprint),
    UNIQUE (channel, mapping)
) STRICT, WITHOUT ROWID;

CREATE TABLE read (
    channel   TEXT    NOT NULL,
    read_no   INTEGER NOT NULL,
    read_at   TEXT    NOT NULL,
    read      INTEGER NOT NULL,
    accepted  INTEGER NOT NULL,
    skipped   INTEGER NOT NULL,
    rejected  INTEGER NOT NULL,
    parts     INTEGER NOT NULL,
    step      INTEGER NOT NULL,      -- the move that made it count
    PRIMARY KEY (channel, read_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE read_part (
    channel  TEXT    NOT NULL,
    read_no  INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    events   INTEGER NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (channel, read_no, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipt (
    channel      TEXT    NOT NULL,
    read_no      INTEGER NOT NULL,
    part         INTEGER NOT NULL,
    events       INTEGER NOT NULL,
    hash         BLOB    NOT NULL,
    stored       INTEGER NOT NULL,
    unchanged    INTEGER NOT NULL,
    stale        INTEGER NOT NULL,
    quarantined  INTEGER NOT NULL,
    deliveries   INTEGER NOT NULL,
    kept_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (channel, read_no, part)
) STRICT, WITHOUT ROWID;

-- Reads that balanced, folded; a day is a day in UTC of the read.
CREATE TABLE books_day (
    channel      TEXT    NOT NULL,
    day          TEXT    NOT NULL,
    reads        INTEGER NOT NULL,
    read         INTEGER NOT NULL,
    accepted     INTEGER NOT NULL,
    skipped      INTEGER NOT NULL,
    rejected     INTEGER NOT NULL,
    published    INTEGER NOT NULL,
    stored       INTEGER NOT NULL,
    unchanged    INTEGER NOT NULL,
    stale        INTEGER NOT NULL,
    quarantined  INTEGER NOT NULL,
    redelivered  INTEGER NOT NULL,
    PRIMARY KEY (channel, day)
) STRICT, WITHOUT ROWID;

-- The key that personal values in this database are sealed with, by a value that proves it.
CREATE TABLE sealing_key (
    key_id       INTEGER PRIMARY KEY,
    check_value  TEXT NOT NULL
) STRICT;
