//! First-come-first-served ticketing that never oversells, as a library.

#![warn(missing_docs)]

pub mod audit;
pub mod batcher;
pub mod clock;
pub mod command;
pub mod decide;
pub mod engine;
pub mod event;
mod hex;
pub mod hold;
pub mod ids;
pub mod money;
pub mod order;
pub mod outbox;
pub mod payment;
#[cfg(feature = "planted-bugs")]
pub mod planted;
#[cfg(not(feature = "planted-bugs"))]
mod planted;
pub mod seat;
pub mod session;
pub mod store;
pub(crate) mod sync;
#[cfg(feature = "testing")]
pub mod testing;
pub mod ticket;
pub mod user;
pub mod verify;
pub mod waiting_room;

pub use engine::Ticketing;

/// Declares an enum whose values have one spelling in JSON, in tables and in text.
#[macro_export]
#[doc(hidden)]
macro_rules! state_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its spelling everywhere outside of Rust.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("`{}` is none of {}", text.chars().take(64).collect::<String>(), [$($text),+].join(", "))),
                }
            }
        }
    };
}
