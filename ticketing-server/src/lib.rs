//! The ticketing engine over HTTP.
//!
//! [`app`] makes the routes of an assembled [`App`](state::App), [`serve`] serves them on a
//! listener until it is told to stop. [`startup`] assembles everything a [`Config`](config::Config)
//! names.

#![warn(missing_docs)]

pub mod args;
pub mod auth;
mod cache;
pub mod capacity;
pub mod config;
pub mod demo;
mod dto;
pub mod error;
pub mod extract;
pub mod gateway;
pub mod limits;
pub mod openapi;
mod qr;
pub mod routes;
pub mod server;
pub mod startup;
pub mod state;
mod tasks;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod unread;

pub use self::{routes::app, server::serve};
