//! `ticketing user …`: accounts and their roles.

use std::io::{BufRead, IsTerminal};

use clap::{Args, Subcommand};
use ticketing_core::{
    engine::NewUser,
    ids::UserId,
    user::{Email, Role, password::PasswordHash},
};

use crate::{
    args::ListArgs,
    context::{Context, OPERATOR},
    error::CliError,
    password_policy,
    views::UserRow,
};

const EXAMPLES: &str = "\
Examples:
  echo 'Secret123' | ticketing user create-admin --email admin@example.com --password-stdin
  ticketing user list --json
  ticketing user set-role door@example.com STAFF";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum UserCommand {
    /// Create an administrator, and the store if there is none
    #[command(after_help = CREATE_ADMIN_EXAMPLES)]
    CreateAdmin(CreateAdminArgs),
    /// List accounts
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Set what an account may do
    #[command(after_help = SET_ROLE_EXAMPLES)]
    SetRole(SetRoleArgs),
}

const CREATE_ADMIN_EXAMPLES: &str = "\
Examples:
  echo 'Secret123' | ticketing user create-admin --email admin@example.com --password-stdin
  ticketing user create-admin --email admin@example.com --password-stdin < password.txt";
const LIST_EXAMPLES: &str = "\
Examples:
  ticketing user list
  ticketing user list --limit 200 --json";
const SET_ROLE_EXAMPLES: &str = "\
Examples:
  ticketing user set-role door@example.com STAFF
  ticketing user set-role user_0190163d8a7b7c3e9a1b2c3d4e5f6071 ADMIN";

#[derive(Debug, Args)]
pub struct CreateAdminArgs {
    /// The administrator's address
    #[arg(long, value_name = "EMAIL")]
    email: Email,
    /// Read the password from the first line of standard input
    // The only way in: a password among the arguments would show in the list of processes.
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
pub struct SetRoleArgs {
    /// The account: its address or its id
    #[arg(value_name = "EMAIL|ID")]
    account: Account,
    /// USER, STAFF or ADMIN
    role: Role,
}

/// An account as an operator names it.
#[derive(Debug, Clone)]
enum Account {
    Id(UserId),
    Email(Email),
}

impl std::str::FromStr for Account {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            text.parse().map(Self::Email).map_err(|error| error.to_string())
        } else {
            text.parse().map(Self::Id).map_err(|error| error.to_string())
        }
    }
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: UserCommand, context: &Context) -> Result<(), CliError> {
    match command {
        UserCommand::CreateAdmin(args) => create_admin(args, context).await,
        UserCommand::List(args) => list(args, context).await,
        UserCommand::SetRole(args) => set_role(args, context).await,
    }
}

async fn create_admin(args: CreateAdminArgs, context: &Context) -> Result<(), CliError> {
    let CreateAdminArgs { email, password_stdin: _ } = args;
    let password = read_password(context)?;
    password_policy::from_environment()?.check(&password).map_err(|weak| CliError::Refused(weak.to_string()))?;
    let password_hash = PasswordHash::of(&password);
    let engine = context.engine_creating_store().await?;
    let user = engine.create_user(OPERATOR, NewUser { email, password_hash, role: Role::Admin }).await?;
    Ok(context.output.item(&UserRow::from(user))?)
}

async fn list(args: ListArgs, context: &Context) -> Result<(), CliError> {
    let page = context.store().await?.users(args.page()).await?;
    Ok(context.output.page(&page.map(UserRow::from))?)
}

async fn set_role(args: SetRoleArgs, context: &Context) -> Result<(), CliError> {
    let engine = context.engine().await?;
    let user_id = match args.account {
        Account::Id(id) => id,
        Account::Email(email) => {
            let user = engine.queries().user_by_email(email.clone()).await?;
            user.ok_or_else(|| CliError::not_found("account", email.as_str()))?.id
        }
    };
    let user = engine.set_role(OPERATOR, user_id, args.role).await?;
    Ok(context.output.item(&UserRow::from(user))?)
}

fn read_password(context: &Context) -> Result<String, CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        context.output.note("password (it will be shown as you type):");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(CliError::Usage("standard input holds no password".to_owned()));
    }
    Ok(password.to_owned())
}
