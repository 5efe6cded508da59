-- The root, one for all time: all keys of the installation follow from it. It is known here by its mark.
CREATE TABLE root (
    id BIGINT PRIMARY KEY,
    mark BYTEA NOT NULL,
    -- The root is the first master key itself: the installation is from before roots were made.
    is_first_master BOOLEAN NOT NULL,
    made_at TIMESTAMPTZ NOT NULL
);

-- The root wrapped, once for each master key that opens it, by the key's name.
CREATE TABLE slots (
    name TEXT PRIMARY KEY,
    wrapped BYTEA NOT NULL,
    made_at TIMESTAMPTZ NOT NULL
);

-- Processes that run, each with the master key under which it started.
CREATE TABLE processes (
    id UUID PRIMARY KEY,
    roles TEXT NOT NULL,
    slot TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL
);
