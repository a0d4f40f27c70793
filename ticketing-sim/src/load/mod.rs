//! A crowd of buyers on one hot session, in process, on a real store.

mod buyer;
mod connect;
mod gateway;
mod judge;
mod levels;
mod plan;
mod reason;
mod report;
mod story;

use std::{
    io::{BufWriter, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::{Clock, SystemClock},
    command::UpdateEvent,
    engine::{NewEvent, NewSession},
    event::EventStatus,
    ids::{EventId, SessionId},
    money::{Currency, Money},
    payment::PaymentStatus,
    session::limits,
    store::StoreError,
    waiting_room::QueuePolicy,
};

use self::{
    buyer::Shop,
    gateway::SimGateway,
    plan::Plan,
    report::{Report, Tally},
    story::Story,
};
use crate::{args::LoadArgs, error::SimError};

const OPERATOR: Caller = Caller::of(Actor::Operator);
const PRICE: Money = Money::new(55_000, Currency::KRW);
/// How long refunds may take after the last buyer has left.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at what has not settled.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Broken promises that are printed one by one.
const BROKEN_PRINTED_MAX: usize = 50;

/// What every round shares.
struct Run {
    engine: Ticketing,
    gateway: Arc<SimGateway>,
    clock: Arc<dyn Clock>,
    args: LoadArgs,
    history: Option<BufWriter<std::fs::File>>,
}

/// Runs the load and judges it.
///
/// # Errors
/// [`SimError::Broken`] when a promise was broken.
pub async fn run(args: LoadArgs) -> Result<(), SimError> {
    if u32::from(args.decline) + u32::from(args.abandon) + u32::from(args.late) > 100 {
        let text = "--decline, --abandon and --late are more than 100 in a hundred together";
        return Err(SimError::Usage(text.to_owned()));
    }
    let history = args.history.as_ref().map(|path| {
        let file = std::fs::File::create(path);
        file.map(BufWriter::new).map_err(|error| SimError::Usage(format!("{}: {error}", path.display())))
    });
    let history = history.transpose()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    anstream::eprintln!("seed {seed}");

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let gateway = Arc::new(SimGateway::default());
    let engine = connect::open(&args.store, Arc::clone(&clock), Arc::clone(&gateway)).await?;
    engine.start_workers();
    let json = args.json;
    let mut run = Run { engine, gateway, clock, args, history };
    let (mut rng, mut tally) = (Rng::with_seed(seed), Tally::new());
    for _ in 0..run.args.rounds {
        run.round(&mut rng, &mut tally).await?;
    }
    let verified = run.engine.verify().await?;
    run.engine.shutdown().await;
    print(&tally.finish(seed, verified), json)
}

impl Run {
    async fn round(&mut self, rng: &mut Rng, tally: &mut Tally) -> Result<(), SimError> {
        let event_id = self.publish().await?;
        let judged = self.sale(event_id, rng, tally).await;
        let archived = self.archive(event_id).await;
        judged.and(archived)
    }

    async fn sale(&mut self, event_id: EventId, rng: &mut Rng, tally: &mut Tally) -> Result<(), SimError> {
        let session_id = self.put_on_sale(event_id).await?;
        let plans: Vec<Plan> = (0..self.args.buyers).map(|_| Plan::draw(rng, &self.args)).collect();
        let begun = self.clock.now();
        let stories = self.sell(session_id, plans).await?;
        let elapsed = self.clock.now().since(begun);
        self.settle(&stories).await?;

        let mut shown = judge::by_history(&stories, self.args.stock);
        shown.complaints.extend(judge::by_the_end(&stories, &self.engine, &self.gateway, session_id).await?);
        let missing = || StoreError::corrupt(format_args!("{session_id} is missing"));
        let stats = self.engine.session_stats(session_id).await?.ok_or_else(missing)?;
        tally.add(&stories, elapsed, stats.stock, shown);
        self.record(&stories)
    }

    async fn publish(&self) -> Result<EventId, SimError> {
        let event = NewEvent {
            title: "Load".to_owned(),
            description: "Made by ticketing-sim".to_owned(),
            venue: "Nowhere".to_owned(),
            status: EventStatus::Published,
        };
        Ok(self.engine.create_event(OPERATOR, event).await?.id)
    }

    /// Takes the event off: in a store that real buyers use, nothing of a run stays on sale.
    async fn archive(&self, event_id: EventId) -> Result<(), SimError> {
        let change = UpdateEvent {
            caller: OPERATOR,
            id: event_id,
            title: None,
            description: None,
            venue: None,
            status: Some(EventStatus::Archived),
        };
        self.engine.update_event(change).await?;
        Ok(())
    }

    async fn put_on_sale(&self, event_id: EventId) -> Result<SessionId, SimError> {
        let start_at = self.engine.queries().now().await?.plus_seconds(86_400);
        let queue = QueuePolicy { admit_per_second: self.args.admit_per_second, ..QueuePolicy::default() };
        let session = NewSession {
            max_per_user: limits::QUANTITY_MAX,
            hold_ttl_seconds: self.args.hold_ttl_seconds,
            queue,
            ..NewSession::of(event_id, start_at, self.args.stock, PRICE)
        };
        Ok(self.engine.create_session(OPERATOR, session).await?.id)
    }

    async fn sell(&self, session_id: SessionId, plans: Vec<Plan>) -> Result<Vec<Story>, SimError> {
        let bar = progress(plans.len() as u64, self.args.json);
        let shop = Shop { engine: self.engine.clone(), session_id, clock: Arc::clone(&self.clock) };
        let buyers = plans.into_iter().map(|plan| tokio::spawn(buyer::buy(shop.clone(), plan)));
        let mut under_way = stream::iter(buyers).buffer_unordered(self.args.concurrency as usize);
        let mut stories = Vec::new();
        while let Some(story) = under_way.next().await {
            stories.push(story.map_err(|error| SimError::Broken(format!("a buyer failed: {error}")))?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(stories)
    }

    /// Waits until every refund that was promised has been made.
    async fn settle(&self, stories: &[Story]) -> Result<(), SimError> {
        let refunds = stories.iter().filter_map(|story| story.reported.as_ref()).filter(|told| told.refunded > 0);
        let deadline = self.clock.now().plus(SETTLED_WITHIN);
        for told in refunds {
            loop {
                let payment = self.engine.queries().payment(told.payment_id).await?;
                let open = payment.is_some_and(|payment| payment.status == PaymentStatus::RefundPending);
                if !open || self.clock.now() > deadline {
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    fn record(&mut self, stories: &[Story]) -> Result<(), SimError> {
        let Some(file) = &mut self.history else { return Ok(()) };
        let mut write = || -> std::io::Result<()> {
            for story in stories {
                serde_json::to_writer(&mut *file, story)?;
                file.write_all(b"\n")?;
            }
            file.flush()
        };
        write().map_err(|error| SimError::Usage(format!("the history cannot be written: {error}")))
    }
}

/// A bar on stderr, where somebody is looking.
fn progress(len: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} buyers, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print(report: &Report, json: bool) -> Result<(), SimError> {
    let text = if json {
        serde_json::to_string_pretty(report).map_err(|error| SimError::Usage(error.to_string()))?
    } else {
        format!("{}\n{}", report.tables(), report.verdict())
    };
    anstream::println!("{text}");
    let broken = report.broken();
    for promise in broken.iter().take(BROKEN_PRINTED_MAX) {
        anstream::eprintln!("{promise}");
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(SimError::Broken(format!(
        "{} broken; the same buyers come with --seed {}",
        report::counted(broken.len() as u64, "promise"),
        report.seed
    )))
}
