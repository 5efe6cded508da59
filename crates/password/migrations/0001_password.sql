-- The hash of each account's password. family and steps say what a check of it costs. confirmed_at is null until the
-- account is known to exist.
CREATE TABLE credentials (
    user_id UUID PRIMARY KEY,
    hash TEXT NOT NULL,
    family TEXT NOT NULL,
    steps BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ
);

CREATE INDEX credentials_by_cost ON credentials (family, steps);
CREATE INDEX credentials_unconfirmed ON credentials (created_at) WHERE confirmed_at IS NULL;

-- The passwords before, newest last.
CREATE TABLE old_hashes (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX old_hashes_by_user ON old_hashes (user_id, id);

-- Failures of an identifier from a source; key is a keyed digest of both. user_id, where there is one, is for the reset
-- that opens the lock.
CREATE TABLE guard_pairs (
    key BYTEA PRIMARY KEY,
    user_id UUID,
    failures BIGINT NOT NULL,
    locked_until TIMESTAMPTZ,
    last_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX guard_pairs_by_user ON guard_pairs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX guard_pairs_by_last ON guard_pairs (last_at);

-- Failures of an identifier from anywhere since started_at.
CREATE TABLE guard_days (
    key BYTEA PRIMARY KEY,
    user_id UUID,
    failures BIGINT NOT NULL,
    closed_until TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX guard_days_by_user ON guard_days (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX guard_days_by_last ON guard_days (last_at);

-- Requests for a reset that wait to be looked up: who and how, sealed.
CREATE TABLE reset_requests (
    id UUID PRIMARY KEY,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- Resets that fell due, for the limit by account.
CREATE TABLE reset_dues (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX reset_dues_by_user ON reset_dues (user_id, created_at);
CREATE INDEX reset_dues_by_time ON reset_dues (created_at);

-- Rights to set a new password once: by the token of a message (issue_id is the message's), or by a code that was proved
-- (code_mac is its keyed digest, tries how often it was compared).
CREATE TABLE resets (
    issue_id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    code_mac BYTEA,
    tries BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ
);

CREATE INDEX resets_live ON resets (user_id) WHERE used_at IS NULL AND ended_at IS NULL;
CREATE INDEX resets_by_end ON resets (expires_at);
