//! Why a text is not taken as a hash.

/// The forms that are taken, as a refusal lists them.
const FORMS: &str = "\
    $argon2id$, $argon2i$, $argon2d$; $2a$, $2b$, $2y$, $bcrypt-sha256$; $pbkdf2-sha256$, $pbkdf2-sha512$, $pbkdf2$; \
    $scrypt$, $fbscrypt$ (Firebase); $1$, $5$, $6$; Django's pbkdf2_sha256$, pbkdf2_sha1$, argon2$, bcrypt$, \
    bcrypt_sha256$, scrypt$, sha1$, md5$; {SSHA}, {SSHA256}, {SSHA512}, {CRYPT}; Keycloak's JSON";

/// Why a text is not taken as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has none of the forms.
    Unsupported,
    /// It costs more than the named limit.
    TooCostly(&'static str),
    /// It has less salt or fewer bytes than the named least.
    TooWeak(&'static str),
    /// Its password was mixed under a pepper that is not in the settings.
    UnknownPepper,
}

// === impl Refusal ===

impl Refusal {
    /// Its stable word.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::TooCostly(_) => "too_costly",
            Self::TooWeak(_) => "too_weak",
            Self::UnknownPepper => "unknown_pepper",
        }
    }

    /// What is wrong, and what to do.
    pub(crate) fn detail(self) -> String {
        match self {
            Self::Unsupported => format!("this is no hash in a form that is taken: {FORMS}"),
            Self::TooCostly(limit) => {
                format!("this hash costs more than is allowed: {limit}; let its owner set a new password")
            }
            Self::UnknownPepper => {
                "this hash was made with a pepper that is not known here; add it to password.pepper"
                    .to_owned()
            }
            Self::TooWeak(least) => {
                format!("this hash has less than is needed: {least}; let its owner set a new password")
            }
        }
    }
}
