use maily_errors::Code;
use tower::ServiceExt;

use super::HashEmbedder;
use crate::model::{Embedding, Texts};

#[test]
fn cosine_is_the_plain_sum() {
    let values = |seed: u32| (0..387_u32).map(move |i| ((i * seed) % 17) as f32 - 8.0).collect::<Vec<_>>();
    let (left, right) = (Embedding::normalized(values(3)), Embedding::normalized(values(5)));

    let plain: f32 = left.as_slice().iter().zip(right.as_slice()).map(|(left, right)| left * right).sum();

    assert!((left.cosine(&right) - plain).abs() < 1e-5);
    assert!((left.cosine(&left) - 1.0).abs() < 1e-5);
}

#[test]
fn vector_that_is_not_finite_still_has_length_one() {
    let vector = Embedding::normalized(vec![f32::NAN, 3.0, f32::INFINITY, 4.0]);

    assert_eq!(vector.as_slice(), [0.0, 0.6, 0.0, 0.8]);
}

#[tokio::test]
async fn texts_keep_their_limits() {
    assert_eq!(Texts::new(Vec::<String>::new()).unwrap_err().code(), Code::Invalid);
    assert_eq!(Texts::new(vec!["x"; Texts::MAX_COUNT + 1]).unwrap_err().code(), Code::TooLarge);
    assert_eq!(Texts::new(["x".repeat(Texts::MAX_BYTES + 1)]).unwrap_err().code(), Code::TooLarge);
    let most = Texts::new(vec!["x"; Texts::MAX_COUNT]).unwrap();
    assert_eq!(HashEmbedder.oneshot(most).await.unwrap().len(), Texts::MAX_COUNT);
}
