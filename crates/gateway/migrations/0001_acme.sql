-- Accounts at ACME servers; the credentials are sealed.
CREATE TABLE acme_accounts (
    directory TEXT PRIMARY KEY,
    credentials BYTEA NOT NULL,
    made_at TIMESTAMPTZ NOT NULL
);

-- Certificates by ACME, one a name; the key is sealed. ask_at is when the server is asked next whether it wants an
-- earlier renewal (RFC 9773).
CREATE TABLE acme_certificates (
    name TEXT PRIMARY KEY,
    chain TEXT NOT NULL,
    key BYTEA NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    renew_at TIMESTAMPTZ NOT NULL,
    ask_at TIMESTAMPTZ NOT NULL
);

-- What any node shows a server that looks for the proof of a name: by token over HTTP, by name in a handshake.
CREATE TABLE acme_proofs (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    answer TEXT NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- Names whose last try failed, and when the next may be.
CREATE TABLE acme_failures (
    name TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    next_at TIMESTAMPTZ NOT NULL
);

-- Who may order, until when.
CREATE TABLE acme_leases (
    name TEXT PRIMARY KEY,
    holder UUID NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL
);
