//! The engine's secrets: from the environment, under the server's names, or from the file beside the
//! store.

use std::{env, fs};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use ticketing_core::engine::Keys;
use ticketing_store::Secrets;

use crate::error::{CliError, with_sources};

const AUDIT_KEY: &str = "TICKETING__AUDIT__KEY";
const QUEUE_TOKEN_SECRET: &str = "TICKETING__QUEUE__TOKEN_SECRET";
const TICKET_SIGNING_SEED: &str = "TICKETING__TICKETS__SIGNING_SEED";

/// The keys of the store at `store_url`. The file is read, or made, only if the environment does not
/// give all of them.
///
/// # Errors
/// [`CliError::Usage`] names the variable or the file that is wrong.
pub fn load(store_url: &str) -> Result<Keys, CliError> {
    let (audit, queue_token) = (from_environment(AUDIT_KEY)?, from_environment(QUEUE_TOKEN_SECRET)?);
    let seed = from_environment(TICKET_SIGNING_SEED)?.map(|text| seed(&text)).transpose()?;
    if let (Some(audit), Some(queue_token), Some(seed)) = (&audit, &queue_token, &seed) {
        return Ok(keys(audit, queue_token, seed));
    }
    let file = Secrets::load_or_create(store_url).map_err(|error| CliError::Usage(with_sources(&error)))?;
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
fn from_environment(name: &str) -> Result<Option<SecretString>, CliError> {
    let in_file = format!("{name}_FILE");
    match (env::var(name).ok(), env::var_os(&in_file)) {
        (Some(_), Some(_)) => Err(CliError::Usage(format!("both {name} and {in_file} are set"))),
        (Some(value), None) => Ok(Some(value.into())),
        (None, Some(path)) => {
            let text = fs::read_to_string(&path).map(Zeroizing::new);
            let text = text.map_err(|error| CliError::Usage(format!("{in_file} names {}: {error}", path.display())))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned().into()))
        }
        (None, None) => Ok(None),
    }
}

/// 32 bytes in hex or in base64 of any kind, as the server takes them.
fn seed(text: &SecretString) -> Result<Zeroizing<[u8; 32]>, CliError> {
    let text = text.expose_secret();
    let bytes = match text.len() {
        64 => unhex(text),
        _ => [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|code| code.decode(text).ok()),
    };
    let bytes = bytes.map(Zeroizing::new).and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    let wrong = || CliError::Usage(format!("{TICKET_SIGNING_SEED}: expected 32 bytes in hex (64 digits) or base64"));
    bytes.map(Zeroizing::new).ok_or_else(wrong)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_in_hex_and_in_base64() {
        let expected: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let hex: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        let read = |text: &str| seed(&text.to_owned().into()).ok().map(|seed| *seed);
        assert_eq!(read(&hex), Some(expected));
        assert_eq!(read("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), Some(expected));
        assert_eq!(read("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"), Some(expected));
        for bad in ["", "zz", &"g".repeat(64), "AAECAwQF"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
