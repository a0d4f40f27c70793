//! The program as its users meet it: arguments in; stdout, stderr and an exit code out.

mod catalogue;
mod exit_codes;
mod holds;
mod keys;
mod operations;
mod orders;
mod payments;
mod shop;
mod sold;
mod verify;
