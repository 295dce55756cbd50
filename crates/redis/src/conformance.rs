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

mod bus;
mod cache;
mod idempotency;
mod jobs;
mod limit;
mod listen;
mod lock;
mod store;
mod transport;

pub use self::bus::*;
pub use self::cache::*;
pub use self::idempotency::*;
pub use self::jobs::*;
pub use self::limit::*;
pub use self::listen::*;
pub use self::lock::*;
pub use self::store::*;
pub use self::transport::*;

/// Expands to one test per rule of a port: `bus`, `cache`, `idempotency`, `jobs`, `limit`, `listen`, `lock`, `store` or
/// `transport`.
#[macro_export]
macro_rules! conformance {
    (bus, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            bus_brings_messages_in_order
            bus_brings_messages_to_their_channel
            bus_says_what_a_slow_reader_missed
            bus_keeps_its_limits
        );
    };
    (bus, $port:expr) => { $crate::conformance!(bus, optional Some($port)); };
    (jobs, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            jobs_are_handed_out_in_order
            jobs_carry_the_trace_of_who_appended_them
            jobs_belong_to_one_worker
            jobs_are_waited_for
            jobs_with_one_key_are_one
            jobs_are_seen_when_they_are_due
            jobs_become_due_while_a_worker_waits
            jobs_that_were_left_are_handed_out_again
            jobs_that_are_extended_are_kept
            jobs_that_are_lost_stay_with_their_new_worker
            jobs_that_failed_come_back_later
            jobs_die_with_their_last_delivery
            jobs_on_their_last_delivery_are_alone
            jobs_on_their_last_delivery_do_not_wait_for_a_busy_worker
            jobs_that_were_left_together_are_taken_one_by_one
            dead_letters_are_listed_in_pieces
            dead_letters_are_listed_requeued_and_discarded
            jobs_that_are_handed_back_were_not_delivered
            jobs_that_are_handed_back_twice_were_handed_back_once
            workers_that_are_gone_are_forgotten
            jobs_are_counted_where_they_are
            jobs_keep_their_limits
            claims_are_bounded
            worker_does_every_job
        );
    };
    (jobs, $port:expr) => { $crate::conformance!(jobs, optional Some($port)); };
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
            transport_waits_apart
            transport_ends_the_wait_of_a_dropped_call
        );
    };
    (transport, $port:expr) => { $crate::conformance!(transport, optional Some($port)); };
    (cache, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            cache_hears_every_change
            cache_returns_own_writes
            cache_ends_values_on_time
            cache_is_never_stale_for_good
            cache_loads_once_for_all
            cache_keeps_no_load_that_a_removal_overtook
            cache_answers_stale_for_a_loader_that_fails
            cache_keeps_absence
        );
    };
    (cache, $port:expr) => { $crate::conformance!(cache, optional Some($port)); };
    (idempotency, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            idempotency_runs_once
            idempotency_runs_once_for_many
            idempotency_knows_its_request
            idempotency_says_that_work_runs
            idempotency_forgets_failures
            idempotency_outlives_its_runner
            idempotency_renews_while_it_runs
            idempotency_keeps_answers_for_their_time
            idempotency_keeps_its_limits
        );
    };
    (idempotency, $port:expr) => { $crate::conformance!(idempotency, optional Some($port)); };
    (limit, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            limit_allows_a_burst
            limit_allows_again_in_time
            limit_takes_a_cost_or_nothing
            limit_counts_callers_at_once
            limit_names_are_any_bytes
            limit_changes_its_quota
            limit_keeps_its_ranges
            limit_keeps_its_rate
        );
    };
    (limit, $port:expr) => { $crate::conformance!(limit, optional Some($port)); };
    (listen, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            listen_hears_changes_of_what_was_read
            listen_is_quiet_about_what_was_not_read
            listen_hears_every_message
            listen_ends_with_its_subscription
            listen_ends_with_what_it_returned
        );
    };
    (listen, $port:expr) => { $crate::conformance!(listen, optional Some($port)); };
    (lock, optional $port:expr) => {
        $crate::conformance!(@each [$port]
            lock_is_granted_to_one_owner
            lock_tokens_grow_with_each_grant
            lock_ends_with_its_lease
            lock_asked_for_again_keeps_its_token
            lock_is_promised_to_one_waiter
            lock_obeys_only_its_owner
            lock_names_are_any_bytes
            lock_is_kept_while_its_guard_lives
            lock_waiters_end_in_time
            lock_loss_is_signalled_in_a_third
        );
    };
    (lock, $port:expr) => { $crate::conformance!(lock, optional Some($port)); };
    (@each [$port:expr] $($rule:ident)*) => {$(
        #[tokio::test]
        async fn $rule() {
            if let Some(port) = $port {
                $crate::conformance::$rule(&port).await;
            }
        }
    )*};
}
