-- Events of messages that the bus lost, in reads that were replaced by totals.
ALTER TABLE books_day ADD COLUMN lost bigint NOT NULL DEFAULT 0;
