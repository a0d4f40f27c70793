//! Who is who: access tokens and passwords.

pub mod bootstrap;
pub mod jwt;
pub mod passwords;
