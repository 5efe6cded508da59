-- For what is held about one person: all of their sessions, those that have ended too.
CREATE INDEX sessions_by_user ON sessions (user_id, id);
