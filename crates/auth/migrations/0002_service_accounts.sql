-- Accounts of machines.
CREATE TABLE service_accounts (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by TEXT NOT NULL,
    last_used_at TIMESTAMPTZ NULL
);

-- Their secrets, as keyed digests. The id stands as session in the access tokens that were made with the secret.
CREATE TABLE service_secrets (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NULL
);

CREATE INDEX service_secrets_account ON service_secrets (account_id, id);
CREATE INDEX service_secrets_expiry ON service_secrets (expires_at) WHERE expires_at IS NOT NULL;

-- Wrong secrets, counted by client and source; the key is a keyed digest of both.
CREATE TABLE service_failures (
    key BYTEA NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    locked_until TIMESTAMPTZ NULL
);

CREATE INDEX service_failures_last ON service_failures (last_at);
