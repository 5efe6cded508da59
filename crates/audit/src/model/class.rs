//! Classes of entries: how long each is kept is a setting of its own.

/// A class of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Changes of accounts, rights, passwords and factors; what failed and what was refused.
    Security,
    /// Coming, going and looking: sessions, views, what the edge refused.
    Access,
    /// What became of messages.
    Delivery,
}

// === impl Class ===

impl Class {
    /// All classes.
    pub(crate) const ALL: [Self; 3] = [Self::Security, Self::Access, Self::Delivery];

    /// The name of the class.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Access => "access",
            Self::Delivery => "delivery",
        }
    }

    /// The class of an action. What is not known is kept as long as security.
    pub(crate) fn of(action: &str) -> Self {
        match action {
            "auth.login"
            | "auth.logout"
            | "audit.read"
            | "edge.refused"
            | "otp.due"
            | "service_account.token_issued" => Self::Access,
            _ if action.starts_with("session.") || action.ends_with("viewed") => Self::Access,
            _ if action.starts_with("notification.") => Self::Delivery,
            _ => Self::Security,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_a_class() {
        for (action, class) in [
            ("auth.login", Class::Access),
            ("session.stepped_up", Class::Access),
            ("user.viewed", Class::Access),
            ("edge.refused", Class::Access),
            ("notification.dead", Class::Delivery),
            ("auth.login_failed", Class::Security),
            ("access.refused", Class::Security),
            ("user.created", Class::Security),
            ("something.new", Class::Security),
        ] {
            assert_eq!(Class::of(action), class, "{action}");
        }
    }
}
