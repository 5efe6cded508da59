//! The kinds of messages: how they travel, what they say, which address they go to.

use denizen_rpc::otp::v1::Channel as WireChannel;
use denizen_rpc::users::internal::v1::Contact;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text message.
    Sms,
    /// Push message to a device.
    Push,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// Welcome, with link and code that prove the address.
    Welcome,
    /// Link and code that prove an e-mail address.
    VerifyEmail,
    /// Code that proves a mobile number.
    VerifyMobile,
    /// To the old address: another one stands now.
    EmailChanged,
    /// Another mobile number stands now.
    MobileChanged,
    /// The account was deleted.
    AccountDeleted,
    /// Link to a new password.
    ResetLink,
    /// Code for a new password.
    ResetCode,
    /// The password was changed.
    PasswordChanged,
    /// The password is off for a day.
    PasswordClosed,
    /// A code that was asked for.
    OtpCode,
    /// A code of the second factor.
    FactorCode,
    /// There is a second factor now.
    FactorEnabled,
    /// The second factor was removed.
    FactorDisabled,
    /// A recovery code was used instead of the second factor.
    RecoveryCodeUsed,
    /// A login from a device that was not known.
    NewDevice,
    /// The account was blocked.
    AccountBlocked,
    /// The account was suspended.
    AccountSuspended,
    /// The account may be used (again).
    AccountActivated,
    /// The account was deleted and is there again.
    AccountRestored,
    /// The copy of a person's data can be fetched.
    ExportReady,
    /// What a service wants said, in its own words. The only one that preferences and a restriction stop.
    Custom,
}

/// Which of a person's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// The one that stands.
    Current,
    /// The one that is yet to be proved.
    Pending,
    /// The one that stood before; kept sealed in the message.
    Old,
}

// === impl Channel ===

impl Channel {
    /// All channels.
    pub const ALL: [Self; 3] = [Self::Email, Self::Sms, Self::Push];

    /// The channel's name in tables, contracts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
        }
    }

    /// Its place among all.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Email => 0,
            Self::Sms => 1,
            Self::Push => 2,
        }
    }

    /// The channel of a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }

    /// The channel in contracts.
    pub const fn to_wire(self) -> WireChannel {
        match self {
            Self::Email => WireChannel::Email,
            Self::Sms => WireChannel::Sms,
            // No code goes that way.
            Self::Push => WireChannel::Unspecified,
        }
    }
}

// === impl Template ===

impl Template {
    /// All whose words are our own.
    pub const ALL: [Self; 21] = [
        Self::Welcome,
        Self::VerifyEmail,
        Self::VerifyMobile,
        Self::EmailChanged,
        Self::MobileChanged,
        Self::AccountDeleted,
        Self::ResetLink,
        Self::ResetCode,
        Self::PasswordChanged,
        Self::PasswordClosed,
        Self::OtpCode,
        Self::FactorCode,
        Self::FactorEnabled,
        Self::FactorDisabled,
        Self::RecoveryCodeUsed,
        Self::NewDevice,
        Self::AccountBlocked,
        Self::AccountSuspended,
        Self::AccountActivated,
        Self::AccountRestored,
        Self::ExportReady,
    ];

    /// The template's name in tables and file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::VerifyEmail => "verify_email",
            Self::VerifyMobile => "verify_mobile",
            Self::EmailChanged => "email_changed",
            Self::MobileChanged => "mobile_changed",
            Self::AccountDeleted => "account_deleted",
            Self::ResetLink => "reset_link",
            Self::ResetCode => "reset_code",
            Self::PasswordChanged => "password_changed",
            Self::PasswordClosed => "password_closed",
            Self::OtpCode => "otp_code",
            Self::FactorCode => "factor_code",
            Self::FactorEnabled => "factor_enabled",
            Self::FactorDisabled => "factor_disabled",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::NewDevice => "new_device",
            Self::AccountBlocked => "account_blocked",
            Self::AccountSuspended => "account_suspended",
            Self::AccountActivated => "account_activated",
            Self::AccountRestored => "account_restored",
            Self::ExportReady => "export_ready",
            Self::Custom => "custom",
        }
    }

    /// The template of a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Custom]).find(|template| template.as_str() == text)
    }

    /// Whether it can travel so.
    pub const fn travels_by(self, channel: Channel) -> bool {
        match channel {
            Channel::Email => !matches!(self, Self::VerifyMobile),
            Channel::Sms => matches!(
                self,
                Self::VerifyMobile
                    | Self::MobileChanged
                    | Self::ResetLink
                    | Self::ResetCode
                    | Self::OtpCode
                    | Self::FactorCode
                    | Self::Custom
            ),
            Channel::Push => matches!(self, Self::Custom),
        }
    }

    /// Whether it carries a code or a link: late it is worth nothing, and a deleted account gets none.
    pub const fn carries_secret(self) -> bool {
        matches!(
            self,
            Self::Welcome
                | Self::VerifyEmail
                | Self::VerifyMobile
                | Self::ResetLink
                | Self::ResetCode
                | Self::OtpCode
                | Self::FactorCode
        )
    }
}

// === impl AddressKind ===

impl AddressKind {
    /// The kind's name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Old => "old",
        }
    }

    /// The kind of a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Current, Self::Pending, Self::Old].into_iter().find(|kind| kind.as_str() == text)
    }

    /// The address of this kind that a contact names, if any. An old one is not theirs any more.
    ///
    /// The one to be proved is the pending one, or the present one while nobody has proved it.
    pub fn of(self, contact: &Contact, channel: Channel) -> Option<&str> {
        let (current, verified, pending) = match channel {
            Channel::Email => (&contact.email, contact.email_verified, &contact.pending_email),
            Channel::Sms => (&contact.mobile, contact.mobile_verified, &contact.pending_mobile),
            // A device has a token that its owner gave, and several have several.
            Channel::Push => return None,
        };
        let address = match self {
            Self::Current => current,
            Self::Pending if pending.is_empty() && !verified => current,
            Self::Pending => pending,
            Self::Old => return None,
        };
        Some(address.as_str()).filter(|address| !address.is_empty())
    }
}
