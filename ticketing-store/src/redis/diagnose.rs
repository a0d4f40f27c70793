//! The server's settings, for an operator.

use ticketing_core::store::Durability;

use super::{
    client::Client,
    open,
    settings::{Found, Risk},
};
use crate::{Finding, Level, OpenOptions, Role};

/// Of all memory, so much may be taken before it is worth a word, in percent.
const MEMORY_PERCENT_MAX: u64 = 80;

pub(crate) async fn look_at(url: &str) -> Vec<Finding> {
    let unread = |error: &dyn std::fmt::Display| {
        vec![Finding::new("durability", Level::Fail, format!("the server cannot be asked: {error}"))]
    };
    let store = match open(url, OpenOptions::new(Role::Tool)) {
        Ok(store) => store,
        Err(error) => return unread(&error),
    };
    let halt = match store.key_value().halt().await {
        Ok(halt) => halt,
        Err(error) => return unread(&error),
    };
    let Some(found) = Found::read(store.key_value().client()).await else {
        return unread(&"it does not answer");
    };
    let mut findings = vec![Finding::new("server", Level::Ok, format!("Redis {}", found.version))];
    findings.extend(halt.map(|why| Finding::new("ledger", Level::Fail, why)));
    let survives = match found.durability() {
        Durability::Disk => "what was acknowledged is on disk (appendfsync always)",
        Durability::Seconds => "what was acknowledged is on disk within seconds",
        _ => "nothing survives a crash of Redis",
    };
    let risks = found.risks();
    if !risks.iter().any(|risk| matches!(risk, Risk::NoLog | Risk::LateLog)) {
        findings.push(Finding::new("durability", Level::Ok, survives));
    }
    for risk in risks {
        let level = match risk {
            Risk::NoLog | Risk::Evicts => Level::Fail,
            Risk::LateLog | Risk::LoneWrites => Level::Warn,
        };
        findings.push(Finding::new("durability", level, risk.to_string()));
    }
    findings.push(memory(&found));
    findings
}

/// Looks at the Redis that keeps waiting rooms and limits alone.
pub(crate) async fn look_at_rooms(url: &str) -> Vec<Finding> {
    let finding = |level, detail: String| vec![Finding::new("queue", level, detail)];
    let client = match Client::open(url) {
        Ok(client) => client,
        Err(detail) => return finding(Level::Fail, format!("its URL {detail}")),
    };
    let Some(found) = Found::read(&client).await else {
        return finding(Level::Fail, "the waiting room's Redis does not answer: nobody new is admitted".to_owned());
    };
    if found.evicts_what_ends() {
        let policy = &found.maxmemory_policy;
        let detail = format!(
            "maxmemory-policy {policy} drops a line when memory is short, and nobody is told; set maxmemory-policy \
             noeviction"
        );
        return finding(Level::Fail, detail);
    }
    finding(Level::Ok, format!("Redis {} keeps every line while there is memory", found.version))
}

fn memory(found: &Found) -> Finding {
    const MIB: u64 = 1 << 20;
    let used = found.used_memory / MIB;
    if found.maxmemory == 0 {
        let detail = format!("{used} MiB are taken, without a limit: a purchase takes some 6 KB");
        return Finding::new("memory", Level::Ok, detail);
    }
    let detail = format!("{used} of {} MiB are taken", found.maxmemory / MIB);
    if found.used_memory.saturating_mul(100) > found.maxmemory.saturating_mul(MEMORY_PERCENT_MAX) {
        Finding::new("memory", Level::Warn, format!("{detail}: without room, nothing is written"))
    } else {
        Finding::new("memory", Level::Ok, detail)
    }
}
