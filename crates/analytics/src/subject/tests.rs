use maily_errors::Code;

use super::*;

fn has(row: &Features, name: &str) -> bool {
    row.iter().any(|(hash, _)| hash == Features::hash(name))
}

#[test]
fn marks_of_a_subject_become_features() {
    let row = features("🎉 SAVE 20% NOW?!", &Context::default()).unwrap();

    for name in ["emoji", "question", "exclamation", "digits", "percent", "shouting"] {
        assert!(has(&row, &format!("subject.{name}")), "{name}");
    }
    assert!(!has(&row, "subject.personal"));
}

#[test]
fn name_or_placeholder_is_personal() {
    let ann = Context { recipient_name: Some("Ann".to_owned()), ..Context::default() };

    assert!(has(&features("ann, your order", &ann).unwrap(), "subject.personal"));
    assert!(has(&features("{{first_name}}, your order", &Context::default()).unwrap(), "subject.personal"));
    assert!(!has(&features("your order", &ann).unwrap(), "subject.personal"));
}

#[test]
fn subject_is_refused_beyond_its_limit() {
    assert!(features(&"x".repeat(998), &Context::default()).is_ok());
    let err = features(&"x".repeat(999), &Context::default()).unwrap_err();
    assert_eq!(err.code(), Code::FeaturesInvalid);
}

#[test]
fn hour_is_refused_beyond_23() {
    let at = |hour| features("hello", &Context { hour: Some(hour), ..Context::default() });

    assert!(at(23).is_ok());
    assert_eq!(at(24).unwrap_err().code(), Code::FeaturesInvalid);
}

#[test]
fn longest_subject_fits_into_a_row() {
    // 499 words of one letter: the most that 998 bytes can hold.
    assert!(features(&"a ".repeat(499), &Context::default()).is_ok());
}
