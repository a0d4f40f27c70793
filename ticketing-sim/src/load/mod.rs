//! A crowd of buyers on one hot session, in process or over HTTP, judged from outside.

pub mod args;
mod background;
mod buyer;
mod entrance;
mod history;
mod html;
mod judge;
mod levels;
mod plan;
mod report;
mod sale;
mod scene;
mod shares;
pub mod shop;
mod story;
mod tables;
mod tally;
mod timeline;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
    sync::Arc,
};

use fastrand::Rng;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ticketing_core::clock::{Clock, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

use self::{
    args::LoadArgs,
    history::History,
    report::{Report, counted},
    sale::Round,
    scene::{Pattern, Scene},
    shop::Shop,
    tally::Tally,
};
use crate::{chaos::Site, error::SimError};

/// Broken promises that are printed one by one.
const BROKEN_PRINTED_MAX: usize = 50;
/// About how long one sale lasts under faults, so that many are sold out.
const CHAOS_ROUND_SECONDS: u32 = 20;
/// How many tickets there are for each one that is wanted, under faults: scarce, and not at once gone.
const CHAOS_STOCK_SHARE: f64 = 0.4;

/// Runs the load and judges it. Whoever interrupts it ends everything that it has started.
///
/// # Errors
/// [`SimError::Broken`] when a promise was broken.
pub async fn run(args: LoadArgs) -> Result<(), SimError> {
    let interrupted = interrupted().map_err(|error| SimError::Usage(format!("no signals can be heard: {error}")))?;
    tokio::select! {
        biased;
        () = interrupted => Err(SimError::Interrupted),
        ended = sell(args) => ended,
    }
}

/// Ends with the first SIGINT or SIGTERM.
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn sell(args: LoadArgs) -> Result<(), SimError> {
    let scene = Scene::of(&args)?;
    entrance::check(&args, &scene)?;
    let mut history = args.history.as_deref().map(History::create).transpose()?;
    // Before anything is done: a wrong path must not cost a run.
    let page = args.html.as_deref().map(page).transpose()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    anstream::eprintln!("seed {seed}");

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (mut rng, mut tally) = (Rng::with_seed(seed), Tally::new(clock.now()));
    let mut site = if args.chaos.chaos { Some(Site::start(&args.chaos).await?) } else { None };
    let shop = enter(&args, site.as_ref()).await?;
    let rounds = rounds(&args, &scene, site.is_some());
    let bar = progress(rounds.iter().map(|round| u64::from(round.buyers)).sum(), args.json);
    for scene in &rounds {
        let mut round = Round { shop: &shop, scene, clock: &clock, rng: &mut rng, bar: &bar };
        let held = round.hold(site.as_mut()).await?;
        if let Some(history) = &mut history {
            history.write(&held.stories)?;
        }
        tally.add(held);
    }
    bar.finish_and_clear();
    let verified = shop.verify().await?;
    let taken = shop.taken();
    // Once for all sales: what one of them leads to may come after it.
    tally.add_complaints_of_the_gateway(&shop.complaints_of_the_gateway());
    shop.leave().await;
    let report = tally.finish(seed, &scene, verified, taken);
    if let Some(site) = site {
        site.end(report.broken().is_empty());
    }
    let printed = print(&report, args.json);
    if let Some(mut page) = page {
        let written = page.write_all(html::page(&report, tally.timeline()).as_bytes());
        written.map_err(|error| SimError::Usage(format!("the page cannot be written: {error}")))?;
    }
    printed
}

fn page(path: &Path) -> Result<File, SimError> {
    File::create(path).map_err(|error| SimError::Usage(format!("{}: {error}", path.display())))
}

async fn enter(args: &LoadArgs, site: Option<&Site>) -> Result<Shop, SimError> {
    match (&args.store, site) {
        (_, Some(site)) => Shop::http(site.entrance()?).await,
        (Some(url), None) => Shop::engine(url).await,
        (None, None) => {
            let entrance = entrance::of(args)?;
            if entrance.accounts.is_slow() {
                anstream::eprintln!(
                    "every buyer signs up and logs in first; --jwt-secret-file would make that unnecessary"
                );
            }
            Shop::http(entrance).await
        }
    }
}

/// The sales of a run. Under faults there are many short ones, each with fewer tickets than are wanted.
fn rounds(args: &LoadArgs, scene: &Scene, chaos: bool) -> Vec<Scene> {
    let Pattern::Steady { rate } = scene.pattern else { return vec![scene.clone(); args.rounds as usize] };
    if !chaos {
        return vec![scene.clone(); args.rounds as usize];
    }
    let seconds = scene.buyers.div_ceil(rate);
    let count = seconds.div_ceil(CHAOS_ROUND_SECONDS).max(1);
    let buyers = (scene.buyers / count).max(1);
    let wanted = f64::from(buyers) * f64::from(scene.quantity.start() + scene.quantity.end()) / 2.0;
    let stock = args.stock.unwrap_or((wanted * CHAOS_STOCK_SHARE).ceil() as i64);
    vec![Scene { buyers, stock, ..scene.clone() }; count as usize]
}

/// A bar on stderr, where somebody is looking.
fn progress(len: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr());
    let template = "{elapsed_precise} {bar:40} {pos}/{len} buyers, {per_sec}, {eta} left {msg}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print(report: &Report, json: bool) -> Result<(), SimError> {
    let text = if json {
        serde_json::to_string_pretty(report).map_err(|error| SimError::Usage(error.to_string()))?
    } else {
        format!("{}\n{}", tables::tables(report), report.verdict())
    };
    anstream::println!("{text}");
    let broken = report.broken();
    for promise in broken.iter().take(BROKEN_PRINTED_MAX) {
        anstream::eprintln!("{promise}");
    }
    if !broken.is_empty() {
        return Err(SimError::Broken(format!(
            "{} broken; the same buyers come with --seed {}",
            counted(broken.len() as u64, "promise"),
            report.seed
        )));
    }
    match report.missed() {
        missed if missed.is_empty() => Ok(()),
        missed => Err(SimError::Missed(missed.join("; "))),
    }
}
