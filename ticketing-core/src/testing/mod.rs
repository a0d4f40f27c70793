//! What tests of the engine, and of stores for it, are made of: a clock moved by hand, seeded ids,
//! a gateway and a store that fail on demand, a harness, a conformance suite and a naive model.
//!
//! Whoever writes a store runs the suite against it:
//!
//! ```text
//! async fn open(clock: Arc<dyn Clock>) -> Fixture {
//!     Fixture::of(Arc::new(MyStore::new(clock)))
//! }
//!
//! ticketing_core::conformance!(open);
//! ```

pub mod clock;
pub mod fault;
pub mod gateway;
pub mod harness;
pub mod ids;
pub mod model;
pub mod records;
pub mod suite;
pub mod walk;

pub use self::{
    clock::SimClock,
    fault::{Fault, FaultRates, FaultStore},
    gateway::TestGateway,
    harness::{Fixture, Harness},
    ids::SeededIds,
};
