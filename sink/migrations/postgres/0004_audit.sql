-- Who looked at personal values in plain, erased them, or changed the keys: append-only.
CREATE TABLE audit (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    who      text NOT NULL,
    action   text NOT NULL,
    subject  text NOT NULL,    -- names, ids and tokens; never a personal value
    detail   text NOT NULL
);
