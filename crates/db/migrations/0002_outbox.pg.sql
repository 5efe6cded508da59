-- Events, in the order of insertion. Who acts on what another transaction committed is inserted after it, so
-- `place` never puts an effect before its cause; `seq` is dense and given after the commit.
CREATE TABLE outbox (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
