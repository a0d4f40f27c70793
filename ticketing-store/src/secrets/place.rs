//! Where the secrets of a store are, unless it is said.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

const SUFFIX: &str = ".secrets.toml";
/// Longest name of a database that a file is named after, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Beside the file `database`.
pub(crate) fn beside(database: &Path) -> PathBuf {
    // The file's one true name: whoever reaches it by a symbolic link must find the same secrets.
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = OsString::from(database);
    name.push(SUFFIX);
    name.into()
}

/// In the working directory, for the database that `url` names: nothing else is beside it.
pub(super) fn of_database(url: &str) -> PathBuf {
    let name: String = database_of(url).chars().take(NAME_CHARS_MAX).map(in_a_file_name).collect();
    format!("{}{SUFFIX}", name.trim_start_matches('.')).into()
}

/// In the working directory, for the prefix in Redis that `url` names.
pub(super) fn of_prefix(url: &str) -> PathBuf {
    const UNNAMED: &str = "ticketing";
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let prefix = parameters.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or(UNNAMED);
    let name: String = prefix.chars().take(NAME_CHARS_MAX).map(in_a_file_name).collect();
    format!("{}{SUFFIX}", name.trim_start_matches('.')).into()
}

/// What a name may have that is a name on every file system, and no path.
fn in_a_file_name(c: char) -> char {
    if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }
}

/// The database by its name: in the path, in the parameters, or else the user's.
fn database_of(url: &str) -> &str {
    const UNNAMED: &str = "postgres";
    let named = |name: &&str| !name.is_empty();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // A password may have anything but an `@`.
    let (credentials, rest) = rest.split_once('@').unwrap_or(("", rest));
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let path = rest.split_once('/').map(|(_, path)| path);
    let parameter = || parameters.split('&').find_map(|pair| pair.strip_prefix("dbname="));
    let user = || credentials.split(':').next();
    path.filter(named).or_else(|| parameter().filter(named)).or_else(|| user().filter(named)).unwrap_or(UNNAMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_a_shop_in_redis_are_named_after_its_prefix() {
        let check = |url: &str, file: &str| assert_eq!(of_prefix(url), Path::new(file), "{url}");
        check("redis://:hunter2@cache:7000/3", "ticketing.secrets.toml");
        check("redis://:hunter2@cache?lanes=2&prefix=shop", "shop.secrets.toml");
        check("redis+cluster://a,b?prefix=../shop:eu", "_shop_eu.secrets.toml");
    }

    #[test]
    fn a_database_s_secrets_are_named_after_it_and_nothing_else() {
        let check = |url: &str, file: &str| assert_eq!(of_database(url), Path::new(file), "{url}");
        check("postgres://shop:hunter2@db:5432/tickets", "tickets.secrets.toml");
        check("postgresql://a:1,b:2/tickets?lanes=4", "tickets.secrets.toml");
        check("postgres://u:/p?@db/tickets", "tickets.secrets.toml");
        check("postgres://u@%2Frun%2Fpostgresql/shop%20no-1", "shop_20no-1.secrets.toml");
        check("postgres://u:hunter2@db/../../etc/passwd", "_.._etc_passwd.secrets.toml");
        check("postgres://u:hunter2@db?sslmode=require&dbname=tickets", "tickets.secrets.toml");
        check("postgres://shop:hunter2@db", "shop.secrets.toml");
        check("postgres://db/", "postgres.secrets.toml");
        assert_eq!(of_database(&format!("postgres://db/{}", "x".repeat(300))).as_os_str().len(), 64 + SUFFIX.len());
    }
}
