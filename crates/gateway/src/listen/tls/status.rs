//! How long certificates hold, for operators.

use denizen_kit::time::{Timestamp, after};
use std::time::Duration;

use super::Tls;
use crate::state::Check;

/// How long before its end a certificate is a matter of concern: renewal should be long past.
const CONCERN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

// === impl Tls ===

impl Tls {
    /// Whether all certificates hold for a while.
    pub(crate) fn check(&self, now: Timestamp) -> Check {
        let mut worries: Vec<String> = self.acme.iter().flat_map(super::super::acme::Acme::worries).collect();
        for certificate in self.shelf.all() {
            let (name, end) = (certificate.name(), certificate.not_after);
            if end <= now {
                worries.push(format!("{name} ended at {end}"));
            } else if end <= after(now, CONCERN) {
                worries.push(format!("{name} ends at {end}"));
            }
        }
        let detail = if worries.is_empty() { "hold".to_owned() } else { worries.join("; ") };
        Check { name: "certificates".to_owned(), ok: worries.is_empty(), detail }
    }

    /// Tells the metrics until when each certificate holds, in Unix seconds.
    pub(crate) fn measure(&self) {
        for certificate in self.shelf.all() {
            let gauge = metrics::gauge!("denizen_certificate_expires_seconds", "name" => certificate.name().to_owned());
            #[expect(clippy::cast_precision_loss, reason = "Unix seconds are far below 2^52")]
            gauge.set(certificate.not_after.as_second() as f64);
        }
    }
}
