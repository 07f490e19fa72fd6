-- The accounts of the passes that have ended, as JSON: the last one of each quarter of an hour. Days begin at such
-- quarters in every time zone, so the last pass of a day is among them.
CREATE TABLE pass_end (
    channel   TEXT    NOT NULL,
    quarter   INTEGER NOT NULL,      -- since 1970
    ended_at  TEXT    NOT NULL,
    pass      TEXT    NOT NULL,
    PRIMARY KEY (channel, quarter)
) STRICT, WITHOUT ROWID;
