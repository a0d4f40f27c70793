//! Getting into a shop behind HTTP with what the command line says.

use std::{fs, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{
    args::{Access, LoadArgs},
    plan::Ending,
    scene::Scene,
    shop::{Accounts, Credentials, Entrance, Till, Wire},
};
use crate::error::SimError;

/// How long a buyer waits for one answer, unless said otherwise.
const PATIENCE_MILLIS: u32 = 10_000;

/// How long buyers who logged in before the sale can buy: a token of the server lives a little longer.
const LOGGED_IN_SECONDS: u32 = 600;

/// Checks what belongs together, before anything is started.
///
/// # Errors
/// [`SimError::Usage`] for what does not.
pub fn check(args: &LoadArgs, scene: &Scene) -> Result<(), SimError> {
    let over_http = !args.target.is_empty();
    let signs = args.access.webhook_secret.is_some() || args.access.webhook_secret_file.is_some();
    if over_http && scene.shares.has(Ending::PaysLate) && !signs {
        let text = "late payments need --webhook-secret-file: the sandbox's page takes none";
        return Err(SimError::Usage(text.to_owned()));
    }
    let signs_tokens = args.access.jwt_secret.is_some() || args.access.jwt_secret_file.is_some();
    if over_http && !signs_tokens && args.duration.is_some_and(|seconds| seconds > LOGGED_IN_SECONDS) {
        let text = format!("--duration over {LOGGED_IN_SECONDS} needs --jwt-secret-file: buyers log in once");
        return Err(SimError::Usage(text));
    }
    let every = args.chaos.chaos_every;
    if !(0.0..=3_600.0).contains(&every) {
        return Err(SimError::Usage("--chaos-every: expected seconds, up to an hour".to_owned()));
    }
    Ok(())
}

/// The way into the servers that `args` name.
///
/// # Errors
/// [`SimError::Usage`] names what is missing.
pub fn of(args: &LoadArgs) -> Result<Entrance, SimError> {
    let access = &args.access;
    let patience = Duration::from_millis(access.timeout_ms.unwrap_or(PATIENCE_MILLIS).into());
    let jwt_secret = secret(access.jwt_secret.as_ref(), access.jwt_secret_file.as_ref())?;
    let webhook_secret = secret(access.webhook_secret.as_ref(), access.webhook_secret_file.as_ref())?;
    Ok(Entrance {
        wire: Wire::new(&args.target, patience)?,
        accounts: Accounts::new(jwt_secret.as_ref()),
        till: Till::new(webhook_secret.as_ref()),
        gateway: None,
        administrator: administrator(access)?,
    })
}

fn administrator(access: &Access) -> Result<Credentials, SimError> {
    if let Some(token) = &access.token {
        return Ok(Credentials::Token(token.clone()));
    }
    let password = secret(access.admin_password.as_ref(), access.admin_password_file.as_ref())?;
    match (&access.admin_email, password) {
        (Some(email), Some(password)) => Ok(Credentials::Account { email: email.clone(), password }),
        _ => {
            let text = "an administrator has to make the event: --admin-email and --admin-password-file, or --token";
            Err(SimError::Usage(text.to_owned()))
        }
    }
}

/// A secret that is given, or stands in a file.
fn secret(given: Option<&SecretString>, file: Option<&PathBuf>) -> Result<Option<SecretString>, SimError> {
    let Some(path) = file else { return Ok(given.cloned()) };
    let text = fs::read_to_string(path).map_err(|error| SimError::Usage(format!("{}: {error}", path.display())))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned().into()))
}
