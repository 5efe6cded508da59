-- People's accounts. What ends in _sealed is sealed with the person's data key (null where there is nothing); *_index
-- are blind indexes of the canonical forms. status is what holds while deleted_at is null.
CREATE TABLE users (
    id UUID PRIMARY KEY,
    username TEXT,
    username_key TEXT,
    username_sort TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    name_sort TEXT COLLATE "C" NOT NULL,
    email_sealed BYTEA NOT NULL,
    email_index BYTEA NOT NULL,
    email_verified_at TIMESTAMPTZ,
    pending_email_sealed BYTEA,
    mobile_sealed BYTEA,
    mobile_index BYTEA,
    mobile_verified_at TIMESTAMPTZ,
    pending_mobile_sealed BYTEA,
    status TEXT NOT NULL,
    status_reason_sealed BYTEA,
    status_until TIMESTAMPTZ,
    status_by TEXT,
    status_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    roles TEXT NOT NULL,
    prefers_email BOOLEAN NOT NULL,
    prefers_push BOOLEAN NOT NULL,
    prefers_sms BOOLEAN NOT NULL,
    locale TEXT NOT NULL,
    metadata_sealed BYTEA,
    push_tokens_sealed BYTEA,
    avatar TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    last_login_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE UNIQUE INDEX users_username_key_key ON users (username_key);
CREATE UNIQUE INDEX users_email_index_key ON users (email_index);
CREATE UNIQUE INDEX users_mobile_index_key ON users (mobile_index);

-- One index for each filter and sort of the list; see the table in ops/list_users.rs.
CREATE INDEX users_by_created ON users (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_username ON users (username_sort, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_name ON users (name_sort, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_login ON users (last_login_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_status ON users (status, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX users_deleted ON users (created_at, id) WHERE deleted_at IS NOT NULL;

-- Who holds which role, with created_at of the account for paging.
CREATE TABLE user_roles (
    user_id UUID NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, role)
);

CREATE INDEX user_roles_by_role ON user_roles (role, created_at, user_id);
