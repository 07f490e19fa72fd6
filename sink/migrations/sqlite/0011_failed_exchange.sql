-- The last exchange with the source of a channel that ended in a fault, sealed. It may hold personal values.
CREATE TABLE failed_exchange (
    channel  TEXT PRIMARY KEY,
    at       TEXT NOT NULL,
    sealed   BLOB NOT NULL
) STRICT;
