//! The Rust code of the documentation, one item per page: rustdoc runs it as documentation tests.
