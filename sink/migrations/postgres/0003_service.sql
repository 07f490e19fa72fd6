-- Which process does what, and what it is asked to do.

-- Who reads an upstream, by the clock of this database. Fences grow over all upstreams.
CREATE TABLE lease (
    upstream  text COLLATE "C" PRIMARY KEY,
    holder    text NOT NULL,
    serves    boolean NOT NULL, -- a service takes requests, a single run does not
    fence     bigint NOT NULL,
    until_ms  bigint NOT NULL
);

-- What somebody asked the holder of a channel to do; of all channels where it is null.
CREATE TABLE request (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel   text COLLATE "C",
    kind      text NOT NULL,
    asked_by  text NOT NULL,
    asked_ms  bigint NOT NULL,
    state     text NOT NULL, -- open, done, failed
    answer    text,
    ended_ms  bigint
);

CREATE INDEX request_open ON request (seq) WHERE state = 'open';
CREATE INDEX request_channel ON request (channel, seq);
