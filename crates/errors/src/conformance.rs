//! The rules of the ports, for whoever implements one. Feature `conformance`.
//!
//! # Examples
//!
//! In `tests/conformance.rs` of an adapter:
//!
//! ```
//! maily_errors::conformance!(report, maily_errors::MemoryReport::default());
//! ```

use std::thread;

use crate::code::Code;
use crate::model::Error;
use crate::port::Report;

/// Expands to one test per rule of a port.
#[macro_export]
macro_rules! conformance {
    (report, $port:expr) => {
        #[test]
        fn report_takes_an_error_of_every_code() {
            $crate::conformance::takes_every_code(&$port);
        }

        #[test]
        fn report_takes_a_large_error_with_a_deep_chain() {
            $crate::conformance::takes_a_large_error(&$port);
        }

        #[test]
        fn report_takes_errors_from_many_threads() {
            $crate::conformance::takes_many_threads(&$port);
        }
    };
}

/// Rule: every code can be reported.
pub fn takes_every_code(port: &dyn Report) {
    Code::all().for_each(|code| port.report(&Error::from(code)));
}

/// Rule: neither size nor depth of an error makes it fail.
pub fn takes_a_large_error(port: &dyn Report) {
    let deep = (0..100).fold(Error::from(Code::Timeout), |source, _| {
        Error::new(Code::Unavailable, "the call failed").with_source(source)
    });
    port.report(&deep.with_context("text", "\u{0}\u{7f}\u{202e}{}%s\n".repeat(10_000)));
}

/// Rule: it is shared between threads.
pub fn takes_many_threads(port: &dyn Report) {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| port.report(&Error::from(Code::Corrupt))));
        }
    });
}
