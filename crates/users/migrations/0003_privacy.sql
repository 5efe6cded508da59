-- The ledger of erasures: whose account went for good, and the certificate. It outlives the account, and holds nothing
-- of the person but the random id: a restore of older data erases again by it. reason_sealed is sealed to the
-- administrator who gave it.
CREATE TABLE erasures (
    user_id UUID PRIMARY KEY,
    begun_at TIMESTAMPTZ NOT NULL,
    -- 'owner', 'administrator', 'operator' or 'retention'.
    ordered_by TEXT NOT NULL,
    reason_sealed BYTEA,
    certificate TEXT,
    signature BYTEA,
    finished_at TIMESTAMPTZ,
    -- When what was deleted was overwritten in the files too, as far as that is in our hands.
    cleaned_at TIMESTAMPTZ
);

CREATE INDEX erasures_unfinished ON erasures (begun_at) WHERE finished_at IS NULL;
CREATE INDEX erasures_unclean ON erasures (begun_at) WHERE cleaned_at IS NULL;

-- What people agree to now, and each change of it.
CREATE TABLE consents (
    user_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    granted BOOLEAN NOT NULL,
    version TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    CONSTRAINT consents_pkey PRIMARY KEY (user_id, purpose)
);

CREATE TABLE consent_changes (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    granted BOOLEAN NOT NULL,
    version TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    changed_by TEXT NOT NULL
);

CREATE INDEX consent_changes_by_user ON consent_changes (user_id, id);

-- Archives of what is held about people. next_try_at: while one is being made, when it is worked on (again); null once
-- it is ready or has failed.
CREATE TABLE exports (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    next_try_at TIMESTAMPTZ,
    attempts BIGINT NOT NULL,
    size BIGINT NOT NULL,
    ready_at TIMESTAMPTZ,
    failed_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ NOT NULL
);

-- One at a time for each person.
CREATE UNIQUE INDEX exports_user_id_key ON exports (user_id) WHERE next_try_at IS NOT NULL;
CREATE INDEX exports_due ON exports (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX exports_by_user ON exports (user_id, id);
CREATE INDEX exports_by_end ON exports (expires_at);

-- Since when the processing of a profile is restricted (GDPR, article 18), and by whom: a user id.
ALTER TABLE users ADD COLUMN restricted_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN restricted_by TEXT;

-- Deleted accounts whose time is over, oldest first.
CREATE INDEX users_by_deletion ON users (deleted_at, id) WHERE deleted_at IS NOT NULL;
