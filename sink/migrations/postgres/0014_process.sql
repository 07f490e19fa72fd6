-- The processes of the service, as each of them says itself, by the clock of this database.
CREATE TABLE process (
    id           text COLLATE "C" PRIMARY KEY,
    role         text NOT NULL, -- all, ingest, sink
    host         text NOT NULL,
    version      text NOT NULL,
    since_ms     bigint NOT NULL,
    seen_ms      bigint NOT NULL,
    fault        text,          -- what keeps its sink from storing
    next_try_ms  bigint
);

-- What became of a request that concerns several processes, in each of them.
CREATE TABLE request_answer (
    request  bigint NOT NULL,
    process  text COLLATE "C" NOT NULL,
    state    text NOT NULL, -- done, failed
    answer   text NOT NULL,
    PRIMARY KEY (request, process)
);
