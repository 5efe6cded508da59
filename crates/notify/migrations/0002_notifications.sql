-- What a service wants said: recipient and words, sealed to the person, or with notify's own key for an address that
-- belongs to no account. Gone once it is delivered.
ALTER TABLE messages ADD COLUMN content BYTEA NULL;
-- The service account that asked for it.
ALTER TABLE messages ADD COLUMN sender UUID NULL;
-- How it fares, as far as is known: 'queued', 'sent', 'delivered', 'bounced', 'failed', 'opened' or 'declined'.
ALTER TABLE messages ADD COLUMN status TEXT NOT NULL DEFAULT 'queued';

UPDATE messages SET status = 'sent' WHERE state = 'sent';
UPDATE messages SET status = 'failed' WHERE state = 'dead';

CREATE INDEX messages_status ON messages (status, id);
CREATE INDEX messages_dead_letters ON messages (id) WHERE state = 'dead';

-- What providers and services report. The notification may have been sent by somebody else, under any id.
CREATE TABLE reports (
    id UUID PRIMARY KEY,
    notification_id TEXT NOT NULL,
    -- Whom it was to, where that is known.
    user_id UUID NULL,
    channel TEXT NOT NULL,
    status TEXT NOT NULL,
    -- In the reporter's words, which may name an address: sealed with notify's own key.
    error BYTEA NULL,
    -- When it happened, as the reporter says.
    at TIMESTAMPTZ NOT NULL,
    reported_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX reports_notification ON reports (notification_id, id);
CREATE INDEX reports_user ON reports (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX reports_age ON reports (reported_at);
