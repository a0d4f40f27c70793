//! The memory store keeps every promise of the storage traits, and the engine its own on it.

use std::sync::Arc;

use ticketing_core::{clock::Clock, store::memory::MemoryStore, testing::Fixture};

async fn memory(clock: Arc<dyn Clock>) -> Fixture {
    Fixture::of(Arc::new(MemoryStore::new(clock)))
}

ticketing_core::conformance!(memory);
