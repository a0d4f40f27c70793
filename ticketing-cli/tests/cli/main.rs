//! The program as its users meet it: arguments in; stdout, stderr and an exit code out.

mod catalogue;
mod exit_codes;
mod holds;
mod keys;
mod payments;
mod shop;
mod verify;
