-- What every service's database holds beside its own tables.

-- The sequence of events; its one row is locked by who numbers them.
CREATE TABLE outbox_head (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL
);
INSERT INTO outbox_head (id, seq) VALUES (1, 0);

-- How far this service has read others' events.
CREATE TABLE cursors (
    producer TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- How far others have read this service's events.
CREATE TABLE acknowledgements (
    consumer TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
);

-- Sealed replies to requests that came with an idempotency key; subject is the person whom the request was about.
CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    method TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    reply BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    subject UUID,
    CONSTRAINT idempotency_pkey PRIMARY KEY (principal, method, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
CREATE INDEX idempotency_subject ON idempotency (subject) WHERE subject IS NOT NULL;
