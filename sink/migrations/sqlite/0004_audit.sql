-- Who looked at personal values in plain, erased them, or changed the keys: append-only.
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    who      TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,    -- names, ids and tokens; never a personal value
    detail   TEXT NOT NULL
) STRICT;
