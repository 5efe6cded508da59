-- The head is signed with every append, so that a chain that was rewritten by somebody else has no genuine end.
ALTER TABLE chain_head ADD COLUMN signature BYTEA;

-- Signed statements on how far the trail reached. `statement` is text: its bytes are signed as they stand.
CREATE TABLE checkpoints (
    seq BIGINT PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    statement TEXT NOT NULL,
    signature BYTEA NOT NULL
);

-- Where the trail begins since retention took links away: one row (id 1), a signed statement.
CREATE TABLE cuts (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    statement TEXT NOT NULL,
    signature BYTEA NOT NULL
);

-- Which entries retention took the contents of: signed lists of their seqs.
CREATE TABLE removals (
    last_seq BIGINT NOT NULL,
    class TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    statement TEXT NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (last_seq, class)
);

-- How far retention has looked for entries of each class that are old enough.
CREATE TABLE swept (
    class TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
);
