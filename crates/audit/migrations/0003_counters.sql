-- Figures, moved in the transaction that appends the entries they are counted from.
CREATE TABLE counters (
    name TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name, label)
);
