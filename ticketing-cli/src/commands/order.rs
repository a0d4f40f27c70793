//! `ticketing order …`.

use clap::{Args, Subcommand};
use ticketing_core::{
    ids::{OrderId, SessionId, UserId},
    order::{Order, OrderStatus},
    store::{Backend, OrderFilter, Page},
};

use crate::{
    args::ListArgs,
    context::{Context, OPERATOR},
    error::CliError,
    views::OrderRow,
};

const EXAMPLES: &str = "\
Examples:
  ticketing order list --session session_0190163d8a7b7c3e9a1b2c3d4e5f6071 --status PAID
  ticketing order refund order_0190163d8a7b7c3e9a1b2c3d4e5f6071";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum OrderCommand {
    /// List orders
    #[command(after_help = LIST_EXAMPLES)]
    List(OrderListArgs),
    /// Show one order
    #[command(after_help = "Examples:\n  ticketing order show order_0190163d8a7b7c3e9a1b2c3d4e5f6071 --json")]
    Show(OrderArg),
    /// Give a paid order back: its tickets are void and its stock is for sale at once
    #[command(after_help = REFUND_HELP)]
    Refund(OrderArg),
}

const LIST_EXAMPLES: &str = "\
Examples:
  ticketing order list
  ticketing order list --user user_0190163d8a7b7c3e9a1b2c3d4e5f6071 --status REFUNDED --json";

const REFUND_HELP: &str = "\
The money goes back through the server: a running one hands the refund to the gateway, within a second or
as soon as it is started. Until then the payment is REFUND_PENDING.

Examples:
  ticketing order refund order_0190163d8a7b7c3e9a1b2c3d4e5f6071";

#[derive(Debug, Args)]
pub struct OrderListArgs {
    /// Only orders of this session
    #[arg(long)]
    session: Option<SessionId>,
    /// Only orders of this user
    #[arg(long)]
    user: Option<UserId>,
    /// Only orders with this status: PENDING, PAID, CANCELLED or REFUNDED
    #[arg(long)]
    status: Option<OrderStatus>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct OrderArg {
    /// The order
    #[arg(value_name = "ORDER")]
    id: OrderId,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: OrderCommand, context: &Context) -> Result<(), CliError> {
    match command {
        OrderCommand::List(args) => list(args, context).await,
        OrderCommand::Show(args) => show(args, context).await,
        OrderCommand::Refund(args) => refund(args, context).await,
    }
}

async fn list(args: OrderListArgs, context: &Context) -> Result<(), CliError> {
    let OrderListArgs { session, user, status, list } = args;
    let store = context.store().await?;
    let filter = OrderFilter { session_id: session, user_id: user, status };
    let Page { items, next } = store.orders(filter, list.page()).await?;
    let mut rows = Vec::with_capacity(items.len());
    for order in items {
        rows.push(row(&*store, order).await?);
    }
    Ok(context.output.page(&Page { items: rows, next })?)
}

async fn show(args: OrderArg, context: &Context) -> Result<(), CliError> {
    let store = context.store().await?;
    let order = store.order(args.id).await?.ok_or_else(|| CliError::not_found("order", args.id))?;
    Ok(context.output.item(&row(&*store, order).await?)?)
}

async fn refund(args: OrderArg, context: &Context) -> Result<(), CliError> {
    let refunded = context.engine().await?.refund_order(OPERATOR, args.id).await?;
    Ok(context.output.item(&OrderRow::new(refunded.order, Some(refunded.payment)))?)
}

async fn row(store: &dyn Backend, order: Order) -> Result<OrderRow, CliError> {
    let payment = store.payment(order.payment_id).await?;
    Ok(OrderRow::new(order, payment))
}
