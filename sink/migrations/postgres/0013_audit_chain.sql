-- Each row of the audit log has a hash of itself and of the row before it; rows from before have none.
ALTER TABLE audit ADD COLUMN hash bytea;

-- The hash of the last row, so that a missing one is noticed.
CREATE TABLE audit_end (
    id    bigint PRIMARY KEY CHECK (id = 1),
    hash  bytea NOT NULL
);
