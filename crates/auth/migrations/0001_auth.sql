-- Sessions. A refresh changes only columns that stand in no index, so that the indexes stay as they are; but for the
-- day on which the session expires, at most once a day.
CREATE TABLE sessions (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL,
    generation BIGINT NOT NULL,
    nonce BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    rotated_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ NULL,
    end_reason TEXT NULL,
    ip_sealed BYTEA NULL,
    user_agent_sealed BYTEA NULL,
    amr TEXT NOT NULL,
    auth_time TIMESTAMPTZ NOT NULL,
    tie BYTEA NULL,
    expires_on BIGINT NOT NULL
);

CREATE INDEX sessions_live ON sessions (user_id, id) WHERE ended_at IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_on) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- How often all sessions of a person have been ended: a login that began before is not completed after.
CREATE TABLE user_epochs (
    user_id UUID NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL
);

-- Ended sessions whose access tokens may still be valid by themselves.
CREATE TABLE revocations (
    session_id UUID NOT NULL PRIMARY KEY,
    ended_at TIMESTAMPTZ NOT NULL,
    valid_until TIMESTAMPTZ NOT NULL
);

CREATE INDEX revocations_ended ON revocations (ended_at);
CREATE INDEX revocations_until ON revocations (valid_until);

-- Keys that sign access tokens. The number makes the first key one, however many processes start at once.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    algorithm TEXT NOT NULL,
    private_sealed BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    signs_from TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ NULL,
    CONSTRAINT signing_keys_number_key UNIQUE (number)
);
