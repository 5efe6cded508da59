-- Whether who uses the reset holds the mailbox of the account: its message went there.
ALTER TABLE resets ADD COLUMN by_mail BOOLEAN NOT NULL DEFAULT FALSE;
