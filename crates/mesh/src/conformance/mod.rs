//! The rules of each port, as functions that panic on a broken one.
//!
//! An adapter runs them all with one line in `tests/conformance.rs`; the expression is evaluated
//! once for each rule and may `.await`:
//!
//! ```no_run
//! use maily_mesh::memory::HashEmbedder;
//! use maily_mesh::recall::Memories;
//!
//! maily_mesh::conformance!(embed, HashEmbedder);
//! maily_mesh::conformance!(recall, Memories::new(HashEmbedder));
//! ```

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "every rule panics when it is broken: that is what it is for"
)]

pub mod accounts;
pub mod archive;
pub mod embed;
pub mod gossip;
pub mod llm;
pub mod nodes;
pub mod recall;
pub mod transcripts;

/// Runs every rule of a port as a test of its own: of `llm`, `embed`, `nodes`, `recall`, `archive`, `gossip`, `accounts` or
/// `transcripts`.
#[macro_export]
macro_rules! conformance {
    (llm, $port:expr) => {
        $crate::conformance! { @rules llm, $port,
            whole_answer_is_one_object
            streamed_answer_is_events_up_to_done
            streamed_and_whole_answers_say_the_same
            tokens_are_counted_when_asked
            max_tokens_bounds_the_answer
            unknown_fields_are_tolerated
            empty_text_is_answered_or_refused
            huge_prompt_is_answered_or_refused
            dropped_future_leaves_the_node_usable
            dropped_body_leaves_the_node_usable
            eight_prompts_at_once_are_answered
        }
    };
    (embed, $port:expr) => {
        $crate::conformance! { @rules embed, $port,
            one_vector_for_each_text_in_order
            all_vectors_have_one_dimension_and_length_one
            same_text_gives_the_same_vector_alone_and_in_a_batch
            empty_text_is_answered
            longest_text_is_answered
            near_texts_are_nearer_than_others
        }
    };
    (nodes, $port:expr) => {
        $crate::conformance! { @rules nodes, $port,
            what_is_there_is_inserted_first
            node_has_the_name_of_its_source
            node_is_inserted_once_while_nothing_changes
        }
    };
    (recall, $port:expr) => {
        $crate::conformance! { @rules recall, $port,
            stored_memory_is_found_at_once
            best_comes_first_and_the_limit_holds
            tenants_do_not_see_each_other
            forgotten_memory_is_not_found
            empty_text_and_wrong_limits_are_refused
            rare_word_is_found_whatever_the_meaning
            same_question_has_the_same_answer
            memory_whose_time_is_over_is_not_found
            memories_are_listed_page_by_page
            forgotten_tenant_is_empty_and_others_stay
        }
    };
    (archive, $port:expr) => {
        $crate::conformance! { @rules archive, $port,
            appended_memories_are_loaded_as_they_were
            pages_come_in_order_and_end
            memory_appended_again_is_replaced
            removed_memories_are_gone
            biggest_memory_is_kept
            many_at_once_are_all_kept
            opened_memories_answer_as_before
        }
    };
    (accounts, $port:expr) => {
        $crate::conformance! { @rules accounts, $port,
            no_more_is_drawn_than_the_limit
            grant_is_between_the_least_and_the_most_or_nothing
            given_back_can_be_drawn_again
            pots_do_not_see_each_other
            grant_says_what_is_drawn
            dropped_draws_make_nothing
        }
    };
    (gossip, $port:expr) => {
        $crate::conformance! { @rules gossip, $port,
            instances_find_each_other
            published_value_reaches_the_other
            newest_value_wins_and_never_goes_back
            keys_of_one_beginning_are_found
            withdrawn_key_is_gone
            change_is_told
            limits_hold_at_their_edge
        }
    };
    (transcripts, $port:expr) => {
        $crate::conformance! { @rules transcripts, $port,
            pages_are_read_as_they_were_written
            page_is_written_once
            reading_ends_before_a_gap
            streams_do_not_see_each_other
            page_is_gone_after_its_time
            largest_page_is_kept
            dropped_write_has_happened_or_not
        }
    };
    (@rules $of:ident, $port:expr, $($rule:ident)*) => {
        mod $of {
            #[allow(unused_imports, reason = "the expression may need what its file imports")]
            use super::*;
            $(
                #[tokio::test]
                async fn $rule() {
                    $crate::conformance::$of::$rule($port).await;
                }
            )*
        }
    };
}
