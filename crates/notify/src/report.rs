//! How a notification fared, in the words of the API: from the queue, from providers, from services.

/// How a notification fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits for its turn, another try or a provider.
    Queued,
    /// It was handed over.
    Sent,
    /// It arrived.
    Delivered,
    /// It came back.
    Bounced,
    /// It failed for good.
    Failed,
    /// It was read.
    Opened,
    /// Its reader does not want such messages; nothing was sent.
    Declined,
}

// === impl Status ===

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Sent,
        Self::Delivered,
        Self::Bounced,
        Self::Failed,
        Self::Opened,
        Self::Declined,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Failed => "failed",
            Self::Opened => "opened",
            Self::Declined => "declined",
        }
    }

    /// The status of a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The status of a word that others may report: all but what only Denizen can know.
    pub fn parse_report(text: &str) -> Option<Self> {
        Self::parse(text).filter(|status| *status != Self::Declined)
    }

    /// How far along it is: reports come late and in any order, and a later stage is not taken back.
    const fn stage(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sent => 1,
            Self::Delivered | Self::Bounced | Self::Failed | Self::Declined => 2,
            Self::Opened => 3,
        }
    }

    /// What it is after a report.
    #[must_use]
    pub const fn after(self, report: Self) -> Self {
        if report.stage() >= self.stage() { report } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!((Status::parse("Sent"), Status::parse_report("declined")), (None, None));
    }

    #[test]
    fn a_later_stage_is_not_taken_back() {
        assert_eq!(Status::Queued.after(Status::Sent), Status::Sent);
        assert_eq!(Status::Delivered.after(Status::Sent), Status::Delivered);
        assert_eq!(Status::Delivered.after(Status::Bounced), Status::Bounced);
        assert_eq!(Status::Opened.after(Status::Delivered), Status::Opened);
    }
}
