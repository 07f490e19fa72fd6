-- The change feed tells of each stored version, by a walk over history.

-- What an event tells of a version and the current state of the demand does not: why it was published (live, backfill,
-- replay), and its codes. Null in rows that are older than these columns.
ALTER TABLE demand_history ADD COLUMN cause text COLLATE "C";
ALTER TABLE demand_history ADD COLUMN kind text COLLATE "C";
ALTER TABLE demand_history ADD COLUMN region text COLLATE "C";

-- Every version up to row `position` of history is told. What was stored up to `begun_after` was stored before the feed
-- first ran: it is no news.
CREATE TABLE feed_position (
    position     bigint NOT NULL,
    begun_after  bigint
);

INSERT INTO feed_position (position) VALUES (0);
