-- Counts the destructions of keys, from 1. Who destroys holds the lock on its one row, so epochs follow commits.
CREATE TABLE key_epoch (
    id BIGINT PRIMARY KEY,
    epoch BIGINT NOT NULL
);
INSERT INTO key_epoch (id, epoch) VALUES (1, 1);

-- Whose key was destroyed for good and in which epoch: for those who may hold it in memory, and for a restore.
CREATE TABLE destroyed_keys (
    user_id UUID PRIMARY KEY,
    epoch BIGINT NOT NULL,
    destroyed_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX destroyed_keys_by_epoch ON destroyed_keys (epoch);
