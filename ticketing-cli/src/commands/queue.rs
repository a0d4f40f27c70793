//! `ticketing queue …`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use ticketing_core::{
    command::{QueuePatch, SessionPatch},
    ids::SessionId,
    waiting_room::QueueMode,
};

use crate::{
    context::{Context, OPERATOR},
    error::CliError,
    output::counted,
    views::QueueRow,
};

const EXAMPLES: &str = "\
Examples:
  ticketing queue stats SESSION
  ticketing queue set-policy SESSION --admit-per-second 50 --max-active 1000
  ticketing queue clear SESSION";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum QueueCommand {
    /// Show who waits and who is admitted, and by which policy
    #[command(after_help = "Examples:\n  ticketing queue stats SESSION --json")]
    Stats(SessionArg),
    /// Change the policy, also while people wait; what is left out stays
    #[command(after_help = SET_EXAMPLES)]
    SetPolicy(PolicyArgs),
    /// Send away everybody who waits; who is admitted stays
    #[command(after_help = "Examples:\n  ticketing queue clear SESSION")]
    Clear(SessionArg),
}

const SET_EXAMPLES: &str = "\
Examples:
  ticketing queue set-policy SESSION --mode OFF
  ticketing queue set-policy SESSION --admit-per-second 50 --max-active none
  ticketing queue set-policy SESSION --pre-queue-seconds 1800";

#[derive(Debug, Args)]
pub struct SessionArg {
    /// The session
    #[arg(value_name = "SESSION")]
    id: SessionId,
}

/// A number, or `none` for no limit.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<u32>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            number => number.parse().map(|number| Self(Some(number))).map_err(|_| "expected a whole number, or `none`"),
        }
    }
}

#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// The session
    #[arg(value_name = "SESSION")]
    id: SessionId,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// Whether holds need a queue token: ON or OFF
    #[arg(long)]
    mode: Option<QueueMode>,
    /// Admissions per second; `none`: any number
    #[arg(long, value_name = "N|none")]
    admit_per_second: Option<Limit>,
    /// Most admitted visitors who have neither bought nor left; `none`: any number
    #[arg(long, value_name = "N|none")]
    max_active: Option<Limit>,
    /// Most visitors waiting and admitted together; `none`: any number
    #[arg(long, value_name = "N|none")]
    max_length: Option<Limit>,
    /// How long a place waits; `none`: for ever
    #[arg(long, value_name = "SECONDS|none")]
    wait_ttl_seconds: Option<Limit>,
    /// How long an admitted place may hold tickets; `none`: for ever
    #[arg(long, value_name = "SECONDS|none")]
    admit_ttl_seconds: Option<Limit>,
    /// How long before the sale the line opens; `none`: with the sale
    #[arg(long, value_name = "SECONDS|none")]
    pre_queue_seconds: Option<Limit>,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: QueueCommand, context: &Context) -> Result<(), CliError> {
    match command {
        QueueCommand::Stats(args) => stats(args.id, context).await,
        QueueCommand::SetPolicy(args) => set_policy(args, context).await,
        QueueCommand::Clear(args) => clear(args.id, context).await,
    }
}

async fn stats(id: SessionId, context: &Context) -> Result<(), CliError> {
    let view = context.store().await?.queue(id).await?;
    let mut view = view.ok_or_else(|| CliError::not_found("session", id))?;
    if context.has_waiting_room() {
        let engine = context.engine_for_reading().await?;
        if let Some(rooms) = engine.waiting_room()
            && let Err(error) = rooms.now().await
        {
            context.output.note(format_args!("the waiting room cannot be reached, this is its mirror: {error}"));
        }
        let stats = engine.session_stats(id).await?;
        (view.room.waiting, view.room.active) = stats.map_or((0, 0), |stats| (stats.waiting, stats.active));
    } else if view.room.apart {
        context.output.note("the waiting room is kept in a store of its own (--queue-url); this is its mirror");
    }
    Ok(context.output.item(&QueueRow::from(view))?)
}

async fn set_policy(args: PolicyArgs, context: &Context) -> Result<(), CliError> {
    let engine = context.engine().await?;
    let queue = Some(args.changes.into());
    engine.update_session(OPERATOR, args.id, SessionPatch { queue, ..SessionPatch::default() }).await?;
    stats(args.id, context).await
}

async fn clear(id: SessionId, context: &Context) -> Result<(), CliError> {
    let sent_away = context.engine().await?.clear_queue(OPERATOR, id).await?;
    let sent_away = usize::try_from(sent_away).unwrap_or(usize::MAX);
    context.output.note(format_args!("{} sent away", counted(sent_away, "visitor")));
    stats(id, context).await
}

impl From<Changes> for QueuePatch {
    fn from(changes: Changes) -> Self {
        let limit = |change: Option<Limit>| change.map(|Limit(limit)| limit);
        Self {
            mode: changes.mode,
            admit_per_second: limit(changes.admit_per_second),
            max_active: limit(changes.max_active),
            max_length: limit(changes.max_length),
            wait_ttl_seconds: limit(changes.wait_ttl_seconds),
            admit_ttl_seconds: limit(changes.admit_ttl_seconds),
            pre_queue_seconds: limit(changes.pre_queue_seconds),
        }
    }
}
