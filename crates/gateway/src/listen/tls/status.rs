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

    /// Tells the metrics until when each certificate holds, in Unix seconds, and which have gone.
    pub(crate) fn measure(&self) {
        let gauge = |name: String| metrics::gauge!("denizen_certificate_expires_seconds", "name" => name);
        let certificates = self.shelf.all();
        for certificate in &certificates {
            #[expect(clippy::cast_precision_loss, reason = "Unix seconds are far below 2^52")]
            gauge(certificate.name().to_owned()).set(certificate.not_after.as_second() as f64);
        }
        let names = certificates.iter().map(|certificate| certificate.name().to_owned()).collect();
        for name in self.measured.replace(names) {
            gauge(name).set(f64::NAN);
        }
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::config::Settings;
    use denizen_tls::Certificate;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::listen::SocketConfig;

    fn certificate(name: &str) -> Certificate {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        Certificate::parse(name, chain.as_bytes(), key.as_bytes()).unwrap()
    }

    #[test]
    fn a_certificate_that_has_gone_is_no_number() {
        let tls = Tls::open(&SocketConfig::read(&mut Settings::load("", [])), None).unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let shown = |certificates: &[&Certificate]| {
            tls.take_acme(certificates.iter().copied().cloned().collect());
            metrics::with_local_recorder(&recorder, || tls.measure());
            recorder.handle().render()
        };
        let line = |name: &str, value: &str| {
            format!("denizen_certificate_expires_seconds{{name=\"{name}\"}} {value}\n")
        };
        let (a, b) = (certificate("a.test"), certificate("b.test"));
        let end = |certificate: &Certificate| certificate.not_after.as_second().to_string();
        let both = shown(&[&a, &b]);
        assert!(
            both.contains(&line("a.test", &end(&a))) && both.contains(&line("b.test", &end(&b))),
            "{both}"
        );
        let one = shown(&[&b]);
        assert!(one.contains(&line("a.test", "NaN")) && one.contains(&line("b.test", &end(&b))), "{one}");
        let again = shown(&[&a]);
        assert!(
            again.contains(&line("a.test", &end(&a))) && again.contains(&line("b.test", "NaN")),
            "{again}"
        );
    }
}
