-- The tables of the ticketing engine.
--
-- Ids are UUIDs in 16 bytes, times are microseconds since 1970-01-01T00:00:00Z, money is in minor
-- units (won, cents), booleans are 0 or 1. The views of V2 show the same as text.
--
-- The CHECK and UNIQUE constraints refuse what the engine never asks for: when one of them speaks,
-- something is wrong, and the whole write is undone.
--
-- There are no foreign keys: a user may be the opaque subject of somebody else's access token, and no
-- record is ever deleted, so there is no parent that a row could lose.

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email         TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CONSTRAINT user_role CHECK (role IN ('USER', 'STAFF', 'ADMIN')),
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    title        TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    venue        TEXT    NOT NULL,
    status       TEXT    NOT NULL CONSTRAINT event_status CHECK (status IN ('DRAFT', 'PUBLISHED', 'ARCHIVED')),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    -- The end of the event's audit chain: how many records, and the last one's MAC.
    audit_length INTEGER NOT NULL,
    audit_mac    BLOB    NOT NULL
) STRICT;

CREATE TABLE sessions (
    id                      BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    event_id                BLOB    NOT NULL,
    start_at                INTEGER NOT NULL,
    sales_open_at           INTEGER,
    sales_close_at          INTEGER,
    kind                    TEXT    NOT NULL CONSTRAINT session_kind CHECK (kind IN ('QUANTITY', 'SEATED')),
    total_stock             INTEGER NOT NULL,
    -- Free to be held. Overdue holds that no sweep has reclaimed yet still count as held.
    available               INTEGER NOT NULL CONSTRAINT available_is_not_negative CHECK (available >= 0),
    held                    INTEGER NOT NULL CONSTRAINT held_is_not_negative CHECK (held >= 0),
    sold                    INTEGER NOT NULL CONSTRAINT sold_is_not_negative CHECK (sold >= 0),
    price_minor             INTEGER NOT NULL,
    price_currency          TEXT    NOT NULL,
    max_per_user            INTEGER NOT NULL,
    hold_ttl_seconds        INTEGER NOT NULL,
    -- The organiser's intent; the sales window bounds it.
    status                  TEXT    NOT NULL
        CONSTRAINT session_status CHECK (status IN ('SCHEDULED', 'OPEN', 'PAUSED', 'CLOSED')),
    queue_mode              TEXT    NOT NULL CONSTRAINT queue_mode CHECK (queue_mode IN ('ON', 'OFF')),
    -- NULL: no limit.
    queue_admit_per_second  INTEGER,
    queue_max_active        INTEGER,
    queue_wait_ttl_seconds  INTEGER,
    queue_admit_ttl_seconds INTEGER,
    queue_max_length        INTEGER,
    -- Counts every change of this row; only ever grows.
    version                 INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    updated_at              INTEGER NOT NULL,
    audit_length            INTEGER NOT NULL,
    audit_mac               BLOB    NOT NULL,
    CONSTRAINT stock_adds_up CHECK (available + held + sold = total_stock)
) STRICT;
CREATE INDEX sessions_of_event ON sessions (event_id, id);
CREATE INDEX sessions_with_holds ON sessions (id) WHERE held > 0;

-- One row per session whose waiting room was ever entered.
CREATE TABLE rooms (
    session_id           BLOB    NOT NULL PRIMARY KEY CHECK (length(session_id) = 16),
    epoch                INTEGER NOT NULL,
    next                 INTEGER NOT NULL,
    frontier             INTEGER NOT NULL,
    -- When the frontier moved: a JSON array of {"through":number,"at":"time"}.
    log                  TEXT    NOT NULL CONSTRAINT room_log CHECK (json_valid(log)),
    credited_until       INTEGER NOT NULL,
    wait_ended_through   INTEGER NOT NULL,
    window_ended_through INTEGER NOT NULL,
    waiting              INTEGER NOT NULL CONSTRAINT waiting_is_not_negative CHECK (waiting >= 0),
    active               INTEGER NOT NULL CONSTRAINT active_is_not_negative CHECK (active >= 0)
) STRICT;
CREATE INDEX rooms_with_people ON rooms (session_id) WHERE waiting + active > 0;

