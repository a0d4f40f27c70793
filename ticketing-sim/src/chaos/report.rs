//! What broke, how often, and how soon it was over.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Fault, Kind, fault::Recovery};

/// All faults of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultReport {
    /// How many there were.
    pub total: u64,
    /// By kind.
    pub kinds: Vec<KindReport>,
}

/// All faults of a kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindReport {
    /// Which.
    pub kind: Kind,
    /// Its name in tables.
    #[serde(skip)]
    pub name: &'static str,
    /// How often.
    pub count: u64,
    /// How soon all was well again; `None` for a kind of which nobody asked that.
    pub recovery: Option<RecoveryReport>,
}

/// From the repair until every server wrote again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryReport {
    /// Half of the time no longer than this.
    pub p50_millis: u64,
    /// And never longer than this.
    pub max_millis: u64,
    /// Those that were not over in half a minute.
    pub never: u64,
}

impl FaultReport {
    /// `None` when nothing broke.
    pub fn of(faults: &[Fault]) -> Option<Self> {
        let mut by_kind: BTreeMap<Kind, Vec<&Fault>> = BTreeMap::new();
        for fault in faults {
            by_kind.entry(fault.kind).or_default().push(fault);
        }
        let kinds: Vec<_> = by_kind.into_iter().map(|(kind, faults)| KindReport::of(kind, &faults)).collect();
        (!kinds.is_empty()).then_some(Self { total: faults.len() as u64, kinds })
    }
}

impl KindReport {
    fn of(kind: Kind, faults: &[&Fault]) -> Self {
        let recovery = kind.is_probed().then(|| RecoveryReport::of(faults));
        Self { kind, name: kind.name(), count: faults.len() as u64, recovery }
    }
}

impl RecoveryReport {
    fn of(faults: &[&Fault]) -> Self {
        let recoveries = faults.iter().filter_map(|fault| fault.recovered_after());
        let mut millis: Vec<_> = recoveries.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)).collect();
        millis.sort_unstable();
        Self {
            p50_millis: millis.get(millis.len().saturating_sub(1) / 2).copied().unwrap_or(0),
            max_millis: millis.last().copied().unwrap_or(0),
            never: faults.iter().filter(|fault| fault.recovery == Recovery::Never).count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use ticketing_core::clock::Timestamp;

    use super::*;
    use crate::chaos::fault::{GatewayFault, ServerFault};

    #[test]
    fn how_soon_all_was_well_again_is_told_of_kinds_that_are_probed() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let fault = |kind, recovery| Fault { kind, begun: at(0), healed: at(1), recovery };
        let (kill, lose) = (Kind::Server(ServerFault::Kill), Kind::Gateway(GatewayFault::LoseReplies));
        let faults = [
            fault(lose, Recovery::NotProbed),
            fault(kill, Recovery::At(at(5))),
            fault(kill, Recovery::Never),
            fault(kill, Recovery::At(at(3))),
        ];
        let report = FaultReport::of(&faults).unwrap();
        let told: Vec<_> = report.kinds.iter().map(|kind| (kind.kind, kind.count, kind.recovery.as_ref())).collect();
        let recovery = RecoveryReport { p50_millis: 2_000, max_millis: 4_000, never: 1 };
        assert_eq!(told, [(kill, 3, Some(&recovery)), (lose, 1, None)]);
    }
}
