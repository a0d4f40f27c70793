//! The report for people.

use comfy_table::{ContentArrangement, Table, presets};
use ticketing_core::session::Stock;

use super::report::{Report, counted};
use crate::chaos::KindReport;

/// More sales than these are summed up.
const BOOKS_MAX: usize = 8;

/// Everything, one table under the other.
pub fn tables(report: &Report) -> String {
    let mut text = format!("{}\n{}", steps(report), sums(report));
    if let Some(faults) = &report.faults {
        text.push('\n');
        text.push_str(&self::faults(&faults.kinds).to_string());
    }
    text
}

fn steps(report: &Report) -> Table {
    let mut steps = table();
    steps.set_header(["step", "calls, with retries", "done", "p50", "p95", "p99", "max"]);
    for times in report.steps.iter().filter(|times| times.calls > 0) {
        let [p50, p95, p99, max] = [times.p50_micros, times.p95_micros, times.p99_micros, times.max_micros].map(millis);
        let (calls, done) = (times.calls.to_string(), times.done.to_string());
        steps.add_row([times.step.name().to_owned(), calls, done, p50, p95, p99, max]);
    }
    steps
}

fn sums(report: &Report) -> Table {
    let mut sums = table();
    let seconds = report.elapsed_millis as f64 / 1_000.0;
    sums.add_row([
        "buyers",
        &format!("{} in {}, {seconds:.2} s", report.buyers, counted(report.rounds.into(), "round")),
    ]);
    let once = "each counted once, however often it was asked for";
    sums.add_row(["holds acknowledged", &format!("{} ({:.0}/s), {once}", report.holds, report.holds_per_second)]);
    sums.add_row(["purchases", &format!("{} ({:.0}/s)", report.purchases, report.purchases_per_second)]);
    let rates = [
        ("paid, of holders who meant to", report.success_rate),
        ("paid, of places in the waiting room", report.token_to_paid_rate),
        ("calls asked again", report.retry_rate),
        ("calls failed or lost", report.failure_rate),
    ];
    for (name, rate) in rates {
        if let Some(rate) = rate {
            sums.add_row([name, &percent(rate)]);
        }
    }
    if let Some(wait) = &report.queue_wait {
        let [p50, p95, max] = [wait.p50_micros, wait.p95_micros, wait.max_micros].map(millis);
        let text = format!("p50 {p50}, p95 {p95}, longest {max}, {} admitted", wait.admitted);
        sums.add_row(["wait from place to turn", &text]);
    }
    for (reason, count) in &report.refusals {
        sums.add_row([format!("refused: {reason}"), count.to_string()]);
    }
    for (error, count) in &report.failures {
        sums.add_row([format!("failed: {error}"), count.to_string()]);
    }
    let lost = format!("{}, {} of them never learnt", report.unknown, report.unresolved);
    sums.add_row(["answers lost", &lost]);
    if report.stock.len() <= BOOKS_MAX {
        for stock in &report.stock {
            let Stock { total, available, held, sold } = stock;
            sums.add_row(["stock", &format!("{total} = {available} available + {held} held + {sold} sold")]);
        }
    } else {
        let sold_out = report.stock.iter().filter(|stock| stock.available == 0).count();
        sums.add_row(["sales sold or held out", &format!("{sold_out} of {}", report.stock.len())]);
    }
    if let Some(taken) = report.taken {
        let text = format!("{}, {} given back", counted(taken.captured, "payment"), taken.given_back);
        sums.add_row(["taken, by the gateway's own books", &text]);
    }
    let broken = format!("{} / {} / {}", report.oversold, report.double_payments, report.inversions);
    sums.add_row(["oversold / paid twice / out of line", &broken]);
    sums.add_row(["seed", &report.seed.to_string()]);
    sums
}

fn faults(kinds: &[KindReport]) -> Table {
    let mut faults = table();
    faults.set_header(["fault", "times", "well again after, median", "longest"]);
    for kind in kinds {
        let [median, longest] = recovery(kind);
        faults.add_row([kind.name.to_owned(), kind.count.to_string(), median, longest]);
    }
    faults
}

/// How soon all was well again after faults of a kind, where somebody asked: the median, and the longest.
pub fn recovery(kind: &KindReport) -> [String; 2] {
    match &kind.recovery {
        Some(recovery) => [recovery.p50_millis, recovery.max_millis].map(|millis| format!("{millis} ms")),
        None => ["–", "–"].map(str::to_owned),
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// A time, in milliseconds or in seconds.
pub fn millis(micros: u64) -> String {
    let millis = micros as f64 / 1_000.0;
    match millis {
        long if long >= 1_000.0 => format!("{:.2} s", long / 1_000.0),
        middling if middling >= 100.0 => format!("{middling:.0} ms"),
        _ => format!("{millis:.2} ms"),
    }
}

/// Hundredths.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
