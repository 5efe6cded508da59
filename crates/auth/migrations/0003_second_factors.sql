-- Second factors: for each person the channel in force, and the one that waits for its proof.
CREATE TABLE second_factors (
    user_id UUID NOT NULL PRIMARY KEY,
    -- 'email' or 'sms'; null while none is in force.
    channel TEXT NULL,
    enabled_at TIMESTAMPTZ NULL,
    pending_channel TEXT NULL,
    pending_otp_id UUID NULL,
    pending_since TIMESTAMPTZ NULL
);

-- Codes for the day when the factor is out of reach: keyed digests, gone when used.
CREATE TABLE recovery_codes (
    user_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, digest)
);

-- Logins whose password was right and that wait for the second factor. Those of one person may share a sent code.
CREATE TABLE challenges (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL,
    nonce BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    otp_id UUID NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL,
    tries BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX challenges_of_person ON challenges (user_id, sent_at);
CREATE INDEX challenges_by_end ON challenges (expires_at);
