-- Refresh tokens, check-in, refunds by the organiser, seat lists that tell what changed, traces.

-- One row per sign-in: a family of refresh tokens, of which only hashes are kept.
CREATE TABLE logins (
    id            uuid        NOT NULL PRIMARY KEY,
    user_id       uuid        NOT NULL,
    -- SHA-256 of the token that may be used next, and of the one before.
    current_hash  bytea       NOT NULL CONSTRAINT login_hash CHECK (length(current_hash) = 32),
    previous_hash bytea,
    rotated_at    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz
) WITH (fillfactor = 70);

ALTER TABLE sessions ADD COLUMN queue_pre_queue_seconds bigint;

-- The session's version with which a seat last changed.
ALTER TABLE seats ADD COLUMN version bigint NOT NULL DEFAULT 0;
CREATE INDEX seats_changed ON seats (session_id, version);

-- When its order was given back.
ALTER TABLE holds ADD COLUMN refunded_at timestamptz;
-- The span it was placed in: a W3C traceparent.
ALTER TABLE holds ADD COLUMN trace text;
ALTER TABLE orders ADD COLUMN trace text;

ALTER TABLE tickets
    ADD COLUMN redeemed_at  timestamptz,
    ADD COLUMN redeemed_by  text,
    ADD COLUMN redeem_nonce text,
    ADD CONSTRAINT ticket_use_is_whole CHECK (
        (status = 'USED') = (redeem_nonce IS NOT NULL)
        AND (redeemed_at IS NULL) = (redeem_nonce IS NULL)
        AND (redeemed_by IS NULL) = (redeem_nonce IS NULL));

DROP VIEW ticket_view;
CREATE VIEW ticket_view AS
SELECT ticketing_id('ticket', id) AS id, ticketing_id('order', order_id) AS order_id,
       ticketing_id('session', session_id) AS session_id, ticketing_id('user', user_id) AS user_id, seat_id, status,
       issued_at, redeemed_at, redeemed_by
FROM tickets;

CREATE VIEW login_view AS
SELECT ticketing_id('login', id) AS id, ticketing_id('user', user_id) AS user_id, created_at, rotated_at, expires_at,
       ended_at
FROM logins;
