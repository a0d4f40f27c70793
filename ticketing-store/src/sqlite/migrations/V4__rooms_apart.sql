-- Waiting rooms in a store of their own, and what becomes of them when it is lost.

-- Epochs that are over: a JSON array of {"epoch":number,"through":number,"apart":boolean}.
ALTER TABLE rooms ADD COLUMN past TEXT NOT NULL DEFAULT '[]' CONSTRAINT room_past CHECK (json_valid(past));
-- This is the mirror of a room that is kept elsewhere: places have no rows.
ALTER TABLE rooms ADD COLUMN apart INTEGER NOT NULL DEFAULT 0 CONSTRAINT room_apart CHECK (apart IN (0, 1));
