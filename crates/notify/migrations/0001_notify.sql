-- What is to be sent. Ids only: addresses, names and codes are asked for when the message is written.
CREATE TABLE messages (
    id UUID PRIMARY KEY,
    -- Unknown while only otp can say whose identifier it was.
    user_id UUID NULL,
    -- 'email' or 'sms'; 'push' will join.
    channel TEXT NOT NULL,
    template TEXT NOT NULL,
    -- What the owner of the code is asked with.
    context JSONB NOT NULL,
    -- 'current', 'pending' or 'old'.
    address_kind TEXT NOT NULL,
    -- The address that was left, sealed to the person; gone once it is told.
    old_address BYTEA NULL,
    -- 'queued', 'sending', 'sent', 'dead' or 'waiting'.
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    -- When it is due; of one being sent, when its lease ends; null when nothing more is to come.
    next_try_at TIMESTAMPTZ NULL,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ NULL,
    dead_at TIMESTAMPTZ NULL,
    last_error TEXT NULL,
    -- The event that it follows from.
    producer TEXT NOT NULL,
    seq BIGINT NOT NULL
);

CREATE UNIQUE INDEX messages_producer_seq_template_channel_key ON messages (producer, seq, template, channel);
CREATE INDEX messages_due ON messages (channel, next_try_at, id) WHERE next_try_at IS NOT NULL;
CREATE INDEX messages_sent ON messages (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX messages_dead ON messages (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX messages_state ON messages (state, channel) WHERE state = 'waiting';
CREATE INDEX messages_user ON messages (user_id, id) WHERE user_id IS NOT NULL;

-- What was caught in development instead of sent.
CREATE TABLE mailbox (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    channel TEXT NOT NULL,
    -- Keyed digest of the address.
    to_index BYTEA NOT NULL,
    -- Address, subject, text and HTML, sealed to the person.
    content BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX mailbox_created_at ON mailbox (created_at, id);
CREATE INDEX mailbox_to ON mailbox (to_index, created_at, id);
CREATE INDEX mailbox_user ON mailbox (user_id);
