-- One data key a person, wrapped by the master key. Destroying the row makes all that is sealed with it unreadable.
CREATE TABLE data_keys (
    user_id UUID PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX data_keys_by_created ON data_keys (created_at, user_id);
