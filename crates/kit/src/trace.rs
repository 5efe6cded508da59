//! Traces: where in its trace a request is, and the spans that a process records of it.
//!
//! The context is the one of W3C Trace Context, whether a trace is recorded is decided where it begins (as the parent-based
//! sampler of OpenTelemetry does). A span holds what its maker puts into it: methods, templates and statuses, and
//! nothing of a person.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use crate::id::Numbers;

mod spans;

pub use spans::{BATCH, Kind, Record, Records, Span, Tracer, Value, count_dropped};

/// Flag of a trace that is recorded (W3C Trace Context §3.2.2.5.1).
const SAMPLED: u8 = 0b01;

/// The flags that go on: the one above, and that the id of the trace is random (level 2 of the same). The others must not.
const KNOWN: u8 = 0b11;

/// Where in which trace somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: NonZeroU128,
    span_id: NonZeroU64,
    flags: u8,
}

/// The share of the traces begun here that is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

// === impl TraceContext ===

impl TraceContext {
    /// Reads a `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>` (W3C Trace Context §3.2). A later version may have more after
    /// that.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = NonZeroU128::new(hex(parts.next()?, 32)?)?;
        let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        Some(Self { trace_id, span_id: NonZeroU64::new(span_id)?, flags: flags & KNOWN })
    }

    /// The trace.
    pub const fn trace_id(self) -> NonZeroU128 {
        self.trace_id
    }

    /// The span within it.
    pub const fn span_id(self) -> NonZeroU64 {
        self.span_id
    }

    /// The flags of the trace.
    pub const fn flags(self) -> u8 {
        self.flags
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The first span of a new trace.
    fn begin(numbers: &Numbers, share: Share) -> Self {
        let high = u128::from(numbers.draw()) << 64;
        let trace_id = NonZeroU128::new(high | u128::from(numbers.draw())).unwrap_or(NonZeroU128::MIN);
        let flags = if share.takes(trace_id) { SAMPLED } else { 0 };
        Self { trace_id, span_id: span_id(numbers), flags }
    }

    /// Another span of the same trace.
    fn next(self, numbers: &Numbers) -> Self {
        Self { span_id: span_id(numbers), ..self }
    }

    /// The same, recorded only within the share. By a number of our own: who sends the id of the trace may choose it.
    fn next_within(self, numbers: &Numbers, share: Share) -> Self {
        let next = self.next(numbers);
        let is_within = Self::begin(numbers, share).is_sampled();
        if is_within { next } else { Self { flags: next.flags & !SAMPLED, ..next } }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

fn span_id(numbers: &Numbers) -> NonZeroU64 {
    NonZeroU64::new(numbers.draw()).unwrap_or(NonZeroU64::MIN)
}

/// The number of exactly so many digits, in small letters as the header must have them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_plain { u128::from_str_radix(text, 16).ok() } else { None }
}

// === impl Share ===

impl Share {
    /// Whether the trace is within the share. It goes by the lower half of the id as others do, so that processes that
    /// decide for themselves decide alike (OpenTelemetry, `TraceIdRatioBased`).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit the mantissa")]
    fn takes(self, trace_id: NonZeroU128) -> bool {
        let bits = (trace_id.get() >> 11) & ((1 << 53) - 1);
        (bits as f64) / ((1_u64 << 53) as f64) < self.0
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err("write a share from 0 to 1, such as 0.1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_read_and_written() {
        let context = TraceContext::parse(GOOD).unwrap();
        assert_eq!(context.to_string(), GOOD);
        assert_eq!(context.trace_id().get(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.span_id().get(), 0xb7ad_6b71_6920_3331);
        assert!(context.is_sampled());
        let with_flags = |flags: &str| TraceContext::parse(&GOOD.replace("-01", flags)).unwrap();
        assert!(!with_flags("-00").is_sampled() && !with_flags("-02").is_sampled());
        assert_eq!(with_flags("-ff").flags(), 0b11, "those that nobody knows do not go on");
    }

    #[test]
    fn what_is_no_context_is_refused() {
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn of_a_later_version_the_known_part_counts() {
        let known = TraceContext::parse(GOOD);
        assert_eq!(TraceContext::parse(&GOOD.replacen("00-", "01-", 1)), known);
        assert_eq!(TraceContext::parse(&format!("{}-more", GOOD.replacen("00-", "cc-", 1))), known);
    }

    #[test]
    fn a_share_is_from_0_to_1() {
        for good in ["0", "1", "0.1", " 1.0 ", "1e-3"] {
            assert!(good.parse::<Share>().is_ok(), "{good}");
        }
        for bad in ["", "-0.1", "1.1", "NaN", "inf", "10%", "all"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_of_the_ids_is_taken() {
        let takes = |share: &str, low: u64| {
            let trace_id = NonZeroU128::new((7_u128 << 64) | u128::from(low)).unwrap();
            share.parse::<Share>().unwrap().takes(trace_id)
        };
        assert!(!takes("0", 0) && takes("1", u64::MAX));
        assert!(takes("0.5", u64::MAX / 2 - 2_000) && !takes("0.5", u64::MAX / 2 + 2_000));
        let numbers = Numbers::default();
        let tenth: Share = "0.1".parse().unwrap();
        let taken = (0..10_000).filter(|_| TraceContext::begin(&numbers, tenth).is_sampled()).count();
        assert!((700..1_300).contains(&taken), "{taken} of 10000");
    }
}
