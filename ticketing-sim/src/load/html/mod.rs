//! The report as a page that is whole in itself: nothing is loaded, nothing is run.

mod chart;
mod lanes;
mod scale;

use std::fmt::Write as _;

use self::chart::{Chart, Shape};
use super::{
    report::{Report, counted},
    story::Step,
    tables::{millis, percent, recovery},
    timeline::{Series, Timeline},
};

const STYLE: &str = include_str!("page.css");
/// Broken promises that are listed.
const BROKEN_MAX: usize = 20;
/// Reasons of refusals that have a colour of their own.
const REASONS_MAX: usize = 7;

/// Slices of time that make a course.
const SLICES_MIN: usize = 3;
/// Which of the style's colours series have, in turn.
const COLOURS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
/// Of what is sold, held, and left.
const STOCK_COLOURS: [usize; 3] = [0, 1, 6];

/// The page.
pub fn page(report: &Report, timeline: &Timeline) -> String {
    let under = if report.faults.is_some() { ", under faults" } else { "" };
    let title = format!("Load: {}{under}, {}", report.scenario, counted(report.buyers, "buyer"));
    let seconds = report.elapsed_millis as f64 / 1_000.0;
    let sub = format!("{} in {seconds:.1} s, seed {}", counted(report.rounds.into(), "sale"), report.seed);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n<main>\n\
         <h1>{title}</h1>\n<p class=\"sub\">{sub}</p>\n"
    );
    page.push_str(&verdict(report));
    page.push_str(&tiles(report));
    page.push_str("<h2>Over time</h2>\n<div class=\"plots\">\n");
    page.push_str(&plots(timeline));
    page.push_str("</div>\n");
    if !timeline.faults().is_empty() {
        page.push_str(&lanes::render(timeline.faults(), timeline.length()));
    }
    page.push_str("<h2>Calls</h2>\n");
    page.push_str(&calls(report));
    page.push_str(&answers(report));
    page.push_str(&faults(report));
    page.push_str(
        "<footer>Latencies count from when a call was due, not from when it was sent. Shaded: a fault, until every \
         server wrote again, or one of the gateway until it was repaired. Made by \
         ticketing-sim.</footer>\n</main>\n</html>\n",
    );
    page
}

fn verdict(report: &Report) -> String {
    let verdict = report.verdict();
    let (word, rest) = verdict.split_once(':').unwrap_or((&verdict, ""));
    let broken = report.broken();
    let listed: Vec<_> = broken.iter().take(BROKEN_MAX).cloned().chain(report.missed()).collect();
    let class = if listed.is_empty() { "verdict" } else { "verdict bad" };
    let mut html = format!("<div class=\"{class}\"><strong>{word}</strong>{}", escape(rest));
    if !listed.is_empty() {
        html.push_str("<ul>");
        for line in &listed {
            push(&mut html, format_args!("<li>{}</li>", escape(line)));
        }
        html.push_str("</ul>");
    }
    html.push_str("</div>\n");
    html
}

fn tiles(report: &Report) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), percent);
    let p95 = |step| report.step(step).map_or_else(|| "–".to_owned(), |times| millis(times.p95_micros));
    let wait = report.queue_wait.as_ref().map_or_else(|| "–".to_owned(), |wait| millis(wait.p95_micros));
    let tiles = [
        (report.oversold.to_string(), "tickets oversold"),
        (report.double_payments.to_string(), "paid twice"),
        (report.inversions.to_string(), "served out of line"),
        (format!("{} / {}", report.unknown, report.unresolved), "answers lost / never learnt"),
        (rate(report.success_rate), "paid, of holders who meant to"),
        (rate(report.token_to_paid_rate), "paid, of places in line"),
        (rate(report.retry_rate), "calls asked again"),
        (rate(report.failure_rate), "calls failed or lost"),
        (p95(Step::Hold), "hold, p95"),
        (p95(Step::Callback), "callback, p95"),
        (wait, "place to turn, p95"),
        (format!("{:.0}/s", report.holds_per_second), "holds"),
    ];
    let mut html = "<div class=\"tiles\">\n".to_owned();
    for (figure, name) in tiles {
        push(&mut html, format_args!("<div class=\"tile\"><b>{figure}</b><span>{name}</span></div>\n"));
    }
    html.push_str("</div>\n");
    html
}

