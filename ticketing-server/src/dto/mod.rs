//! What requests, answers and refusals look like in JSON.

pub mod admin;
pub mod audit;
pub mod auth;
pub mod catalogue;
pub mod checkin;
pub mod holds;
mod object;
pub mod orders;
pub mod payments;
pub mod queue;
pub mod reconcile;
pub mod tickets;

use std::str::FromStr;

use serde::Serialize;
use ticketing_core::store::{Page, PageRequest};

use crate::error::ApiError;

/// A page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Where the next page starts; `null`: this is the last.
    pub next_cursor: Option<String>,
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next_cursor: page.next }
    }
}

/// `page`, if its cursor is one that a list of `I` gives.
///
/// # Errors
/// 400 that names the cursor.
pub fn page_of<I: FromStr>(page: PageRequest) -> Result<PageRequest, ApiError> {
    match page.after.as_deref().map(str::parse::<I>) {
        None | Some(Ok(_)) => Ok(page),
        Some(Err(_)) => Err(ApiError::invalid_field("cursor", "not one of this list's")),
    }
}
