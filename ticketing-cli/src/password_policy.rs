//! What a password must have, as the server's environment says it.

use std::{ffi::OsString, str::FromStr};

use ticketing_core::user::password::PasswordPolicy;

use crate::error::CliError;

/// The server's policy, by its variables `TICKETING__AUTH__PASSWORD_…`.
///
/// # Errors
/// [`CliError::Usage`] names the variable that is wrong.
pub fn from_environment() -> Result<PasswordPolicy, CliError> {
    from(|name| std::env::var_os(name))
}

fn from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PasswordPolicy, CliError> {
    let usual = PasswordPolicy::default();
    Ok(PasswordPolicy {
        chars_min: given(&variable, "MIN_CHARS", usual.chars_min)?,
        chars_max: given(&variable, "MAX_CHARS", usual.chars_max)?,
        upper: given(&variable, "REQUIRE_UPPER", usual.upper)?,
        lower: given(&variable, "REQUIRE_LOWER", usual.lower)?,
        digit: given(&variable, "REQUIRE_DIGIT", usual.digit)?,
    })
}

fn given<T: FromStr>(variable: &impl Fn(&str) -> Option<OsString>, setting: &str, usual: T) -> Result<T, CliError> {
    let name = format!("TICKETING__AUTH__PASSWORD_{setting}");
    let Some(text) = variable(&name) else { return Ok(usual) };
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| CliError::Usage(format!("{name}: {} is no value of it", text.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<PasswordPolicy, CliError> {
        from(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn what_the_environment_says_takes_the_place_of_the_usual() {
        assert_eq!(of(&[]).unwrap(), PasswordPolicy::default());
        let stricter =
            [("TICKETING__AUTH__PASSWORD_MIN_CHARS", "15"), ("TICKETING__AUTH__PASSWORD_REQUIRE_DIGIT", "false")];
        let expected = PasswordPolicy { chars_min: 15, digit: false, ..PasswordPolicy::default() };
        assert_eq!(of(&stricter).unwrap(), expected);
        let wrong = of(&[("TICKETING__AUTH__PASSWORD_REQUIRE_UPPER", "perhaps")]).unwrap_err().to_string();
        assert!(wrong.contains("TICKETING__AUTH__PASSWORD_REQUIRE_UPPER"), "{wrong}");
    }
}
