use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use maily_errors::Code;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use super::{Cache, CacheLayer, Rules, Which};
use crate::memory::{Scripted, Step};
use crate::model::{Betas, CacheStatus, Caching, Format, Prompt};

fn numbered() -> Scripted {
    Scripted::new((0..20).map(|number| Step::Answer(format!("answer {number}"))))
}

fn cache(node: &Scripted) -> Cache<Scripted> {
    CacheLayer::new(Rules::default()).layer(node.clone())
}

fn body(fields: &str) -> Prompt {
    let said = r#""messages":[{"role":"user","content":"Hi"}]"#;
    Prompt::parse(format!(r#"{{"model":"m",{said},"temperature":0{fields}}}"#)).unwrap()
}

async fn ask(cache: &Cache<Scripted>, prompt: Prompt) -> (Option<CacheStatus>, String) {
    let answer = cache.clone().oneshot(prompt).await.unwrap();
    (answer.head.cached.map(|cached| cached.status), answer.into_text().await.unwrap())
}

#[tokio::test]
async fn equal_prompt_is_answered_from_memory_in_its_own_form() {
    let (node, hit) = (numbered(), Some(CacheStatus::Hit));
    let cache = cache(&node);
    assert_eq!(ask(&cache, body("")).await, (Some(CacheStatus::Miss), "answer 0".to_owned()));
    assert_eq!(ask(&cache, body("")).await, (hit, "answer 0".to_owned()));
    // A stream comes from a stream.
    assert_eq!(ask(&cache, body(r#","stream":true"#)).await.1, "answer 1");
    assert_eq!(ask(&cache, body(r#","stream":true"#)).await, (hit, "answer 1".to_owned()));
}

#[tokio::test]
async fn order_of_fields_and_who_asks_do_not_count() {
    let node = numbered();
    let cache = cache(&node);
    ask(&cache, body(r#","user":"a","metadata":{"x":[1,"}"]},"stop":["x"]"#)).await;
    let turned = r#"{ "stop":["x"],"temperature":0, "messages":[{"role":"user","content":"Hi"}] ,"model":"m","user":"b" }"#;

    assert_eq!(ask(&cache, Prompt::parse(turned).unwrap()).await.0, Some(CacheStatus::Hit));
}

#[tokio::test]
async fn whatever_may_change_the_answer_makes_another_prompt() {
    let node = numbered();
    let cache = cache(&node);
    ask(&cache, body("")).await;

    let others = [
        body("").with_tenant("other"),
        body("").with_model("n"),
        body("").with_betas(Betas::new(["context-1m"]).unwrap()),
        body(r#","max_tokens":5"#),
        body(r#","unknown":1"#),
        body(r#","seed":12345678901234567"#),
        body(r#","seed":12345678901234568"#),
        body("").with_system("recalled").unwrap(),
        body("").with_event_ids(),
        Prompt::parse_as(Format::Messages, body("").body().clone()).unwrap(),
    ];
    for prompt in others {
        assert_eq!(ask(&cache, prompt.clone()).await.0, Some(CacheStatus::Miss), "{prompt:?}");
    }
}

#[tokio::test]
async fn only_repeatable_prompts_without_tools_are_kept() {
    let parse = |body: &str| Prompt::parse(body.to_owned()).unwrap();
    let said = r#""messages":[{"role":"user","content":"Hi"}],"model":"m""#;
    let passing = [
        parse(&format!("{{{said}}}")),
        parse(&format!(r#"{{{said},"temperature":0.1}}"#)),
        parse(&format!(r#"{{{said},"seed":null}}"#)),
        // Which of two counts is up to the node.
        parse(&format!(r#"{{{said},"x":1,"temperature":0,"x":2}}"#)),
        body(r#","tools":[{"type":"function"}]"#),
        body(r#","previous_response_id":"r""#),
        body("").with_caching(Caching::Off),
    ];
    for prompt in passing {
        let node = numbered();
        let cache = cache(&node);
        assert_eq!(ask(&cache, prompt.clone()).await.0, None, "{prompt:?}");
        assert_eq!(ask(&cache, prompt).await.1, "answer 1");
    }
    for (rules, prompt) in [
        (Rules { which: Which::All, ..Rules::default() }, parse(&format!("{{{said}}}"))),
        (Rules { tools: true, ..Rules::default() }, body(r#","tools":[{"type":"function"}]"#)),
        (Rules::default(), parse(&format!(r#"{{{said},"seed":7,"tools":[]}}"#))),
        (Rules::default(), parse(&format!(r#"{{{said},"temperature":0.0e1}}"#))),
    ] {
        let cache = CacheLayer::new(rules).layer(numbered());
        ask(&cache, prompt.clone()).await;
        assert_eq!(ask(&cache, prompt).await.0, Some(CacheStatus::Hit));
    }
}

#[tokio::test]
async fn answer_that_is_not_whole_is_not_kept() {
    for step in [Step::Cut("half".into()), Step::Fail(Code::NodeFailed), Step::Stall("half".into())] {
        for stream in ["", r#","stream":true"#] {
            let node = Scripted::new([step.clone(), Step::Answer("whole".into())]);
            let cache = cache(&node);
            // Left when it is silent.
            let first = async {
                let mut body = cache.clone().oneshot(body(stream)).await?.body;
                while let Some(chunk) = body.next().await {
                    chunk?;
                }
                Ok::<_, maily_errors::Error>(())
            };
            assert!(first.now_or_never().is_none_or(|read| read.is_err()));
            assert_eq!(
                ask(&cache, body(stream)).await,
                (Some(CacheStatus::Miss), "whole".to_owned()),
                "{step:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answer_is_kept_until_its_time_is_over() {
    let node = numbered();
    let cache = CacheLayer::new(Rules { ttl: Duration::from_secs(10), ..Rules::default() }).layer(node);
    ask(&cache, body("")).await;

    tokio::time::advance(Duration::from_millis(9_999)).await;
    let answer = cache.clone().oneshot(body("")).await.unwrap();
    assert_eq!(answer.head.cached.unwrap().age, Duration::from_millis(9_999));
    tokio::time::advance(Duration::from_millis(1)).await;

    assert_eq!(ask(&cache, body("")).await, (Some(CacheStatus::Miss), "answer 1".to_owned()));
}

#[tokio::test]
async fn fresh_answer_takes_the_place_of_the_one_in_memory() {
    let cache = cache(&numbered());
    ask(&cache, body("")).await;

    let fresh = ask(&cache, body("").with_caching(Caching::Refresh)).await;

    assert_eq!(fresh, (Some(CacheStatus::Refresh), "answer 1".to_owned()));
    assert_eq!(ask(&cache, body("")).await, (Some(CacheStatus::Hit), "answer 1".to_owned()));
}

#[tokio::test]
async fn memory_stays_within_its_limits() {
    let rules = Rules { max_entries: 64, max_bytes: 512 * 1024, ..Rules::default() };
    let layer = CacheLayer::new(rules);
    let cache = layer.layer(Scripted::new([Step::Answer("yes".into())]));
    for number in 0..400 {
        ask(&cache, body(&format!(r#","seed":{number}"#))).await;
    }
    let (entries, bytes, flights) = layer.store.as_ref().unwrap().size();
    assert!((32..=64).contains(&entries), "{entries}");
    assert!(bytes <= 512 * 1024, "{bytes}");
    assert_eq!(flights, 0);
}

#[tokio::test]
async fn equal_prompts_at_one_time_make_one_call() {
    for stream in ["", r#","stream":true"#] {
        let node = numbered();
        let cache = cache(&node);
        let answers = join_all((0..50).map(|_| cache.clone().oneshot(body(stream)))).await;
        let (mut statuses, mut texts) = (Vec::new(), Vec::new());
        for answer in answers {
            let answer = answer.unwrap();
            statuses.push(answer.head.cached.unwrap().status);
            texts.push(answer.into_text().await.unwrap());
        }
        assert_eq!(node.calls(), 1);
        assert!(texts.iter().all(|text| text == "answer 0"));
        assert_eq!(statuses[0], CacheStatus::Miss);
        assert!(statuses[1..].iter().all(|status| *status == CacheStatus::Shared));
    }
}

#[tokio::test]
async fn everybody_gets_the_error_of_the_shared_call() {
    let node = Scripted::new([Step::Throttle(Duration::from_secs(7)), Step::Answer("later".into())]);
    let cache = cache(&node);

    let mut cache_of_all = cache.clone();
    let calls: Vec<_> = (0..3).map(|_| cache_of_all.call(body(""))).collect();

    for answer in join_all(calls).await {
        let err = answer.unwrap_err();
        assert_eq!((err.code(), err.retry_after()), (Code::NodeThrottled, Some(Duration::from_secs(7))));
        assert_eq!(err.operation(), Some("scripted::call"));
    }
    assert_eq!(ask(&cache, body("")).await.1, "later");
}

#[tokio::test(start_paused = true)]
async fn each_reader_of_a_shared_call_keeps_its_own_deadline() {
    let node = Scripted::new([Step::Hang]);
    let cache = cache(&node);
    let start = Instant::now();
    let soon = body("").with_deadline(start + Duration::from_secs(1));
    let late = body("").with_deadline(start + Duration::from_secs(60));

    let mut first = Box::pin(cache.clone().oneshot(late.clone()));
    assert!((&mut first).now_or_never().is_none());
    let err = cache.clone().oneshot(soon.clone()).await.unwrap_err();
    assert_eq!((err.code(), start.elapsed()), (Code::Timeout, Duration::from_secs(1)));
    assert_eq!(node.calls(), 1);
    drop(first);

    // Who has much more time does not depend on who has little.
    let short = Box::pin(cache.clone().oneshot(soon.with_deadline(Instant::now() + Duration::from_secs(1))));
    let long = Box::pin(cache.clone().oneshot(late.with_deadline(Instant::now() + Duration::from_secs(60))));
    assert!(futures_util::future::join(short, long).now_or_never().is_none());
    assert_eq!(node.calls(), 3);
}
