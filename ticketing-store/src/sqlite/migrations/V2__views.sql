-- The tables as people read them: ids as the interfaces print them, times in ISO 8601 (UTC).

CREATE VIEW session_view AS
SELECT 'session_' || lower(hex(id)) AS id,
       'event_' || lower(hex(event_id)) AS event_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', start_at / 1000000.0, 'unixepoch') AS start_at,
       kind, total_stock, available, held, sold, price_minor, price_currency, max_per_user,
       hold_ttl_seconds, status, queue_mode, version, audit_length
FROM sessions;

CREATE VIEW hold_view AS
SELECT 'hold_' || lower(hex(id)) AS id,
       'session_' || lower(hex(session_id)) AS session_id,
       'user_' || lower(hex(user_id)) AS user_id,
       quantity, seat_ids, amount_minor, amount_currency, status, place,
       'order_' || lower(hex(order_id)) AS order_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000000.0, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1000000.0, 'unixepoch') AS ended_at
FROM holds;

CREATE VIEW order_view AS
SELECT 'order_' || lower(hex(id)) AS id,
       'session_' || lower(hex(session_id)) AS session_id,
       'hold_' || lower(hex(hold_id)) AS hold_id,
       'payment_' || lower(hex(payment_id)) AS payment_id,
       'user_' || lower(hex(user_id)) AS user_id,
       quantity, seat_ids, amount_minor, amount_currency, status,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', paid_at / 1000000.0, 'unixepoch') AS paid_at
FROM orders;

CREATE VIEW payment_view AS
SELECT 'payment_' || lower(hex(id)) AS id,
       'session_' || lower(hex(session_id)) AS session_id,
       'order_' || lower(hex(order_id)) AS order_id,
       'user_' || lower(hex(user_id)) AS user_id,
       method, amount_minor, amount_currency, pg_payment_id, status,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000000.0, 'unixepoch') AS updated_at
FROM payments;

CREATE VIEW ticket_view AS
SELECT 'ticket_' || lower(hex(id)) AS id,
       'order_' || lower(hex(order_id)) AS order_id,
       'session_' || lower(hex(session_id)) AS session_id,
       'user_' || lower(hex(user_id)) AS user_id,
       seat_id, status,
       strftime('%Y-%m-%dT%H:%M:%fZ', issued_at / 1000000.0, 'unixepoch') AS issued_at
FROM tickets;

CREATE VIEW outbox_view AS
SELECT 'outbox_' || lower(hex(id)) AS id,
       'session_' || lower(hex(session_id)) AS session_id,
       'payment_' || lower(hex(payment_id)) AS payment_id,
       key, status, attempts, last_error,
       strftime('%Y-%m-%dT%H:%M:%fZ', next_attempt_at / 1000000.0, 'unixepoch') AS next_attempt_at
FROM outbox;

CREATE VIEW audit_view AS
SELECT stream, seq,
       strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000000.0, 'unixepoch') AS at,
       actor, action, target, meta, lower(hex(trace_id)) AS trace_id
FROM audit_log;
