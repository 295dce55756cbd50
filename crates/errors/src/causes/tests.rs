use proptest::prelude::*;

use super::{Cause, Causes};
use crate::trace::TraceContext;

#[test]
fn largest_list_fits_both_bounds() {
    let name = |index: usize| format!("{index}{}", "x".repeat(Causes::MAX_NAME - 1));

    let causes: Causes =
        (0..9).map(|i| Cause::new(name(i), name(i)).with_trace(TraceContext::root())).collect();

    let json = serde_json::to_string(&causes).unwrap();
    assert_eq!(causes.len(), Causes::MAX);
    assert!(json.len() <= Causes::MAX_BYTES, "{}", json.len());
    assert!(causes.to_string().len() <= Causes::MAX_BYTES, "{}", causes.to_string().len());
}

#[test]
fn name_at_the_limit_is_kept_and_one_letter_more_is_not() {
    let of = |length| [Cause::new("x".repeat(length), "timeout")].into_iter().collect::<Causes>();

    assert_eq!(of(Causes::MAX_NAME).len(), 1);
    assert!(of(Causes::MAX_NAME + 1).is_empty());
}

#[test]
fn loop_of_services_stays_within_the_bound_however_long_it_runs() {
    let mut causes: Causes = [Cause::new("root", "no-node")].into_iter().collect();

    for turn in 0..1000 {
        let service = if turn % 2 == 0 { "a" } else { "b" };
        causes.add(Cause::new(service, "unavailable").with_trace(TraceContext::root()));
    }

    assert_eq!(causes.len(), Causes::MAX);
    assert_eq!(causes.iter().last().unwrap().service, "root");
}

#[test]
fn lines_of_the_header_are_one_list() {
    let mut headers = http::HeaderMap::new();
    headers.append(Causes::HEADER, "\"a\";code=\"timeout\"".parse().unwrap());
    headers.append(Causes::HEADER, "\"b\";code=\"no-node\"".parse().unwrap());

    let causes = Causes::from_headers(&headers);

    assert_eq!(causes.iter().map(|cause| &*cause.service).collect::<Vec<_>>(), ["a", "b"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_header_is_read_without_a_panic(header in "[\"\\\\;=,a-z0-9?.* \t\u{e9}-]{0,80}") {
        let causes = Causes::parse(&header);

        prop_assert_eq!(Causes::parse(&causes.to_string()), causes);
    }

    #[test]
    fn any_entries_stay_within_the_bounds(names in prop::collection::vec((".{0,70}", "[a-z\"-]{0,70}"), 0..20)) {
        let causes: Causes = names.into_iter().map(|(service, code)| Cause::new(service, code)).collect();

        let mut json = Vec::new();
        if !causes.is_empty() {
            causes.write_json(&mut json);
            prop_assert_eq!(serde_json::to_vec(&causes).unwrap(), json.clone());
        }
        prop_assert!(causes.len() <= Causes::MAX && json.len() <= Causes::MAX_BYTES);
        prop_assert_eq!(Causes::parse(&causes.to_string()), causes);
    }
}
