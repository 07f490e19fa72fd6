-- Demands that belong together, each pair once: the smaller number stands first.
CREATE TABLE demand_link (
    a       bigint NOT NULL,
    b       bigint NOT NULL,
    reason  text COLLATE "C" NOT NULL,
    score   smallint NOT NULL, -- of 100
    by      text NOT NULL,     -- a rule, or a person
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (a, b, reason)
);

CREATE INDEX demand_link_b ON demand_link (b);