fn plots(timeline: &Timeline) -> String {
    let mut html = String::new();
    let mut plot = |title: &str, unit: &str, shape: Shape, colours: &[usize], series: Vec<Series>| {
        if series.iter().any(|series| series.points.iter().flatten().any(|(_, value)| *value > 0.0)) {
            let (length, faults) = (timeline.length(), timeline.faults());
            let chart = Chart { title, unit, shape, series: &series, colours, length, faults };
            html.push_str(&chart.render(timeline.slice()));
        }
    };
    for step in [Step::Hold, Step::Callback, Step::Read, Step::Join] {
        // What happened at one moment only has no course.
        let latencies = timeline.latencies(step);
        if latencies.iter().any(|series| series.points.len() >= SLICES_MIN) {
            let title = format!("Latency of {}", step.name());
            plot(&title, "ms, from when it was due; logarithmic", Shape::Logarithmic, &COLOURS, latencies);
        }
    }
    plot("Throughput", "answers per second", Shape::Lines, &COLOURS, timeline.throughput());
    let stock = vec![
        timeline.numbers("sold", |sample| sample.numbers.stock.sold as f64),
        timeline.numbers("held", |sample| sample.numbers.stock.held as f64),
        timeline.numbers("available", |sample| sample.numbers.stock.available as f64),
    ];
    plot("Stock of the session on sale", "tickets", Shape::Stacked, &STOCK_COLOURS, stock);
    let queue = vec![
        timeline.numbers("waiting", |sample| sample.numbers.waiting as f64),
        timeline.numbers("admitted, still to buy", |sample| sample.numbers.active as f64),
    ];
    plot("Waiting room", "people", Shape::Lines, &COLOURS, queue);
    let mut refusals = timeline.refusals();
    refusals.truncate(REASONS_MAX);
    plot("Refusals by reason", "answers per second", Shape::Stacked, &COLOURS, refusals);
    html
}

fn calls(report: &Report) -> String {
    let mut html =
        "<div class=\"wide\"><table>\n<tr><th>step<th class=\"n\">calls<th class=\"n\">done<th class=\"n\">p50\
                    <th class=\"n\">p95<th class=\"n\">p99<th class=\"n\">longest</tr>\n"
            .to_owned();
    for times in report.steps.iter().filter(|times| times.calls > 0) {
        push(&mut html, format_args!("<tr><td>{}", times.step.name()));
        let [p50, p95, p99, max] = [times.p50_micros, times.p95_micros, times.p99_micros, times.max_micros].map(millis);
        for cell in [times.calls.to_string(), times.done.to_string(), p50, p95, p99, max] {
            push(&mut html, format_args!("<td class=\"n\">{cell}"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
    html
}

fn answers(report: &Report) -> String {
    if report.refusals.is_empty() && report.failures.is_empty() {
        return String::new();
    }
    let mut html = "<h2>Refused and failed</h2>\n<div class=\"wide\"><table>\n<tr><th>answer<th>kind<th class=\"n\">\
                    times</tr>\n"
        .to_owned();
    let refused = report.refusals.iter().map(|(reason, count)| (reason, "a rule said no", count));
    let failed = report.failures.iter().map(|(reason, count)| (reason, "nothing done, asked again", count));
    for (reason, kind, count) in refused.chain(failed) {
        push(&mut html, format_args!("<tr><td>{}<td>{kind}<td class=\"n\">{count}</tr>\n", escape(reason)));
    }
    html.push_str("</table></div>\n");
    html
}

fn faults(report: &Report) -> String {
    let Some(faults) = &report.faults else { return String::new() };
    let mut html =
        "<h2>Faults</h2>\n<div class=\"wide\"><table>\n<tr><th>fault<th class=\"n\">times<th class=\"n\">well \
                    again after, median<th class=\"n\">longest</tr>\n"
            .to_owned();
    for kind in &faults.kinds {
        let (name, count, [median, longest]) = (kind.name, kind.count, recovery(kind));
        push(
            &mut html,
            format_args!(
                "<tr><td>{name}<td class=\"n\">{count}<td class=\"n\">{median}<td class=\"n\">{longest}</tr>\n"
            ),
        );
    }
    html.push_str("</table></div>\n");
    html
}

/// Text as it may stand in a page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn push(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text).expect("a string takes more text");
}
