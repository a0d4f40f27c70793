//! `ticketing session …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ticketing_core::{
    Ticketing,
    clock::Timestamp,
    command::{CatalogueRefusal, SessionPatch},
    engine::{EngineError, NewSession},
    ids::{EventId, SessionId},
    money::{Currency, Money},
    seat::SeatId,
    session::{SaleStatus, SessionKind, Stock, limits},
    waiting_room::{QueueMode, QueuePolicy},
};

use super::seats_csv;
use crate::{
    args::ListArgs,
    context::{Context, OPERATOR},
    error::CliError,
    output::counted,
    views::SessionRow,
};

const EXAMPLES: &str = "\
Examples:
  ticketing session create EVENT --start-at 2027-04-01T19:00:00+09:00 --stock 500 --price 55000
  ticketing session create EVENT --start-at 2027-04-01T19:00:00+09:00 --seated --price 55000
  ticketing session import-seats SESSION seats.csv
  ticketing session open SESSION
  ticketing session pause SESSION";

/// Most seats that are named before the rest is only counted.
const SEATS_NAMED_MAX: usize = 10;

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum SessionCommand {
    /// Create a session of an event; it sells once it is opened
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// List sessions
    #[command(after_help = "Examples:\n  ticketing session list\n  ticketing session list --event EVENT --json")]
    List(SessionListArgs),
    /// Show one session
    #[command(after_help = "Examples:\n  ticketing session show SESSION --json")]
    Show(SessionArg),
    /// Sell, within the sales window
    #[command(after_help = "Examples:\n  ticketing session open SESSION")]
    Open(SessionArg),
    /// Halt the sale; live holds may still be paid
    #[command(after_help = "Examples:\n  ticketing session pause SESSION")]
    Pause(SessionArg),
    /// End the sale
    #[command(after_help = "Examples:\n  ticketing session close SESSION")]
    Close(SessionArg),
    /// Set how many tickets there are in all; not below those held and sold
    #[command(after_help = "Examples:\n  ticketing session set-stock SESSION 600")]
    SetStock(SetStockArgs),
    /// Add seats to a seated session: all of the file, or none
    #[command(after_help = IMPORT_EXAMPLES)]
    ImportSeats(ImportSeatsArgs),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  ticketing session create EVENT --start-at 2027-04-01T19:00:00+09:00 --stock 500 --price 55000
  ticketing session create EVENT --start-at 2027-04-01T19:00:00Z --seated --price 9900 --currency EUR
  ticketing session create EVENT --start-at 2027-04-01T19:00:00Z --stock 500 --price 55000 \\
      --open --sales-open-at 2027-03-01T10:00:00Z --admit-per-second 50 --max-active 1000";
const IMPORT_EXAMPLES: &str = "\
Examples:
  ticketing session import-seats SESSION seats.csv
  ticketing session import-seats SESSION - < seats.csv

The file starts with the names of its columns: id, section, row, number and, if seats have prices of
their own, price (in minor units of the session's currency; empty: the session's price).

  id,section,row,number,price
  A1,Stalls,A,1,80000
  A2,Stalls,A,2,";

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The event
    #[arg(value_name = "EVENT")]
    event_id: EventId,
    /// When the doors open (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    start_at: Timestamp,
    #[command(flatten)]
    sells: Sells,
    /// Price of one ticket, in whole minor units of the currency: 9900 is 99.00 EUR
    #[arg(long, value_name = "AMOUNT", value_parser = minor_units)]
    price: i64,
    /// The price's currency (ISO 4217)
    #[arg(long, value_name = "CODE", default_value = "KRW")]
    currency: Currency,
    /// Sales open then, at the earliest (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    sales_open_at: Option<Timestamp>,
    /// Sales end then, at the latest (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    sales_close_at: Option<Timestamp>,
    /// Most tickets one user may hold and have bought together
    #[arg(long, value_name = "N", default_value_t = limits::PER_USER_DEFAULT)]
    max_per_user: u32,
    /// How long a hold lives
    #[arg(long, value_name = "SECONDS", default_value_t = limits::HOLD_TTL_SECONDS_DEFAULT)]
    hold_ttl_seconds: u32,
    /// Sell at once, within the sales window, without `session open`
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    queue: QueueArgs,
}

/// What a session sells: one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Sells {
    /// Sell so many tickets by number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=Stock::TOTAL_MAX))]
    stock: Option<i64>,
    /// Sell seats, to be added with `import-seats`
    #[arg(long)]
    seated: bool,
}

/// A waiting room's policy; what is left out has no limit, or the usual one.
#[derive(Debug, Args)]
struct QueueArgs {
    /// Whether holds need a queue token: ON or OFF
    #[arg(long, value_name = "MODE", default_value_t = QueueMode::On)]
    queue: QueueMode,
    /// Admissions per second
    #[arg(long, value_name = "N")]
    admit_per_second: Option<u32>,
    /// Most admitted visitors who have neither bought nor left
    #[arg(long, value_name = "N")]
    max_active: Option<u32>,
    /// Most visitors waiting and admitted together
    #[arg(long, value_name = "N")]
    max_length: Option<u32>,
}

