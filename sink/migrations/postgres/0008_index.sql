-- What follows from history is written behind it, by a worker for each index.

-- The tokens of the persons that a state named: {"contacts": [...], "others": [...]}. Null in rows that
-- are older than this column: for them the current state of the demand says it.
ALTER TABLE demand_history ADD COLUMN tokens jsonb;

-- Of every row of history up to `position`, all that follows for this index is written.
CREATE TABLE index_position (
    name      text COLLATE "C" PRIMARY KEY,
    position  bigint NOT NULL
);

INSERT INTO index_position (name, position) VALUES ('people', 0), ('links', 0);
