-- Waiting rooms in a store of their own, and what becomes of them when it is lost.

ALTER TABLE rooms
    -- Epochs that are over: a JSON array of {"epoch":number,"through":number,"apart":boolean}.
    ADD COLUMN past  jsonb   NOT NULL DEFAULT '[]',
    -- This is the mirror of a room that is kept elsewhere: places have no rows.
    ADD COLUMN apart boolean NOT NULL DEFAULT false;
