//! The pairs that are measured, one file each.

pub mod hold;
pub mod http_hold;
pub mod http_read;
pub mod idle_hold;
pub mod neighbours;
pub mod nodes;
pub mod postgres_hold;
pub mod purchase;
pub mod redis_hold;
