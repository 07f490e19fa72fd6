-- The account of the last complete pass over a channel, as JSON: what the source lists, and what came.
ALTER TABLE checkpoint ADD COLUMN pass TEXT;
