-- The root key under which this database was sealed, by its mark.
CREATE TABLE root_mark (
    id BIGINT PRIMARY KEY,
    mark BYTEA NOT NULL
);
