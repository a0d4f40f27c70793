//! `ticketing event …`.

use clap::{Args, Subcommand};
use ticketing_core::{command::UpdateEvent, engine::NewEvent, event::EventStatus, ids::EventId};

use crate::{
    args::ListArgs,
    context::{Context, OPERATOR},
    error::CliError,
    views::EventRow,
};

const EXAMPLES: &str = "\
Examples:
  ticketing event create --title 'Spring concert' --venue 'Main hall' --publish
  ticketing event list --status DRAFT
  ticketing event publish event_0190163d8a7b7c3e9a1b2c3d4e5f6071";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum EventCommand {
    /// Create an event
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// List events
    #[command(after_help = LIST_EXAMPLES)]
    List(EventListArgs),
    /// Show one event
    #[command(after_help = "Examples:\n  ticketing event show event_0190163d8a7b7c3e9a1b2c3d4e5f6071 --json")]
    Show(EventArg),
    /// Let everyone see an event, and its sessions sell
    #[command(after_help = "Examples:\n  ticketing event publish event_0190163d8a7b7c3e9a1b2c3d4e5f6071")]
    Publish(EventArg),
    /// Take an event off, and end the sale of its sessions
    #[command(after_help = "Examples:\n  ticketing event archive event_0190163d8a7b7c3e9a1b2c3d4e5f6071")]
    Archive(EventArg),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  ticketing event create --title 'Spring concert' --venue 'Main hall'
  ticketing event create --title 'Spring concert' --venue 'Main hall' --publish --json";
const LIST_EXAMPLES: &str = "\
Examples:
  ticketing event list
  ticketing event list --status PUBLISHED --json";

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What is on
    #[arg(long)]
    title: String,
    /// Where
    #[arg(long)]
    venue: String,
    /// More about it
    #[arg(long, default_value = "")]
    description: String,
    /// Let everyone see it at once
    #[arg(long)]
    publish: bool,
}

#[derive(Debug, Args)]
pub struct EventListArgs {
    /// Only events with this status: DRAFT, PUBLISHED or ARCHIVED
    #[arg(long)]
    status: Option<EventStatus>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct EventArg {
    /// The event
    #[arg(value_name = "EVENT")]
    id: EventId,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: EventCommand, context: &Context) -> Result<(), CliError> {
    match command {
        EventCommand::Create(args) => create(args, context).await,
        EventCommand::List(args) => list(args, context).await,
        EventCommand::Show(args) => show(args, context).await,
        EventCommand::Publish(args) => set_status(args, EventStatus::Published, context).await,
        EventCommand::Archive(args) => set_status(args, EventStatus::Archived, context).await,
    }
}

async fn create(args: CreateArgs, context: &Context) -> Result<(), CliError> {
    let CreateArgs { title, venue, description, publish } = args;
    let status = if publish { EventStatus::Published } else { EventStatus::Draft };
    let new = NewEvent { title, description, venue, status };
    let event = context.engine().await?.create_event(OPERATOR, new).await?;
    Ok(context.output.item(&EventRow::from(event))?)
}

async fn list(args: EventListArgs, context: &Context) -> Result<(), CliError> {
    let page = context.store().await?.events(args.status, args.list.page()).await?;
    Ok(context.output.page(&page.map(EventRow::from))?)
}

async fn show(args: EventArg, context: &Context) -> Result<(), CliError> {
    let event = context.store().await?.event(args.id).await?;
    let event = event.ok_or_else(|| CliError::not_found("event", args.id))?;
    Ok(context.output.item(&EventRow::from(event))?)
}

async fn set_status(args: EventArg, status: EventStatus, context: &Context) -> Result<(), CliError> {
    let change = UpdateEvent {
        caller: OPERATOR,
        id: args.id,
        title: None,
        description: None,
        venue: None,
        status: Some(status),
    };
    let event = context.engine().await?.update_event(change).await?;
    Ok(context.output.item(&EventRow::from(event))?)
}
