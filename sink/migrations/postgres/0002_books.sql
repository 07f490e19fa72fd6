-- Progress and proof: where each channel stands, what each read found, what became of each message.

CREATE TABLE checkpoint (
    channel       text COLLATE "C" PRIMARY KEY,
    cursor        text,
    step          bigint NOT NULL,
    fence         bigint NOT NULL,
    next_read_no  bigint NOT NULL,
    read_at       timestamptz, -- of the last read, empty reads too
    fault         text, -- the last one, over when a read came after it
    fault_at      timestamptz
);

CREATE TABLE mapping (
    channel      text COLLATE "C" NOT NULL,
    fingerprint  bytea NOT NULL,
    mapping      bigint NOT NULL,
    PRIMARY KEY (channel, fingerprint),
    UNIQUE (channel, mapping)
);

CREATE TABLE read (
    channel   text COLLATE "C" NOT NULL,
    read_no   bigint NOT NULL,
    read_at   timestamptz NOT NULL,
    read      bigint NOT NULL,
    accepted  bigint NOT NULL,
    skipped   bigint NOT NULL,
    rejected  bigint NOT NULL,
    parts     bigint NOT NULL,
    step      bigint NOT NULL, -- the move that made it count
    PRIMARY KEY (channel, read_no)
);

CREATE TABLE read_part (
    channel  text COLLATE "C" NOT NULL,
    read_no  bigint NOT NULL,
    part     bigint NOT NULL,
    events   bigint NOT NULL,
    hash     bytea NOT NULL,
    PRIMARY KEY (channel, read_no, part)
);

CREATE TABLE receipt (
    channel      text COLLATE "C" NOT NULL,
    read_no      bigint NOT NULL,
    part         bigint NOT NULL,
    events       bigint NOT NULL,
    hash         bytea NOT NULL,
    stored       bigint NOT NULL,
    unchanged    bigint NOT NULL,
    stale        bigint NOT NULL,
    quarantined  bigint NOT NULL,
    deliveries   bigint NOT NULL,
    kept_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (channel, read_no, part)
);

-- Reads that balanced, folded; a day is a day in UTC of the read, as text (2026-11-24).
CREATE TABLE books_day (
    channel      text COLLATE "C" NOT NULL,
    day          text COLLATE "C" NOT NULL,
    reads        bigint NOT NULL,
    read         bigint NOT NULL,
    accepted     bigint NOT NULL,
    skipped      bigint NOT NULL,
    rejected     bigint NOT NULL,
    published    bigint NOT NULL,
    stored       bigint NOT NULL,
    unchanged    bigint NOT NULL,
    stale        bigint NOT NULL,
    quarantined  bigint NOT NULL,
    redelivered  bigint NOT NULL,
    PRIMARY KEY (channel, day)
);

-- The key that personal values in this database are sealed with, by a value that proves it.
CREATE TABLE sealing_key (
    key_id       bigint PRIMARY KEY,
    check_value  text NOT NULL
);
