//! The engine's secrets: from the environment, under the server's names, or from the file beside the
//! store.

use std::{env, fs};

use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use ticketing_core::engine::Keys;
use ticketing_store::Secrets;

use crate::error::SimError;

const AUDIT_KEY: &str = "TICKETING__AUDIT__KEY";
const QUEUE_TOKEN_SECRET: &str = "TICKETING__QUEUE__TOKEN_SECRET";
const TICKET_SIGNING_SEED: &str = "TICKETING__TICKETS__SIGNING_SEED";

/// The keys of the store at `store_url`. The file is read, or made, only if the environment does not
/// give all of them.
///
/// # Errors
/// [`SimError::Usage`] names the variable or the file that is wrong.
pub fn load(store_url: &str) -> Result<Keys, SimError> {
    let (audit, queue_token) = (from_environment(AUDIT_KEY)?, from_environment(QUEUE_TOKEN_SECRET)?);
    let seed = from_environment(TICKET_SIGNING_SEED)?.map(|text| seed(&text)).transpose()?;
    if let (Some(audit), Some(queue_token), Some(seed)) = (&audit, &queue_token, &seed) {
        return Ok(keys(audit, queue_token, seed));
    }
    let file = Secrets::load_or_create(store_url).map_err(|error| SimError::Usage(error.to_string()))?;
    Ok(keys(
        &audit.unwrap_or(file.audit_key),
        &queue_token.unwrap_or(file.queue_token_key),
        &seed.unwrap_or_else(|| Zeroizing::new(file.ticket_signing_seed)),
    ))
}

fn keys(audit: &SecretString, queue_token: &SecretString, seed: &[u8; 32]) -> Keys {
    Keys::new(audit.expose_secret().as_bytes(), queue_token.expose_secret().as_bytes(), seed)
}

/// The variable's value, or the content of the file that its `…_FILE` names.
fn from_environment(name: &str) -> Result<Option<SecretString>, SimError> {
    let in_file = format!("{name}_FILE");
    match (env::var(name).ok(), env::var_os(&in_file)) {
        (Some(_), Some(_)) => Err(SimError::Usage(format!("both {name} and {in_file} are set"))),
        (Some(value), None) => Ok(Some(value.into())),
        (None, Some(path)) => {
            let text = fs::read_to_string(&path).map(Zeroizing::new);
            let text = text.map_err(|error| SimError::Usage(format!("{in_file} names {}: {error}", path.display())))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned().into()))
        }
        (None, None) => Ok(None),
    }
}

fn seed(text: &SecretString) -> Result<Zeroizing<[u8; 32]>, SimError> {
    let hex = text.expose_secret();
    let mut bytes = Zeroizing::new([0; 32]);
    let wrong = || SimError::Usage(format!("{TICKET_SIGNING_SEED} is not 64 hexadecimal digits"));
    if hex.len() != 64 || !hex.is_ascii() {
        return Err(wrong());
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}
