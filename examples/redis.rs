//! One function over the store, first in memory, then on a server if `REDIS_URL` says where one is.

use std::time::Duration;

use maily::errors::{Code, Error, Public, Result};
use maily::redis::layer::deadline::DeadlineLayer;
use maily::redis::{Key, MemoryStore, Store, StoreRequest, StoreService, Swap};
use maily_store_redis::RedisConfig;
use tower::{ServiceBuilder, ServiceExt as _};

/// Lets a campaign send at most `limit` mails a minute.
async fn admit(store: &impl Store, campaign: &str, limit: i64) -> Result<()> {
    let window = Duration::from_secs(60);
    let key = Key::new(format!("sent:{campaign}"))?;
    if store.increment(&key, 1, Some(window)).await? <= limit {
        return Ok(());
    }
    Err(Error::new(Code::Throttled, "the campaign sent its mails of this minute")
        .with_context("limit_per_minute", Public(limit))
        .with_retry_after(window))
}

async fn campaign(store: &impl Store) -> Result<()> {
    for _ in 0..3 {
        admit(store, "spring", 3).await?;
    }
    let err = admit(store, "spring", 3).await.expect_err("the fourth mail is over the limit");
    assert_eq!(err.code(), Code::Throttled);

    // Two editors save the same draft; the second one learns that it is late.
    let draft = Key::new("draft:spring")?;
    let save = |expected: Option<&'static str>, value: &'static str| Swap {
        expected: expected.map(Into::into),
        value: Some(value.into()),
        ttl: None,
    };
    assert!(store.compare_and_set(&draft, save(None, "by Ada")).await?);
    assert!(store.compare_and_set(&draft, save(Some("by Ada"), "by Ada and Bob")).await?);
    assert!(!store.compare_and_set(&draft, save(Some("by Ada"), "by Cid")).await?);

    for key in [draft, Key::new("sent:spring")?] {
        assert!(store.remove(&key).await?);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    campaign(&MemoryStore::default()).await?;
    if let Ok(url) = std::env::var("REDIS_URL") {
        let mut config = RedisConfig::new(url);
        config.prefix = "maily-example:".to_owned();
        campaign(&config.build()?).await?;
    }

    // Under layers the store is a service: requests in, replies out.
    let service = ServiceBuilder::new()
        // One budget for the whole operation.
        .layer(DeadlineLayer::new(Duration::from_millis(250)))
        .service(StoreService::new(MemoryStore::default()));
    let get = StoreRequest::Get { key: Key::new("nothing")? };
    assert_eq!(service.oneshot(get).await?.into_value()?, None);
    Ok(())
}
