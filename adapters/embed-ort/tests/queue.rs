//! A bounded queue, and no work for those who have gone.

mod assets;

use maily_errors::{Code, Result, Status};
use maily_mesh::Texts;
use tower::{Service as _, ServiceExt as _};

#[tokio::test]
async fn full_queue_throttles_and_the_dropped_call_leaves_it() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut embedder = config.with_threads(1).with_waiting(2048).build()?;
    let full = Texts::new(vec!["a sentence that waits"; Texts::MAX_COUNT])?;
    let one = Texts::new(["one more"])?;

    // One thread takes one text at a time, so that at least 2000 still wait.
    let waiting = embedder.ready().await?.call(full.clone());
    let err = embedder.ready().await?.call(full).await.unwrap_err();
    assert_eq!((err.code(), err.status()), (Code::Throttled, Status::Temporary));
    assert!(err.retry_after().is_some());

    // Nobody waits for them any more: they go past without being embedded.
    drop(waiting);
    let vector = loop {
        match embedder.ready().await?.call(one.clone()).await {
            Ok(vectors) => break vectors,
            Err(err) => assert_eq!(err.code(), Code::Throttled),
        }
    };
    assert_eq!(vector.len(), 1);
    Ok(())
}

#[tokio::test]
async fn longest_batch_is_answered_in_its_order() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let mut embedder = config.with_threads(2).build()?;
    let texts: Vec<_> = (0..64).map(|number| format!("campaign number {number}")).collect();

    let batch = embedder.ready().await?.call(Texts::new(texts.clone())?).await?;
    for index in [0, 31, 63] {
        let alone = embedder.ready().await?.call(Texts::new([texts[index].clone()])?).await?;
        assert_eq!(alone[0], batch[index], "text {index}");
    }
    Ok(())
}
