use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::CacheLayer;
use crate::cache::{Cache, CacheConfig};
use crate::{Key, MemoryConfig, MemoryStore, Store as _};

const TTL: Duration = Duration::from_secs(60);

type Answer = Result<Bytes>;

fn cache() -> Cache<MemoryStore> {
    CacheConfig { beta: 0.0, ..CacheConfig::default() }.build(&MemoryStore::default()).unwrap()
}

/// A service that takes a while and answers with the number of the call; a request of its own word is answered so.
fn service(
    cache: Cache<MemoryStore>,
) -> (impl Service<&'static str, Response = Bytes, Error = Error, Future: Send> + Clone, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let inner = service_fn(move |request: &'static str| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            sleep(Duration::from_millis(10)).await;
            match request {
                "error" => Err(Error::from(Code::Unavailable)),
                "empty" => Answer::Ok(Bytes::new()),
                _ => Ok(number.to_string().into()),
            }
        }
    });
    // One key for every request that is to be cached; an empty answer is not kept.
    let identify = |request: &&str| (*request != "private").then(|| Key::new("key").unwrap());
    let codec =
        (|answer: &Bytes| Ok((!answer.is_empty()).then(|| answer.clone())), |kept: Bytes| Answer::Ok(kept));
    (CacheLayer::new(cache, TTL, identify, codec).layer(inner), calls)
}

#[tokio::test(start_paused = true)]
async fn requests_with_one_key_share_one_answer_until_its_time_is_over() {
    let (service, calls) = service(cache());
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        requests.spawn(service.clone().oneshot("ask"));
    }
    for answer in requests.join_all().await {
        assert_eq!(answer.unwrap(), "1");
    }

    advance(TTL).await;
    assert_eq!(service.oneshot("ask").await.unwrap(), "2");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn request_without_a_key_is_passed_on() {
    let (service, _) = service(cache());

    assert_eq!(service.clone().oneshot("private").await.unwrap(), "1");
    assert_eq!(service.oneshot("private").await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn errors_are_not_cached() {
    let (service, _) = service(cache());

    let err = service.clone().oneshot("error").await.unwrap_err();
    let answer = service.oneshot("ask").await.unwrap();

    assert_eq!(err.code(), Code::Unavailable);
    assert_eq!(answer, "2");
}

#[tokio::test(start_paused = true)]
async fn answers_that_the_codec_leaves_out_are_for_who_asked() {
    let (service, calls) = service(cache());
    let mut requests = JoinSet::new();
    for _ in 0..10 {
        requests.spawn(service.clone().oneshot("empty"));
    }

    for answer in requests.join_all().await {
        assert_eq!(answer.unwrap(), "");
    }
    // Nobody got the answer of another one.
    assert_eq!(calls.load(Ordering::SeqCst), 10);
    assert_eq!(service.oneshot("ask").await.unwrap(), "11");
}

#[tokio::test(start_paused = true)]
async fn old_answer_is_given_when_the_service_fails_and_ones_own_when_it_is_not_kept() {
    let (service, _) = service(cache());
    assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");

    advance(TTL).await;
    assert_eq!(service.clone().oneshot("error").await.unwrap(), "1");
    advance(TTL).await;
    assert_eq!(service.clone().oneshot("empty").await.unwrap(), "");
    advance(TTL).await;
    assert_eq!(service.oneshot("ask").await.unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn removal_lets_the_next_request_ask_again() {
    let cache = cache();
    let (service, _) = service(cache.clone());
    assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");

    cache.remove(&Key::new("key").unwrap()).await.unwrap();

    assert_eq!(service.oneshot("ask").await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn only_answers_whose_time_is_over_are_marked() {
    let cache = cache();
    let identify = |_: &&str| Key::new("key").ok();
    let codec = (|answer: &Bytes| Ok(Some(answer.clone())), |kept: Bytes| Answer::Ok(kept));
    let answer = service_fn(async |request: &'static str| match request {
        "error" => Err(Error::from(Code::Unavailable)),
        "slow" => {
            sleep(Duration::from_secs(5)).await;
            Answer::Ok("late".into())
        }
        request => Answer::Ok(request.into()),
    });
    let mark = |stale: Bytes| Bytes::from([stale.as_ref(), b", stale"].concat());
    let service = CacheLayer::new(cache, TTL, identify, codec).with_mark(mark).layer(answer);

    assert_eq!(service.clone().oneshot("new").await.unwrap(), "new");
    assert_eq!(service.clone().oneshot("error").await.unwrap(), "new");

    advance(TTL).await;
    assert_eq!(service.clone().oneshot("error").await.unwrap(), "new, stale");
    // Until the next try nobody is asked, and what was kept has no mark.
    assert_eq!(service.clone().oneshot("new").await.unwrap(), "new, stale");
    advance(TTL).await;
    // Longer than the soft timeout; the load goes on.
    assert_eq!(service.clone().oneshot("slow").await.unwrap(), "new, stale");
    sleep(Duration::from_secs(6)).await;
    assert_eq!(service.oneshot("error").await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn answer_near_its_end_is_refreshed_in_the_background() {
    let eager = CacheConfig { beta: 100.0, ..CacheConfig::default() };
    let (service, calls) = service(eager.build(&MemoryStore::default()).unwrap());
    assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");
    advance(TTL - Duration::from_millis(1)).await;

    // One of a few is early enough, by chance.
    for _ in 0..100 {
        assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_millis(20)).await;

    assert_eq!(service.oneshot("ask").await.unwrap(), "2");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn store_that_is_full_keeps_nothing_and_fails_nothing() {
    let store = MemoryConfig { max_values: 1, ..MemoryConfig::default() }.build();
    store.set(&Key::new("other").unwrap(), Bytes::from_static(b"kept"), None).await.unwrap();
    let (service, _) = service(CacheConfig { beta: 0.0, ..CacheConfig::default() }.build(&store).unwrap());

    assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");
    assert_eq!(service.oneshot("ask").await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn request_is_still_sent_when_the_old_answer_went_out_before_its_turn() {
    let store = MemoryStore::default();
    let config = CacheConfig { beta: 0.0, ..CacheConfig::default() };
    let (other, here) = (config.build(&store).unwrap(), config.build(&store).unwrap());
    let (service, calls) = service(here);
    assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");
    advance(TTL).await;
    // Another process has the turn for longer than the old answer is held back, and fails.
    let key = Key::new("key").unwrap();
    let slow = || async {
        sleep(Duration::from_millis(500)).await;
        Err(Error::from(Code::Unavailable))
    };
    other.get_or_load(&key, TTL, slow).await.unwrap();

    assert_eq!(service.clone().oneshot("ask").await.unwrap(), "1");
    sleep(Duration::from_secs(1)).await;

    assert_eq!(service.oneshot("ask").await.unwrap(), "2");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}
