//! The server's settings.

use super::{PostgresStore, flight::Query};
use crate::{Finding, Level, OpenOptions, Role};

/// The settings that decide whether what was acknowledged survives.
const SETTINGS: &str = "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes'), \
     current_setting('synchronous_commit'), current_setting('max_connections')::bigint, \
     (SELECT count(*) FROM pg_stat_activity), pg_is_in_recovery()";

/// Of all connections, so many may be taken before it is worth a word, in percent.
const CONNECTIONS_PERCENT_MAX: i64 = 80;

pub(crate) async fn look_at(url: &str) -> Vec<Finding> {
    let unread = |error: &dyn std::fmt::Display| {
        vec![Finding::new("durability", Level::Fail, format!("the server's settings cannot be read: {error}"))]
    };
    let store = match PostgresStore::open(url, OpenOptions::new(Role::Tool)) {
        Ok(store) => store,
        Err(error) => return unread(&error),
    };
    let rows = match store.rows("reading settings", Query::new(SETTINGS, Vec::new())).await {
        Ok(rows) => rows,
        Err(error) => return unread(&error),
    };
    let Some(row) = rows.first() else { return unread(&"no answer") };
    let text = |at: usize| row.try_get::<_, &str>(at).unwrap_or("unknown");
    let mut findings = vec![Finding::new("server", Level::Ok, format!("Postgres {}", text(0)))];
    for (at, name, lost) in [
        (1, "fsync", "a crash of the machine may lose or garble everything"),
        (2, "full_page_writes", "a crash of the machine may leave torn pages"),
        (3, "synchronous_commit", "the engine sets it for its own writes, so nothing it acknowledges is lost"),
    ] {
        let value = text(at);
        let level = match (value, at) {
            ("off", 3) => Level::Warn,
            ("off", _) => Level::Fail,
            _ => Level::Ok,
        };
        let advice = if level == Level::Ok { String::new() } else { format!(": {lost}; turn it on") };
        findings.push(Finding::new("durability", level, format!("{name} is {value}{advice}")));
    }
    let (most, taken): (i64, i64) = (row.try_get(4).unwrap_or(0), row.try_get(5).unwrap_or(0));
    let busy = most > 0 && taken * 100 > most * CONNECTIONS_PERCENT_MAX;
    let (level, advice) =
        if busy { (Level::Warn, ": raise max_connections or run fewer nodes") } else { (Level::Ok, "") };
    findings.push(Finding::new("connections", level, format!("{taken} of {most} are taken{advice}")));
    if row.try_get(6).unwrap_or(false) {
        let detail = "this server only replays another one's writes: name the primary first in the URL";
        findings.push(Finding::new("server", Level::Fail, detail));
    }
    findings
}
