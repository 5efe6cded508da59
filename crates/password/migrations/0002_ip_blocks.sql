-- Addresses and networks that are kept out. cidr is canonical. What was lifted or has ended stays for a while, so that
-- the audit trail's ids can be looked up.
CREATE TABLE ip_blocks (
    id UUID PRIMARY KEY,
    cidr TEXT NOT NULL,
    reason TEXT NOT NULL,
    automatic BOOLEAN NOT NULL,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ,
    lifted_at TIMESTAMPTZ
);

CREATE UNIQUE INDEX ip_blocks_cidr_key ON ip_blocks (cidr) WHERE lifted_at IS NULL;
CREATE INDEX ip_blocks_lifted ON ip_blocks (lifted_at) WHERE lifted_at IS NOT NULL;
CREATE INDEX ip_blocks_until ON ip_blocks (until) WHERE lifted_at IS NULL AND until IS NOT NULL;

-- How often the list has changed: one row, so that a look for news costs one.
CREATE TABLE ip_block_changes (
    id BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Failures from an address or a network, of whatever identifiers, since started_at; key is a keyed digest.
CREATE TABLE guard_sources (
    key BYTEA PRIMARY KEY,
    failures BIGINT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    last_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX guard_sources_by_last ON guard_sources (last_at);
