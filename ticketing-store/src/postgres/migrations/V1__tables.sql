-- The tables of the ticketing engine.
--
-- Money is in minor units (won, cents). Every table that a sale writes to starts its primary key with
-- the session: a sale touches one session and nothing beside it, so a distributed Postgres may spread
-- them by that column.
--
-- The CHECK and UNIQUE constraints refuse what the engine never asks for: when one of them speaks,
-- something is wrong, and the whole write is undone.
--
-- There are no foreign keys: a user may be the opaque subject of somebody else's access token, and no
-- record is ever deleted, so there is no parent that a row could lose.

CREATE TABLE users (
    id            uuid        NOT NULL PRIMARY KEY,
    email         text        NOT NULL,
    password_hash text        NOT NULL,
    role          text        NOT NULL CONSTRAINT user_role CHECK (role IN ('USER', 'STAFF', 'ADMIN')),
    created_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_by_email ON users (email COLLATE "C");

CREATE TABLE events (
    id           uuid        NOT NULL PRIMARY KEY,
    title        text        NOT NULL,
    description  text        NOT NULL,
    venue        text        NOT NULL,
    status       text        NOT NULL CONSTRAINT event_status CHECK (status IN ('DRAFT', 'PUBLISHED', 'ARCHIVED')),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    -- The end of the event's audit chain: how many records, and the last one's MAC.
    audit_length bigint      NOT NULL,
    audit_mac    bytea       NOT NULL
);

-- Updated by every batch: room is left on each page, and no index covers a column that a sale changes, so
-- that new versions of a row stay on its page.
CREATE TABLE sessions (
    id                      uuid        NOT NULL PRIMARY KEY,
    event_id                uuid        NOT NULL,
    start_at                timestamptz NOT NULL,
    sales_open_at           timestamptz,
    sales_close_at          timestamptz,
    kind                    text        NOT NULL CONSTRAINT session_kind CHECK (kind IN ('QUANTITY', 'SEATED')),
    total_stock             bigint      NOT NULL,
    -- Free to be held. Overdue holds that no sweep has reclaimed yet still count as held.
    available               bigint      NOT NULL CONSTRAINT available_is_not_negative CHECK (available >= 0),
    held                    bigint      NOT NULL CONSTRAINT held_is_not_negative CHECK (held >= 0),
    sold                    bigint      NOT NULL CONSTRAINT sold_is_not_negative CHECK (sold >= 0),
    price_minor             bigint      NOT NULL,
    price_currency          text        NOT NULL,
    max_per_user            bigint      NOT NULL,
    hold_ttl_seconds        bigint      NOT NULL,
    -- The organiser's intent; the sales window bounds it.
    status                  text        NOT NULL
        CONSTRAINT session_status CHECK (status IN ('SCHEDULED', 'OPEN', 'PAUSED', 'CLOSED')),
    queue_mode              text        NOT NULL CONSTRAINT queue_mode CHECK (queue_mode IN ('ON', 'OFF')),
    -- NULL: no limit.
    queue_admit_per_second  bigint,
    queue_max_active        bigint,
    queue_wait_ttl_seconds  bigint,
    queue_admit_ttl_seconds bigint,
    queue_max_length        bigint,
    -- Counts every change of this row; only ever grows.
    version                 bigint      NOT NULL,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL,
    audit_length            bigint      NOT NULL,
    audit_mac               bytea       NOT NULL,
    CONSTRAINT stock_adds_up CHECK (available + held + sold = total_stock)
) WITH (fillfactor = 30);
CREATE INDEX sessions_of_event ON sessions (event_id, id);

-- One row per session whose waiting room was ever entered.
CREATE TABLE rooms (
    session_id           uuid        NOT NULL PRIMARY KEY,
    epoch                bigint      NOT NULL,
    next                 bigint      NOT NULL,
    frontier             bigint      NOT NULL,
    -- When the frontier moved: a JSON array of {"after":number,"through":number,"at":"time"}.
    log                  jsonb       NOT NULL,
    credited_until       timestamptz NOT NULL,
    wait_ended_through   bigint      NOT NULL,
    window_ended_through bigint      NOT NULL,
    waiting              bigint      NOT NULL CONSTRAINT waiting_is_not_negative CHECK (waiting >= 0),
    active               bigint      NOT NULL CONSTRAINT active_is_not_negative CHECK (active >= 0)
) WITH (fillfactor = 30);

CREATE TABLE places (
    session_id       uuid        NOT NULL,
    number           bigint      NOT NULL CONSTRAINT place_number CHECK (number >= 1),
    user_id          uuid        NOT NULL,
    issued_at        timestamptz NOT NULL,
    admitted_at_once boolean     NOT NULL,
    state            text        NOT NULL
        CONSTRAINT place_state CHECK (state IN ('IN', 'LEFT', 'BOUGHT', 'EXPIRED')),
    PRIMARY KEY (session_id, number)
);
CREATE INDEX places_of_user ON places (session_id, user_id, number) WHERE state = 'IN';
CREATE INDEX places_given_up ON places (session_id, number) WHERE state <> 'IN';

CREATE TABLE seats (
    session_id     uuid   NOT NULL,
    -- The organiser's label.
    id             text   COLLATE "C" NOT NULL,
    section        text   NOT NULL,
    "row"          text   NOT NULL,
    number         bigint NOT NULL,
    -- Its own price; NULL: the session's.
    price_minor    bigint,
    price_currency text,
    status         text   NOT NULL CONSTRAINT seat_status CHECK (status IN ('AVAILABLE', 'HOLD', 'SOLD')),
    -- One column, so that a seat is in one hold at most.
    hold_id        uuid,
    PRIMARY KEY (session_id, id),
    CONSTRAINT seat_price_is_whole CHECK ((price_minor IS NULL) = (price_currency IS NULL)),
    CONSTRAINT seat_has_its_hold CHECK ((status = 'AVAILABLE') = (hold_id IS NULL))
) WITH (fillfactor = 70);

-- A hold carries its own idempotency key; `holds_of_user` keeps it unique per session and user.
CREATE TABLE holds (
    session_id      uuid        NOT NULL,
    id              uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    quantity        bigint      NOT NULL CONSTRAINT hold_quantity CHECK (quantity >= 1),
    -- A JSON array of seat ids; NULL in a session that sells by number.
    seat_ids        jsonb,
    amount_minor    bigint      NOT NULL,
    amount_currency text        NOT NULL,
    idempotency_key text        COLLATE "C" NOT NULL,
    request_digest  bytea       NOT NULL,
    status          text        NOT NULL
        CONSTRAINT hold_status CHECK (status IN ('ACTIVE', 'EXPIRED', 'RELEASED', 'CONFIRMED')),
    -- Its place in the waiting room.
    place           bigint,
    order_id        uuid,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    PRIMARY KEY (session_id, id)
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX holds_of_user ON holds (session_id, user_id, idempotency_key);
-- The quantity is in it so that overdue stock is summed up without touching the table. A look-up of another
-- index never says `expires_at > '-infinity'`, so that an empty table's planner cannot mistake this index for
-- a short one.
CREATE INDEX holds_due ON holds (session_id, expires_at, id) INCLUDE (quantity)
    WHERE status = 'ACTIVE' AND expires_at > '-infinity';
-- Who names a hold alone is told its session by this.
CREATE UNIQUE INDEX holds_by_id ON holds (id);

CREATE TABLE orders (
    session_id      uuid        NOT NULL,
    id              uuid        NOT NULL,
    hold_id         uuid        NOT NULL,
    payment_id      uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    quantity        bigint      NOT NULL CONSTRAINT order_quantity CHECK (quantity >= 1),
    seat_ids        jsonb,
    amount_minor    bigint      NOT NULL,
    amount_currency text        NOT NULL,
    status          text        NOT NULL
        CONSTRAINT order_status CHECK (status IN ('PENDING', 'PAID', 'CANCELLED', 'REFUNDED')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    paid_at         timestamptz,
    PRIMARY KEY (session_id, id)
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX order_of_hold ON orders (session_id, hold_id);
CREATE UNIQUE INDEX orders_by_id ON orders (id);
CREATE INDEX orders_of_user ON orders (user_id, id);

CREATE TABLE payments (
    session_id      uuid        NOT NULL,
    id              uuid        NOT NULL,
    order_id        uuid        NOT NULL,
    hold_id         uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    method          text        NOT NULL CONSTRAINT payment_method CHECK (method IN ('CARD')),
    amount_minor    bigint      NOT NULL,
    amount_currency text        NOT NULL,
    -- The gateway's name for it and its page, once they are known.
    pg_payment_id   text        COLLATE "C",
    pg_url          text,
    status          text        NOT NULL CONSTRAINT payment_status
        CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUND_PENDING', 'REFUNDED')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (session_id, id),
    CONSTRAINT payment_gateway_is_whole CHECK ((pg_payment_id IS NULL) = (pg_url IS NULL))
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX payment_of_order ON payments (session_id, order_id);
CREATE UNIQUE INDEX payment_at_gateway ON payments (pg_payment_id);
CREATE UNIQUE INDEX payments_by_id ON payments (id);

-- The gateway's callbacks as received, one row per payment and distinct payload.
CREATE TABLE callbacks (
    id            uuid        NOT NULL PRIMARY KEY,
    pg_payment_id text        COLLATE "C" NOT NULL,
    status        text        NOT NULL CONSTRAINT callback_status CHECK (status IN ('SUCCESS', 'FAIL')),
    amount        bigint,
    currency      text,
    raw_payload   text        NOT NULL,
    -- The payment it was matched to; NULL while that is unknown.
    payment_id    uuid,
    received_at   timestamptz NOT NULL
);
CREATE INDEX callbacks_of_payment ON callbacks (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX callbacks_unmatched ON callbacks (id, pg_payment_id) WHERE payment_id IS NULL;

CREATE TABLE tickets (
    session_id uuid        NOT NULL,
    id         uuid        NOT NULL,
    order_id   uuid        NOT NULL,
    event_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    seat_id    text        COLLATE "C",
    status     text        NOT NULL CONSTRAINT ticket_status CHECK (status IN ('VALID', 'USED', 'REVOKED')),
    issued_at  timestamptz NOT NULL,
    PRIMARY KEY (session_id, id)
);
CREATE UNIQUE INDEX tickets_of_order ON tickets (session_id, order_id, seat_id);
CREATE UNIQUE INDEX tickets_by_id ON tickets (id);
CREATE INDEX tickets_of_user ON tickets (user_id, id);

-- Calls to the outside that are still to be made, or were.
CREATE TABLE outbox (
    session_id      uuid        NOT NULL,
    id              uuid        NOT NULL,
    payment_id      uuid        NOT NULL,
    -- The fixed key that makes a repeated call count once.
    key             text        COLLATE "C" NOT NULL,
    status          text        NOT NULL CONSTRAINT outbox_status CHECK (status IN ('PENDING', 'DONE')),
    attempts        bigint      NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    last_error      text,
    created_at      timestamptz NOT NULL,
    done_at         timestamptz,
    PRIMARY KEY (session_id, id)
);
CREATE UNIQUE INDEX outbox_key ON outbox (session_id, key);
CREATE INDEX outbox_due ON outbox (next_attempt_at, id) WHERE status = 'PENDING';

-- Chain heads of audit streams that have no row of their own to keep them in.
CREATE TABLE streams (
    stream       text   COLLATE "C" NOT NULL PRIMARY KEY,
    audit_length bigint NOT NULL,
    audit_mac    bytea  NOT NULL
) WITH (fillfactor = 30);

-- One row per change of state, chained by keyed HMAC within its stream. A stream is named by the id of its
-- session or event; that of the accounts is all zeros, that of callbacks nobody knows ends in a one.
CREATE TABLE audit_log (
    stream_id   uuid        NOT NULL,
    stream_kind text        NOT NULL
        CONSTRAINT audit_stream_kind CHECK (stream_kind IN ('SESSION', 'EVENT', 'USERS', 'CALLBACKS')),
    seq         bigint      NOT NULL CONSTRAINT audit_seq CHECK (seq >= 0),
    at          timestamptz NOT NULL,
    actor       text        NOT NULL,
    action      text        NOT NULL,
    target      text        NOT NULL,
    -- JSON, to the letter: its MAC covers every byte.
    meta        text        NOT NULL,
    trace_id    bytea,
    mac         bytea       NOT NULL,
    PRIMARY KEY (stream_id, stream_kind, seq)
);

-- The names of the latest writes, so that one whose reply was lost can be looked up. Whoever looks up a name
-- that is not there writes it down as not committed: then the write it belongs to never will be.
CREATE TABLE batches (
    id        uuid        NOT NULL PRIMARY KEY,
    committed boolean     NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX batches_by_age ON batches (at);

-- Undoes the write that replaced other than the rows it read.
CREATE FUNCTION ticketing_expect(what text, replaced bigint, wanted bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF replaced <> wanted THEN
        RAISE EXCEPTION '%: % of % rows are there as they were read', what, replaced, wanted
            USING ERRCODE = 'TK001';
    END IF;
END
$$;
