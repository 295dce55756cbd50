//! The rules that every protocol over this client keeps, as functions that panic on a broken one.
//!
//! The servers in them are real sockets that send recorded bytes, and misbehave. An adapter runs them all with one
//! line in `tests/faults.rs`:
//!
//! ```no_run
//! use maily_client_http1::conformance::Protocol;
//! # use maily_client_http1::{Dialect, Remote};
//! use maily_mesh::Format;
//! # #[derive(Debug)]
//! # struct Own;
//! # impl Dialect for Own {
//! #     const BODY: &'static str = "own::body";
//! #     const BUILD: &'static str = "own::build";
//! #     const CALL: &'static str = "own::call";
//! #     const FORMATS: maily_mesh::Formats = maily_mesh::Formats::CHAT;
//! #     const RATE_LIMITS: &'static str = "x-own-limit-";
//! #     const REQUEST_ID: &'static str = "x-own-id";
//! # }
//! # const EVENTS: &str = "";
//! # const OBJECT: &str = "";
//! # const REFUSAL: &str = "";
//!
//! maily_client_http1::conformance!(Protocol {
//!     node: |url, patience| Remote::<Own>::new(&url, &[("x-own-key", "secret")], patience),
//!     request: &["POST /v1/chat/completions HTTP/1.1", "x-own-key: secret"],
//!     prompt: r#"{"model":"small","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#,
//!     format: Format::Chat,
//!     events: EVENTS,
//!     object: OBJECT,
//!     refusal: REFUSAL,
//! });
//! ```

#![expect(clippy::missing_panics_doc, reason = "every rule panics when it is broken: that is what it is for")]

mod connections;
mod endings;
mod recorded;
mod refusals;

pub use self::connections::*;
pub use self::endings::*;
pub use self::recorded::Protocol;
pub use self::refusals::*;

/// Runs every rule as a test of its own, for one protocol.
#[macro_export]
macro_rules! conformance {
    ($protocol:expr) => {
        $crate::conformance! { @rules $protocol,
            recorded_answers_pass_through_byte_for_byte
            request_carries_the_raw_body_the_fields_and_the_trace
            events_of_one_read_leave_as_one_piece
            interim_heads_are_passed_over
            connection_is_used_again_once_its_answer_is_whole
            prompt_goes_out_again_if_the_node_hung_up_while_the_connection_was_idle
            prompt_goes_out_once_over_a_fresh_connection
            stream_has_no_task
            node_that_is_not_there_is_unreachable
            node_that_hangs_up_has_failed
            stream_that_breaks_off_is_cut
            stream_that_ends_without_an_end_is_incomplete
            length_that_is_a_lie_is_noticed
            answer_of_another_kind_is_malformed
            silent_node_is_left_at_each_phase
            answer_that_is_dropped_hangs_up_at_the_node
            each_status_has_its_code
            refusal_counts_before_the_prompt_was_read
            refusal_counts_without_its_reason
            format_that_is_not_taken_is_refused_before_it_is_sent
        }
    };
    (@rules $protocol:expr, $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::conformance::$rule(&$protocol).await;
            }
        )*
    };
}
