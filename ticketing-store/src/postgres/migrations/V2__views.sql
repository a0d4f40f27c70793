-- The tables as people read them: ids as the interfaces print them.

CREATE FUNCTION ticketing_id(kind text, id uuid) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT kind || '_' || replace(id::text, '-', '') $$;

CREATE VIEW session_view AS
SELECT ticketing_id('session', id) AS id, ticketing_id('event', event_id) AS event_id, start_at, kind, total_stock,
       available, held, sold, price_minor, price_currency, max_per_user, hold_ttl_seconds, status, queue_mode, version,
       audit_length
FROM sessions;

CREATE VIEW hold_view AS
SELECT ticketing_id('hold', id) AS id, ticketing_id('session', session_id) AS session_id,
       ticketing_id('user', user_id) AS user_id, quantity, seat_ids, amount_minor, amount_currency, status, place,
       ticketing_id('order', order_id) AS order_id, created_at, expires_at, ended_at
FROM holds;

CREATE VIEW order_view AS
SELECT ticketing_id('order', id) AS id, ticketing_id('session', session_id) AS session_id,
       ticketing_id('hold', hold_id) AS hold_id, ticketing_id('payment', payment_id) AS payment_id,
       ticketing_id('user', user_id) AS user_id, quantity, seat_ids, amount_minor, amount_currency, status, created_at,
       paid_at
FROM orders;

CREATE VIEW payment_view AS
SELECT ticketing_id('payment', id) AS id, ticketing_id('session', session_id) AS session_id,
       ticketing_id('order', order_id) AS order_id, ticketing_id('user', user_id) AS user_id, method, amount_minor,
       amount_currency, pg_payment_id, status, created_at, updated_at
FROM payments;

CREATE VIEW ticket_view AS
SELECT ticketing_id('ticket', id) AS id, ticketing_id('order', order_id) AS order_id,
       ticketing_id('session', session_id) AS session_id, ticketing_id('user', user_id) AS user_id, seat_id, status,
       issued_at
FROM tickets;

CREATE VIEW outbox_view AS
SELECT ticketing_id('outbox', id) AS id, ticketing_id('session', session_id) AS session_id,
       ticketing_id('payment', payment_id) AS payment_id, key, status, attempts, last_error, next_attempt_at
FROM outbox;

CREATE VIEW audit_view AS
SELECT CASE stream_kind WHEN 'SESSION' THEN ticketing_id('session', stream_id)
                        WHEN 'EVENT' THEN ticketing_id('event', stream_id)
                        ELSE lower(stream_kind) END AS stream,
       seq, at, actor, action, target, meta::jsonb AS meta, encode(trace_id, 'hex') AS trace_id
FROM audit_log;
