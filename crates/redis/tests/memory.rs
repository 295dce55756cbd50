//! The store in memory ends values to the millisecond and keeps its limit.

use std::time::Duration;

use maily_errors::{Code, Result};
use maily_redis::{Key, MemoryConfig, MemoryStore, Store as _};
use proptest::prelude::*;
use tokio::time::advance;

const TTL: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn value_is_there_until_its_time_is_over() -> Result<()> {
    let store = MemoryStore::default();
    let key = Key::new("k")?;
    store.set(&key, "v".into(), Some(TTL)).await?;

    advance(TTL - Duration::from_millis(1)).await;
    assert_eq!(store.get(&key).await?, Some("v".into()));

    advance(Duration::from_millis(1)).await;
    assert_eq!(store.get(&key).await?, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn value_whose_time_is_over_makes_room() -> Result<()> {
    let mut config = MemoryConfig::default();
    config.max_values = 2;
    let store = config.build();
    let [one, two, three] = ["1", "2", "3"].map(Key::new);
    store.set(&one?, "v".into(), Some(TTL)).await?;
    let two = two?;
    store.set(&two, "v".into(), None).await?;

    let three = three?;
    let full = store.set(&three, "v".into(), None).await;
    store.set(&two, "replaced".into(), None).await?;
    advance(TTL).await;
    store.set(&three, "v".into(), None).await?;

    assert_eq!(full.unwrap_err().code(), Code::RedisStoreFull);
    assert_eq!(store.len(), 2);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counter_is_the_sum_of_its_steps(steps in prop::collection::vec(-1_000_i64..1_000, 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sum = runtime.block_on(async {
            let store = MemoryStore::default();
            let key = Key::new("sum")?;
            let mut sum = 0;
            for step in &steps {
                sum = store.increment(&key, *step, None).await?;
            }
            Result::<i64>::Ok(sum)
        });
        prop_assert_eq!(sum.unwrap(), steps.iter().sum::<i64>());
    }
}
