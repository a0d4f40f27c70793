//! Trace ids: taken from `traceparent` (W3C Trace Context), else fresh.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};
use ticketing_core::{
    audit::{TraceContext, TraceId},
    clock::Timestamp,
    ids::IdGen,
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where fresh trace ids come from. They are unique, and unlike each other, but no secret.
#[derive(Debug)]
pub(crate) struct TraceIds {
    seed: u64,
    next: AtomicU64,
}

impl TraceIds {
    pub(crate) fn new(ids: &dyn IdGen, now: Timestamp) -> Self {
        let (high, low) = ids.uuid(now).as_u64_pair();
        Self { seed: mix(high ^ low.rotate_left(32)), next: AtomicU64::new(low) }
    }

    /// The trace a request belongs to, and the caller's span in it.
    pub(crate) fn of(&self, headers: &HeaderMap) -> (TraceId, Option<TraceContext>) {
        let text = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let given = text.and_then(|text| text.parse::<TraceContext>().ok());
        (given.map_or_else(|| self.fresh(), |given| given.trace_id), given)
    }

    fn fresh(&self) -> TraceId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // `mix` is one-to-one, so the low half alone never repeats.
        let (high, low) = (mix(self.seed ^ number), mix(number));
        TraceId((u128::from(high) << 64 | u128::from(low)).max(1))
    }
}

/// The finaliser of SplitMix64: a permutation whose outputs look random.
pub(super) const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A trace id as a header's value.
pub(crate) fn header_value(trace_id: TraceId) -> http::HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (place, digit) in text.iter_mut().enumerate() {
        *digit = DIGITS[(trace_id.0 >> (124 - 4 * place) & 15) as usize];
    }
    http::HeaderValue::from_bytes(&text).expect("hex digits are fit for a header")
}

#[cfg(test)]
mod tests {
    use ticketing_core::ids::RandomIds;

    use super::*;

    #[test]
    fn a_valid_traceparent_names_the_trace_and_another_header_none() {
        let ids = TraceIds::new(&RandomIds::new(), Timestamp::from_micros(1));
        let of = |text: &'static [u8]| {
            let value = http::HeaderValue::from_bytes(text).unwrap();
            ids.of(&HeaderMap::from_iter([(TRACEPARENT, value)]))
        };
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (trace_id, given) = of(text.as_bytes());
        assert_eq!(given.unwrap().to_string(), text);
        assert_eq!(header_value(trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in [&b"00"[..], b"\xff\xff"] {
            assert_eq!(of(bad).1, None, "{bad:?}");
        }
    }

    #[test]
    fn fresh_trace_ids_differ() {
        let ids = TraceIds::new(&RandomIds::new(), Timestamp::from_micros(1));
        let mut made: Vec<_> = (0..1000).map(|_| ids.fresh().0).collect();
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), 1000);
    }
}
