-- For what is held about one person, and its end.
CREATE INDEX otps_by_user ON otps (user_id, id) WHERE user_id IS NOT NULL;
