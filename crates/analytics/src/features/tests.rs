use maily_errors::Code;

use super::Features;

#[test]
fn value_that_is_not_finite_is_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(Features::new().with("x", bad).unwrap_err().code(), Code::FeaturesInvalid);
    }
}

#[test]
fn row_is_refused_beyond_its_limit() {
    let mut row = Features::new();
    for _ in 0..Features::LIMIT {
        row = row.with("x", 1.0).unwrap();
    }

    assert_eq!(row.len(), 1024);
    assert_eq!(row.with("x", 1.0).unwrap_err().code(), Code::FeaturesInvalid);
}

#[test]
fn choice_of_one_name_is_not_the_choice_of_another() {
    assert_ne!(Features::hash_pair("ab", "c"), Features::hash_pair("a", "bc"));
    assert_ne!(Features::hash_pair("plan", ""), Features::hash("plan"));
}

#[test]
fn words_of_a_text_weigh_one_together() {
    let row = Features::new().with_words("subject", "Save 20% on shoes").unwrap();

    let weight: f32 = row.iter().map(|(_, value)| value * value).sum();
    assert_eq!(row.len(), 4);
    assert!((weight - 1.0).abs() < 1e-6);
}
