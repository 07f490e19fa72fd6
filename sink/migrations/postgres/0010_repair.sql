-- A message that the bus lost: after it was published, everything was read again and stored.
ALTER TABLE read_part ADD COLUMN lost boolean NOT NULL DEFAULT false;

-- What somebody must do: correct the file of the channel (the fault says what is wrong with it); accept that its
-- records lack fields, because the brake has stopped it since that was accepted last.
ALTER TABLE checkpoint ADD COLUMN broken boolean NOT NULL DEFAULT false;
ALTER TABLE checkpoint ADD COLUMN braked boolean NOT NULL DEFAULT false;

-- From now on, the fault is the last one if no read came after it: a read clears it, because a clock may be set back.
UPDATE checkpoint SET fault = NULL, fault_at = NULL WHERE fault_at <= read_at;
UPDATE checkpoint SET braked = true WHERE fault LIKE '%`tonghui accept %';
