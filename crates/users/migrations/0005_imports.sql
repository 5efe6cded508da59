-- How far each import has come: rows up to this one are done.
CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    rows_done BIGINT NOT NULL,
    created BIGINT NOT NULL,
    conflicts BIGINT NOT NULL,
    invalid BIGINT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
