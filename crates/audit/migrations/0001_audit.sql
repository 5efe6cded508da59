-- The end of the chain: one row (id 1), made by the first appender. Who holds its lock appends.
CREATE TABLE chain_head (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

-- The chain itself. A link stays when the contents of its entry go, so the chain holds without them.
CREATE TABLE links (
    seq BIGINT PRIMARY KEY,
    producer TEXT NOT NULL,
    producer_seq BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    hash BYTEA NOT NULL
);
CREATE UNIQUE INDEX links_producer_producer_seq_key ON links (producer, producer_seq);

-- The contents of the entries. `details` is text, not a document type: its bytes are hashed as they stand.
CREATE TABLE entries (
    seq BIGINT PRIMARY KEY,
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject UUID,
    ip_owner UUID,
    ip BYTEA,
    request_id TEXT NOT NULL,
    result TEXT NOT NULL,
    details TEXT NOT NULL
);

-- One filter, newest first by seq.
CREATE INDEX entries_action_seq ON entries (action, seq);
CREATE INDEX entries_actor_seq ON entries (actor, seq);
CREATE INDEX entries_subject_seq ON entries (subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX entries_result_seq ON entries (result, seq);

-- A range of time, alone or with one filter, newest first by (at, seq).
CREATE INDEX entries_at_seq ON entries (at, seq);
CREATE INDEX entries_action_at_seq ON entries (action, at, seq);
CREATE INDEX entries_actor_at_seq ON entries (actor, at, seq);
CREATE INDEX entries_subject_at_seq ON entries (subject, at, seq) WHERE subject IS NOT NULL;
CREATE INDEX entries_result_at_seq ON entries (result, at, seq);
