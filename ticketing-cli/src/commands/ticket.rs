//! `ticketing ticket …`.

use std::{fs, io::Read as _, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use serde::Deserialize;
use ticketing_core::{
    clock::{Clock as _, SystemClock},
    engine::RedeemRequest,
    ids::SessionId,
    ticket::{ScanNonce, qr},
};

use crate::{
    context::{Context, OPERATOR},
    error::CliError,
    views::{ClaimsRow, RedeemedRow},
};

const EXAMPLES: &str = "\
Examples:
  ticketing ticket verify TKT1.AQ…
  ticketing ticket redeem TKT1.AQ…";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum TicketCommand {
    /// Check a ticket's code by its signature alone; asks no store whether it was used or refunded
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
    /// Let a ticket's holder in, once
    #[command(after_help = REDEEM_HELP)]
    Redeem(RedeemArgs),
}

const VERIFY_HELP: &str = "\
The public keys come from a file, as a server gives them at /.well-known/ticket-keys.json, or are those of
the store's secrets. Exits with 1 when the code is not genuine.

Examples:
  curl -o keys.json http://127.0.0.1:8080/.well-known/ticket-keys.json
  ticketing ticket verify --keys keys.json TKT1.AQ…
  zbarimg --quiet --raw photo.png | ticketing ticket verify --keys keys.json --stdin";

const REDEEM_HELP: &str = "\
Examples:
  ticketing ticket redeem TKT1.AQ…
  ticketing ticket redeem TKT1.AQ… --session session_0190163d8a7b7c3e9a1b2c3d4e5f6071 --nonce gate-3-000127";

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Code {
    /// The code in the ticket's QR
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Read the code from standard input
    #[arg(long)]
    stdin: bool,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    code: Code,
    /// A JSON Web Key set with the public keys
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RedeemArgs {
    #[command(flatten)]
    code: Code,
    /// The session that this door is for; without it, the ticket's own
    #[arg(long)]
    session: Option<SessionId>,
    /// The scan's own name: the same scan again is answered the same. Without it, every call is a new scan
    #[arg(long)]
    nonce: Option<ScanNonce>,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: TicketCommand, context: &Context) -> Result<(), CliError> {
    match command {
        TicketCommand::Verify(args) => verify(args, context),
        TicketCommand::Redeem(args) => redeem(args, context).await,
    }
}

fn verify(args: VerifyArgs, context: &Context) -> Result<(), CliError> {
    let code = args.code.read()?;
    let keys = match args.keys {
        Some(file) => read_keys(&file)?,
        None => {
            let keys = context.existing_keys()?;
            std::iter::once(keys.ticket_signer.public_key()).chain(keys.ticket_keys_previous).collect()
        }
    };
    let claims = qr::verify_with(&code, &keys).map_err(|error| CliError::Refused(error.to_string()))?;
    Ok(context.output.item(&ClaimsRow::from(claims))?)
}

async fn redeem(args: RedeemArgs, context: &Context) -> Result<(), CliError> {
    let code = args.code.read()?;
    let nonce = match args.nonce {
        Some(nonce) => nonce,
        None => {
            let now = SystemClock::new().now().micros();
            let name = format!("ticketing-{}-{now}", std::process::id());
            name.parse().map_err(|error| CliError::Usage(format!("--nonce: {error}")))?
        }
    };
    let request = RedeemRequest { caller: OPERATOR, code, nonce, session_id: args.session };
    let redeemed = context.engine().await?.redeem(request).await?;
    Ok(context.output.item(&RedeemedRow::from(redeemed.ticket))?)
}

impl Code {
    fn read(self) -> Result<String, CliError> {
        match self.code {
            Some(code) => Ok(code.trim().to_owned()),
            None => {
                let mut text = String::new();
                std::io::stdin().take(64 * 1024).read_to_string(&mut text)?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

/// A JSON Web Key set, as far as it says something about Ed25519 keys.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    crv: Option<String>,
    x: Option<String>,
}

fn read_keys(file: &PathBuf) -> Result<Vec<[u8; 32]>, CliError> {
    let wrong = |detail: &dyn std::fmt::Display| CliError::Usage(format!("--keys {}: {detail}", file.display()));
    let text = fs::read(file).map_err(|error| wrong(&error))?;
    let set: KeySet = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    let read = |key: &Key| {
        let x = URL_SAFE_NO_PAD.decode(key.x.as_deref()?).ok()?;
        x.try_into().ok().filter(|_| key.crv.as_deref() == Some("Ed25519"))
    };
    let keys: Vec<[u8; 32]> = set.keys.iter().filter_map(read).collect();
    if keys.is_empty() { Err(wrong(&"it holds no Ed25519 key")) } else { Ok(keys) }
}
