//! Fractional indexes keep their order however they are made.

use maily_canvas::scene::between;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn inserting_anywhere_keeps_the_order(places in proptest::collection::vec(any::<prop::sample::Index>(), 1..200)) {
        let mut order: Vec<String> = Vec::new();
        for place in places {
            let at = place.index(order.len() + 1);
            let low = at.checked_sub(1).map(|low| order[low].as_str());
            let index = between(low, order.get(at).map(String::as_str));
            order.insert(at, index);
        }
        prop_assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        prop_assert!(order.iter().all(|index| !index.ends_with('0')));
    }

    #[test]
    fn foreign_indexes_are_taken(low in ".{0,8}", high in ".{0,8}") {
        let index = between(Some(&low), Some(&high));
        prop_assert!(!index.is_empty() && index.is_ascii());
    }
}

#[test]
fn zeros_at_the_end_of_a_foreign_index_leave_room() {
    for (low, high) in [("1", "10"), ("1", "1000"), ("", "0"), ("0", "00"), ("V0", "V00"), ("1", "1 ")] {
        assert!(low < between(Some(low), Some(high)).as_str(), "{low:?} {high:?}");
    }
}

#[test]
fn appending_a_thousand_stays_short() {
    let mut last = between(None, None);
    for _ in 0..1_000 {
        let next = between(Some(&last), None);
        assert!(last < next);
        last = next;
    }
    assert!(last.len() <= 40, "{} bytes", last.len());
}
