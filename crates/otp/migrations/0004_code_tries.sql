-- Wrong tries of an account over its codes, since the last hour without one: at codes that anybody can ask for, and at
-- those of somebody who has shown a password or a session. wrong_tries, which counted both as one, goes with a later step:
-- older programs still write it.
CREATE TABLE code_tries (
    user_id UUID NOT NULL,
    public BOOLEAN NOT NULL,
    tries BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, public)
);

CREATE INDEX code_tries_by_last ON code_tries (last_at);

DELETE FROM wrong_tries;
