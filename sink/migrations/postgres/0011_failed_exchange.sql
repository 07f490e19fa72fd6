-- The last exchange with the source of a channel that ended in a fault, sealed. It may hold personal values.
CREATE TABLE failed_exchange (
    channel  text COLLATE "C" PRIMARY KEY,
    at       timestamptz NOT NULL,
    sealed   bytea NOT NULL
);
