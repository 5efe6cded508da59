-- The devices by which people have logged in, as keyed digests.
CREATE TABLE known_devices (
    user_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, digest)
);

CREATE INDEX known_devices_seen ON known_devices (seen_at);
