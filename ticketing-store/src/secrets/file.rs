//! The secrets file: how it is read, and made once.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Secrets, SecretsError, hex, random_hex, seed::unhex};

const HEADER: &str = "# Secrets of this ticketing store. Whoever reads them can forge logins, tickets and payments.\n\
     # Keep them with the store's backups: without audit_key the audit log cannot be verified.\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnFile {
    jwt_secret: SecretString,
    audit_key: SecretString,
    queue_token_key: SecretString,
    webhook_secret: SecretString,
    ticket_signing_seed: SecretString,
    /// Put there by whoever changes the one above.
    ticket_signing_seed_previous: Option<SecretString>,
}

pub(super) fn read(path: &Path) -> Result<Secrets, SecretsError> {
    let text = fs::read_to_string(path).map_err(|source| SecretsError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let garbled = |detail| SecretsError::Garbled { path: path.to_owned(), detail };
    // Only the message: the whole error would print the line it stumbled over.
    let on_file: OnFile = toml::from_str(&text).map_err(|error| garbled(error.message().to_owned()))?;
    let seed = unhex(on_file.ticket_signing_seed.expose_secret())
        .ok_or_else(|| garbled("ticket_signing_seed is not 64 hexadecimal digits".to_owned()))?;
    let previous = on_file.ticket_signing_seed_previous.map(|previous| {
        let wrong = || garbled("ticket_signing_seed_previous is not 64 hexadecimal digits".to_owned());
        unhex(previous.expose_secret()).ok_or_else(wrong)
    });
    let secrets = Secrets {
        jwt_secret: on_file.jwt_secret,
        audit_key: on_file.audit_key,
        queue_token_key: on_file.queue_token_key,
        webhook_secret: on_file.webhook_secret,
        ticket_signing_seed: seed,
        ticket_signing_seed_previous: previous.transpose()?,
    };
    match secrets.check() {
        Ok(()) => Ok(secrets),
        Err(weak) => Err(SecretsError::Weak { path: path.to_owned(), weak }),
    }
}

/// Writes fresh secrets under a name of this process's own and then gives the file its real name,
/// unless somebody was faster: nobody ever reads half a file.
pub(super) fn create(path: &Path) -> Result<(), SecretsError> {
    let secrets = Secrets::generate().map_err(SecretsError::Randomness)?;
    let mut draft = OsString::from(path);
    draft.push(format!(".{}.new", random_hex().map_err(SecretsError::Randomness)?));
    let draft = PathBuf::from(draft);
    let published = write_draft(&draft, &secrets).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&draft);
    let synced = published.and(removed).and_then(|()| sync_folder(path));
    synced.map_err(|source| SecretsError::File { action: "make", path: path.to_owned(), source })
}

fn write_draft(draft: &Path, secrets: &Secrets) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    let Secrets {
        jwt_secret,
        audit_key,
        queue_token_key,
        webhook_secret,
        ticket_signing_seed,
        ticket_signing_seed_previous: _,
    } = secrets;
    let text = format!(
        "{HEADER}jwt_secret = \"{}\"\naudit_key = \"{}\"\nqueue_token_key = \"{}\"\nwebhook_secret = \"{}\"\n\
         ticket_signing_seed = \"{}\"\n",
        jwt_secret.expose_secret(),
        audit_key.expose_secret(),
        queue_token_key.expose_secret(),
        webhook_secret.expose_secret(),
        hex(ticket_signing_seed),
    );
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the new name durable: a store whose secrets are lost in a crash cannot verify its own log.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => fs::File::open(folder)?.sync_all(),
        _ => fs::File::open(".")?.sync_all(),
    }
}
