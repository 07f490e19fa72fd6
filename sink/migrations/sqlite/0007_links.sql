-- Demands that belong together, each pair once: the smaller number stands first.
CREATE TABLE demand_link (
    a       INTEGER NOT NULL REFERENCES demand (seq) DEFERRABLE INITIALLY DEFERRED,
    b       INTEGER NOT NULL REFERENCES demand (seq) DEFERRABLE INITIALLY DEFERRED,
    reason  TEXT    NOT NULL,
    score   INTEGER NOT NULL, -- of 100
    by      TEXT    NOT NULL, -- a rule, or a person
    at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (a, b, reason)
) STRICT, WITHOUT ROWID;

CREATE INDEX demand_link_b ON demand_link (b);
