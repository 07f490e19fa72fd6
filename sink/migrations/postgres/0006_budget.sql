-- What an upstream allows in a day must not begin anew with a process.
ALTER TABLE lease ADD COLUMN day text;          -- in the zone of the gateway
ALTER TABLE lease ADD COLUMN requests bigint;   -- booked on that day, by whichever holder
