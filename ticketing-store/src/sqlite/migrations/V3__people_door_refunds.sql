-- Refresh tokens, check-in, refunds by the organiser, seat lists that tell what changed, traces.

-- One row per sign-in: a family of refresh tokens, of which only hashes are kept.
CREATE TABLE logins (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id       BLOB    NOT NULL,
    -- SHA-256 of the token that may be used next, and of the one before.
    current_hash  BLOB    NOT NULL CONSTRAINT login_hash CHECK (length(current_hash) = 32),
    previous_hash BLOB,
    rotated_at    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT, WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN queue_pre_queue_seconds INTEGER;

-- The session's version with which a seat last changed.
ALTER TABLE seats ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX seats_changed ON seats (session_id, version);

-- When its order was given back.
ALTER TABLE holds ADD COLUMN refunded_at INTEGER;
-- The span it was placed in: a W3C traceparent.
ALTER TABLE holds ADD COLUMN trace TEXT;
ALTER TABLE orders ADD COLUMN trace TEXT;

ALTER TABLE tickets ADD COLUMN redeemed_at INTEGER;
ALTER TABLE tickets ADD COLUMN redeemed_by TEXT;
ALTER TABLE tickets ADD COLUMN redeem_nonce TEXT
    CONSTRAINT ticket_use_is_whole CHECK (
        (status = 'USED') = (redeem_nonce IS NOT NULL)
        AND (redeemed_at IS NULL) = (redeem_nonce IS NULL)
        AND (redeemed_by IS NULL) = (redeem_nonce IS NULL));

DROP VIEW ticket_view;
CREATE VIEW ticket_view AS
SELECT 'ticket_' || lower(hex(id)) AS id,
       'order_' || lower(hex(order_id)) AS order_id,
       'session_' || lower(hex(session_id)) AS session_id,
       'user_' || lower(hex(user_id)) AS user_id,
       seat_id, status,
       strftime('%Y-%m-%dT%H:%M:%fZ', issued_at / 1000000.0, 'unixepoch') AS issued_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', redeemed_at / 1000000.0, 'unixepoch') AS redeemed_at,
       redeemed_by
FROM tickets;

CREATE VIEW login_view AS
SELECT 'login_' || lower(hex(id)) AS id,
       'user_' || lower(hex(user_id)) AS user_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', rotated_at / 1000000.0, 'unixepoch') AS rotated_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000000.0, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000000.0, 'unixepoch') AS ended_at
FROM logins;
