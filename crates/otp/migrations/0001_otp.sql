-- Codes and link tokens. Neither is kept: both follow from id, nonce and a key. A row is issued when notify has asked
-- for its code; from then on it can be used, once. user_id is null until the identifier has been looked up.
CREATE TABLE otps (
    id UUID PRIMARY KEY,
    user_id UUID,
    identifier_sealed BYTEA,
    purpose TEXT NOT NULL,
    channel TEXT NOT NULL,
    target BYTEA NOT NULL,
    nonce BYTEA NOT NULL,
    attempts BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    issued_at TIMESTAMPTZ,
    code_expires_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ
);

CREATE INDEX otps_live ON otps (user_id, purpose, id) WHERE used_at IS NULL AND ended_at IS NULL;
CREATE INDEX otps_of_person ON otps (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX otps_by_end ON otps (ends_at);

-- When the next code for a person or identifier and a purpose may be sent; the key is a keyed digest of them.
CREATE TABLE cooldowns (
    key BYTEA PRIMARY KEY,
    until TIMESTAMPTZ NOT NULL
);

CREATE INDEX cooldowns_by_end ON cooldowns (until);

-- Wrong tries of an account over all its codes, since the last hour without one.
CREATE TABLE wrong_tries (
    user_id UUID PRIMARY KEY,
    tries BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX wrong_tries_by_last ON wrong_tries (last_at);
