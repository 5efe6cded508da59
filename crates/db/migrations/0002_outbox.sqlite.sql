-- As 0002_outbox.pg.sql; `place` is the rowid.
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY,
    id UUID NOT NULL,
    seq BIGINT,
    type TEXT NOT NULL,
    version BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    subject UUID,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    source BYTEA,
    data TEXT NOT NULL
);
CREATE UNIQUE INDEX outbox_seq_key ON outbox (seq);
CREATE INDEX outbox_unnumbered ON outbox (place) WHERE seq IS NULL;
