//! The ports in memory keep every rule.

mod store {
    maily_canvas::conformance!(store, maily_canvas::memory::MemoryStore::default());
}

mod bus {
    maily_canvas::conformance!(bus, maily_canvas::memory::MemoryBus::default());
}