#[derive(Debug, Args)]
pub struct SessionListArgs {
    /// Only sessions of this event
    #[arg(long)]
    event: Option<EventId>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct SessionArg {
    /// The session
    #[arg(value_name = "SESSION")]
    id: SessionId,
}

#[derive(Debug, Args)]
pub struct SetStockArgs {
    /// The session
    #[arg(value_name = "SESSION")]
    id: SessionId,
    /// All there is to sell
    #[arg(value_name = "TOTAL", value_parser = clap::value_parser!(i64).range(0..=Stock::TOTAL_MAX))]
    total: i64,
}

#[derive(Debug, Args)]
pub struct ImportSeatsArgs {
    /// The session
    #[arg(value_name = "SESSION")]
    id: SessionId,
    /// The file; `-` for standard input
    #[arg(value_name = "CSV")]
    file: PathBuf,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: SessionCommand, context: &Context) -> Result<(), CliError> {
    let status = |status| SessionPatch { status: Some(status), ..SessionPatch::default() };
    match command {
        SessionCommand::Create(args) => create(args, context).await,
        SessionCommand::List(args) => list(args, context).await,
        SessionCommand::Show(args) => show(args, context).await,
        SessionCommand::Open(args) => change(args.id, status(SaleStatus::Open), context).await,
        SessionCommand::Pause(args) => change(args.id, status(SaleStatus::Paused), context).await,
        SessionCommand::Close(args) => change(args.id, status(SaleStatus::Closed), context).await,
        SessionCommand::SetStock(args) => {
            let patch = SessionPatch { total_stock: Some(args.total), ..SessionPatch::default() };
            change(args.id, patch, context).await
        }
        SessionCommand::ImportSeats(args) => import_seats(args, context).await,
    }
}

async fn create(args: CreateArgs, context: &Context) -> Result<(), CliError> {
    let queue = QueuePolicy {
        mode: args.queue.queue,
        admit_per_second: args.queue.admit_per_second,
        max_active: args.queue.max_active,
        max_length: args.queue.max_length,
        ..QueuePolicy::default()
    };
    let price = Money::new(args.price, args.currency);
    let new = NewSession {
        sales_open_at: args.sales_open_at,
        sales_close_at: args.sales_close_at,
        kind: if args.sells.seated { SessionKind::Seated } else { SessionKind::Quantity },
        max_per_user: args.max_per_user,
        hold_ttl_seconds: args.hold_ttl_seconds,
        status: if args.open { SaleStatus::Open } else { SaleStatus::Scheduled },
        queue,
        ..NewSession::of(args.event_id, args.start_at, args.sells.stock.unwrap_or(0), price)
    };
    let engine = context.engine().await?;
    let session = engine.create_session(OPERATOR, new).await?;
    print(&engine, session.id, context).await
}

async fn list(args: SessionListArgs, context: &Context) -> Result<(), CliError> {
    let page = context.store().await?.sessions(args.event, args.list.page()).await?;
    Ok(context.output.page(&page.map(SessionRow::from))?)
}

async fn show(args: SessionArg, context: &Context) -> Result<(), CliError> {
    let view = context.store().await?.session(args.id).await?;
    let view = view.ok_or_else(|| CliError::not_found("session", args.id))?;
    Ok(context.output.item(&SessionRow::from(view))?)
}

async fn change(id: SessionId, patch: SessionPatch, context: &Context) -> Result<(), CliError> {
    let engine = context.engine().await?;
    engine.update_session(OPERATOR, id, patch).await?;
    print(&engine, id, context).await
}

async fn import_seats(args: ImportSeatsArgs, context: &Context) -> Result<(), CliError> {
    let engine = context.engine().await?;
    let view = engine.queries().session(args.id).await?;
    let currency = view.ok_or_else(|| CliError::not_found("session", args.id))?.session.price.currency;
    let seats = seats_csv::read(&args.file, currency)?;
    let added = seats.len();
    engine.import_seats(OPERATOR, args.id, seats).await.map_err(|error| match error {
        EngineError::Refused(CatalogueRefusal::SeatExists { seat_ids }) => CliError::Refused(existing(&seat_ids)),
        other => other.into(),
    })?;
    context.output.note(format_args!("{} added", counted(added, "seat")));
    print(&engine, args.id, context).await
}

async fn print(engine: &Ticketing, id: SessionId, context: &Context) -> Result<(), CliError> {
    let view = engine.queries().session(id).await?.ok_or_else(|| CliError::not_found("session", id))?;
    Ok(context.output.item(&SessionRow::from(view))?)
}

/// Names the seats that exist already.
fn existing(seats: &[SeatId]) -> String {
    let named: Vec<_> = seats.iter().take(SEATS_NAMED_MAX).map(SeatId::as_str).collect();
    let more = seats.len() - named.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("these seats exist already: {}{rest}; nothing was imported", named.join(", "))
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "expected a time in RFC 3339, such as 2027-04-01T19:00:00+09:00")
}

fn minor_units(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "expected whole minor units, such as 55000 for 55000 KRW or 9900 for 99.00 EUR")
}
