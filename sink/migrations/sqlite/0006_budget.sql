-- What an upstream allows in a day must not begin anew with a process.
ALTER TABLE lease ADD COLUMN day TEXT;          -- in the zone of the gateway
ALTER TABLE lease ADD COLUMN requests INTEGER;  -- booked on that day, by whichever holder
