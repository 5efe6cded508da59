-- Roles that administrators made; the built-in ones stand in the program. permissions: names, separated by spaces.
CREATE TABLE roles (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

-- Accounts that lost a role while an access token may still name it, with the roles that they have now.
CREATE TABLE role_losses (
    user_id UUID NOT NULL PRIMARY KEY,
    roles TEXT NOT NULL,
    matters_until TIMESTAMPTZ NOT NULL
);

CREATE INDEX role_losses_until ON role_losses (matters_until);

-- One row that grows with each change of the two tables above: gateways look at it.
CREATE TABLE access_version (
    id BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Suspensions end by themselves; a job notes that they did.
CREATE INDEX users_suspended ON users (status_until, id) WHERE status = 'suspended';