CREATE TABLE places (
    session_id       BLOB    NOT NULL,
    number           INTEGER NOT NULL CONSTRAINT place_number CHECK (number >= 1),
    user_id          BLOB    NOT NULL,
    issued_at        INTEGER NOT NULL,
    admitted_at_once INTEGER NOT NULL CHECK (admitted_at_once IN (0, 1)),
    state            TEXT    NOT NULL
        CONSTRAINT place_state CHECK (state IN ('IN', 'LEFT', 'BOUGHT', 'EXPIRED')),
    PRIMARY KEY (session_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX places_of_user ON places (session_id, user_id, number) WHERE state = 'IN';
CREATE INDEX places_given_up ON places (session_id, number) WHERE state <> 'IN';

CREATE TABLE seats (
    session_id     BLOB    NOT NULL,
    -- The organiser's label.
    id             TEXT    NOT NULL,
    section        TEXT    NOT NULL,
    "row"          TEXT    NOT NULL,
    number         INTEGER NOT NULL,
    -- Its own price; NULL: the session's.
    price_minor    INTEGER,
    price_currency TEXT,
    status         TEXT    NOT NULL CONSTRAINT seat_status CHECK (status IN ('AVAILABLE', 'HOLD', 'SOLD')),
    -- One column, so that a seat is in one hold at most.
    hold_id        BLOB,
    PRIMARY KEY (session_id, id),
    CONSTRAINT seat_price_is_whole CHECK ((price_minor IS NULL) = (price_currency IS NULL)),
    CONSTRAINT seat_has_its_hold CHECK ((status = 'AVAILABLE') = (hold_id IS NULL))
) STRICT, WITHOUT ROWID;

-- A hold carries its own idempotency key; `holds_of_user` keeps it unique per session and user.
CREATE TABLE holds (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id      BLOB    NOT NULL,
    user_id         BLOB    NOT NULL,
    quantity        INTEGER NOT NULL CONSTRAINT hold_quantity CHECK (quantity >= 1),
    -- A JSON array of seat ids; NULL in a session that sells by number.
    seat_ids        TEXT,
    amount_minor    INTEGER NOT NULL,
    amount_currency TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    request_digest  BLOB    NOT NULL,
    status          TEXT    NOT NULL
        CONSTRAINT hold_status CHECK (status IN ('ACTIVE', 'EXPIRED', 'RELEASED', 'CONFIRMED')),
    -- Its place in the waiting room.
    place           INTEGER,
    order_id        BLOB,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    ended_at        INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX holds_of_user ON holds (session_id, user_id, idempotency_key);
-- The quantity is in it so that overdue stock is summed up without touching the table.
CREATE INDEX holds_due ON holds (session_id, expires_at, id, quantity) WHERE status = 'ACTIVE';

CREATE TABLE orders (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id      BLOB    NOT NULL,
    hold_id         BLOB    NOT NULL UNIQUE,
    payment_id      BLOB    NOT NULL,
    user_id         BLOB    NOT NULL,
    quantity        INTEGER NOT NULL CONSTRAINT order_quantity CHECK (quantity >= 1),
    seat_ids        TEXT,
    amount_minor    INTEGER NOT NULL,
    amount_currency TEXT    NOT NULL,
    status          TEXT    NOT NULL
        CONSTRAINT order_status CHECK (status IN ('PENDING', 'PAID', 'CANCELLED', 'REFUNDED')),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    paid_at         INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_of_session ON orders (session_id, id);
CREATE INDEX orders_of_user ON orders (user_id, id);

CREATE TABLE payments (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id      BLOB    NOT NULL,
    order_id        BLOB    NOT NULL UNIQUE,
    hold_id         BLOB    NOT NULL,
    user_id         BLOB    NOT NULL,
    method          TEXT    NOT NULL CONSTRAINT payment_method CHECK (method IN ('CARD')),
    amount_minor    INTEGER NOT NULL,
    amount_currency TEXT    NOT NULL,
    -- The gateway's name for it and its page, once they are known.
    pg_payment_id   TEXT    UNIQUE,
    pg_url          TEXT,
    status          TEXT    NOT NULL CONSTRAINT payment_status
        CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUND_PENDING', 'REFUNDED')),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    CONSTRAINT payment_gateway_is_whole CHECK ((pg_payment_id IS NULL) = (pg_url IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_of_session ON payments (session_id, id);

-- The gateway's callbacks as received, one row per payment and distinct payload.
CREATE TABLE callbacks (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    pg_payment_id TEXT    NOT NULL,
    status        TEXT    NOT NULL CONSTRAINT callback_status CHECK (status IN ('SUCCESS', 'FAIL')),
    amount        INTEGER,
    currency      TEXT,
    raw_payload   TEXT    NOT NULL,
    -- The payment it was matched to; NULL while that is unknown.
    payment_id    BLOB,
    received_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX callbacks_of_payment ON callbacks (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX callbacks_unmatched ON callbacks (id, pg_payment_id) WHERE payment_id IS NULL;

CREATE TABLE tickets (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id   BLOB    NOT NULL,
    event_id   BLOB    NOT NULL,
    session_id BLOB    NOT NULL,
    user_id    BLOB    NOT NULL,
    seat_id    TEXT,
    status     TEXT    NOT NULL CONSTRAINT ticket_status CHECK (status IN ('VALID', 'USED', 'REVOKED')),
    issued_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tickets_of_order ON tickets (order_id, seat_id);
CREATE INDEX tickets_of_session ON tickets (session_id, id);
CREATE INDEX tickets_of_user ON tickets (user_id, id);

-- Calls to the outside that are still to be made, or were.
CREATE TABLE outbox (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id      BLOB    NOT NULL,
    payment_id      BLOB    NOT NULL,
    -- The fixed key that makes a repeated call count once.
    key             TEXT    NOT NULL UNIQUE,
    status          TEXT    NOT NULL CONSTRAINT outbox_status CHECK (status IN ('PENDING', 'DONE')),
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    last_error      TEXT,
    created_at      INTEGER NOT NULL,
    done_at         INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_of_session ON outbox (session_id, id);
CREATE INDEX outbox_due ON outbox (next_attempt_at, id) WHERE status = 'PENDING';

-- Chain heads of audit streams that have no row of their own to keep them in.
CREATE TABLE streams (
    stream       TEXT    NOT NULL PRIMARY KEY,
    audit_length INTEGER NOT NULL,
    audit_mac    BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per change of state, chained by keyed HMAC within its stream: `session_…`, `event_…`,
-- `users` or `callbacks`.
CREATE TABLE audit_log (
    stream   TEXT    NOT NULL,
    seq      INTEGER NOT NULL CONSTRAINT audit_seq CHECK (seq >= 0),
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    -- JSON.
    meta     TEXT    NOT NULL,
    trace_id BLOB,
    mac      BLOB    NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- The names of the latest writes, so that one whose reply was lost can be looked up. Every writing
-- process has a number and a ring of 4,096 slots of its own.
CREATE TABLE batches (
    writer INTEGER NOT NULL,
    slot   INTEGER NOT NULL,
    id     BLOB    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (writer, slot)
) STRICT, WITHOUT ROWID;
