-- The accounts of the passes that have ended, as JSON: the last one of each quarter of an hour. Days begin at such
-- quarters in every time zone, so the last pass of a day is among them.
CREATE TABLE pass_end (
    channel   text COLLATE "C" NOT NULL,
    quarter   bigint      NOT NULL,  -- since 1970
    ended_at  timestamptz NOT NULL,
    pass      text        NOT NULL,
    PRIMARY KEY (channel, quarter)
);
