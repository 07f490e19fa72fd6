-- The change feed tells of each stored version, by a walk over history.

-- What an event tells of a version and the current state of the demand does not: why it was published (live, backfill,
-- replay), and its codes. Null in rows that are older than these columns.
ALTER TABLE demand_history ADD COLUMN cause TEXT;
ALTER TABLE demand_history ADD COLUMN kind TEXT;
ALTER TABLE demand_history ADD COLUMN region TEXT;

-- Every version up to row `position` of history is told. What was stored up to `begun_after` was stored before the feed
-- first ran: it is no news.
CREATE TABLE feed_position (
    position     INTEGER NOT NULL,
    begun_after  INTEGER
) STRICT;

INSERT INTO feed_position (position) VALUES (0);
