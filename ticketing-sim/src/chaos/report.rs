//! What broke, how often, and how soon it was over.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Fault, Kind};

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
    /// From the repair until every server wrote again: half of the time no longer than this.
    pub recovery_p50_millis: u64,
    /// And never longer than this.
    pub recovery_max_millis: u64,
    /// Those that were not over in half a minute.
    pub never_recovered: u64,
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
        let recoveries = faults.iter().filter_map(|fault| fault.recovery());
        let mut millis: Vec<_> = recoveries.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)).collect();
        millis.sort_unstable();
        Self {
            kind,
            name: kind.name(),
            count: faults.len() as u64,
            recovery_p50_millis: millis.get(millis.len().saturating_sub(1) / 2).copied().unwrap_or(0),
            recovery_max_millis: millis.last().copied().unwrap_or(0),
            never_recovered: (faults.len() - millis.len()) as u64,
        }
    }
}
