//! The rules of the ports, for whoever implements one. Feature `conformance`.
//!
//! # Examples
//!
//! In `tests/conformance.rs` of an adapter; the expression is evaluated in each test and may `.await`:
//!
//! ```
//! maily_redis::conformance!(store, maily_redis::MemoryStore::default());
//! ```
//!
//! Where the port may be missing, it is an `Option`, and `None` ends the test:
//!
//! ```
//! maily_redis::conformance!(store, optional None::<maily_redis::MemoryStore>);
//! ```

mod store;
mod transport;

pub use self::store::*;
pub use self::transport::*;

/// Expands to one test per rule of a port: `store` or `transport`.
#[macro_export]
macro_rules! conformance {
    (store, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            store_returns_what_was_set
            store_keeps_any_bytes
            store_swaps_only_the_expected_value
            store_lets_one_of_many_win_a_swap
            store_counts_without_losing_a_step
            store_refuses_to_count_what_is_no_number
            store_ends_values_on_time
            store_changes_the_time_to_live
            store_keeps_the_time_to_live_of_a_counter
            store_forgets_the_time_to_live_when_set_again
            store_removes_once
            store_keeps_its_limits
        );
    };
    (store, $port:expr) => { $crate::conformance!(store, optional Some($port)); };
    (transport, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            transport_returns_any_bytes
            transport_tells_replies_apart
            transport_gives_each_call_its_own_reply
            transport_mixes_no_replies_when_calls_are_dropped
            transport_answers_by_the_deadline
        );
    };
    (transport, $port:expr) => { $crate::conformance!(transport, optional Some($port)); };
    (@each [$port:expr] $($rule:ident)*) => {$(
        #[tokio::test]
        async fn $rule() {
            if let Some(port) = $port {
                $crate::conformance::$rule(&port).await;
            }
        }
    )*};
}
