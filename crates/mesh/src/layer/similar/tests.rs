use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use maily_errors::{Code, Error};
use tower::{Layer, ServiceExt, service_fn};

use super::{Rules, Similar, SimilarLayer};
use crate::layer::cache::{self, CacheLayer};
use crate::memory::{HashEmbedder, Scripted, Step};
use crate::model::{CacheStatus, Caching, Format, Prompt, Texts};
use crate::port::AnyEmbed;

/// Every answer may stand for every similar prompt, so that what is similar can be seen.
fn always() -> Rules {
    Rules { max_wrong: 1.0, ..Rules::default() }
}

fn numbered() -> Scripted {
    Scripted::new((0..20).map(|number| Step::Answer(format!("answer {number}"))))
}

fn similar(rules: Rules, node: &Scripted) -> Similar<Scripted> {
    SimilarLayer::new(rules, AnyEmbed::new(HashEmbedder)).layer(node.clone())
}

fn body(said: &str, fields: &str) -> Prompt {
    let said = format!(
        r#""messages":[{{"role":"system","content":"Be brief"}},{{"role":"user","content":"{said}"}}]"#
    );
    Prompt::parse(format!(r#"{{"model":"m",{said},"temperature":0{fields}}}"#)).unwrap()
}

fn sale() -> Prompt {
    body("When does the sale begin?", "")
}

async fn ask(service: &Similar<Scripted>, prompt: Prompt) -> (Option<CacheStatus>, String) {
    let answer = service.clone().oneshot(prompt).await.unwrap();
    (answer.head.cached.map(|cached| cached.status), answer.into_text().await.unwrap())
}

const SIMILAR: Option<CacheStatus> = Some(CacheStatus::Similar);

#[tokio::test]
async fn similar_prompt_gets_the_answer_of_the_nearest_one() {
    let node = numbered();
    let service = similar(always(), &node);
    assert_eq!(ask(&service, sale()).await, (None, "answer 0".to_owned()));

    assert_eq!(ask(&service, body("When does our sale begin?", "")).await, (SIMILAR, "answer 0".to_owned()));
    assert_eq!(ask(&service, sale()).await.0, SIMILAR);
    assert_eq!(node.calls(), 1);
}

#[tokio::test]
async fn only_the_last_words_of_the_person_may_differ() {
    let node = numbered();
    let service = similar(always(), &node);
    ask(&service, sale()).await;

    let system = sale().body().to_vec();
    let system = String::from_utf8(system).unwrap().replace("Be brief", "Be kind");
    let others = [
        sale().with_tenant("other"),
        sale().with_model("n"),
        sale().with_event_ids(),
        sale().with_system("recalled").unwrap(),
        body("When does the sale begin?", r#","stream":true"#),
        body("When does the sale begin?", r#","max_tokens":5"#),
        body("When does the sale begin?", r#","stop":["x"]"#),
        Prompt::parse(system).unwrap(),
        Prompt::parse_as(Format::Messages, sale().body().clone()).unwrap(),
    ];
    for prompt in others {
        assert_eq!(ask(&service, prompt.clone()).await.0, None, "{prompt:?}");
    }
}

#[tokio::test]
async fn text_is_found_in_every_format() {
    let bodies = [
        (Format::Chat, r#""messages":[{"role":"user","content":[{"type":"text","text":"TEXT"}]}]"#),
        (Format::Completions, r#""prompt":"TEXT""#),
        (Format::Responses, r#""input":"TEXT""#),
        (
            Format::Responses,
            r#""input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"TEXT"}]}]"#,
        ),
        (Format::Messages, r#""max_tokens":5,"messages":[{"role":"user","content":"TEXT"}]"#),
    ];
    for (format, said) in bodies {
        let node = numbered();
        let service = similar(always(), &node);
        let prompt = |text: &str| {
            let said = said.replace("TEXT", text);
            let body = format!(r#"{{"model":"m",{said},"temperature":0}}"#);
            Prompt::parse_as(format, body).unwrap()
        };
        ask(&service, prompt("When does the sale begin?")).await;

        let again = ask(&service, prompt("When does our sale begin?")).await;

        assert_eq!(again, (SIMILAR, "answer 0".to_owned()), "{said}");
    }
}

#[tokio::test]
async fn what_is_no_plain_question_passes() {
    let parse = |said: &str| Prompt::parse(format!(r#"{{"model":"m","temperature":0,{said}}}"#)).unwrap();
    let node = numbered();
    let service = similar(always(), &node);
    let passing = [
        parse(r#""messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]"#),
        parse(
            r#""messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#,
        ),
        parse(r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]"#),
        parse(r#""messages":[{"role":"user","content":"  "}]"#),
        body("Hi", r#","tools":[{"type":"function"}]"#),
        Prompt::parse(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#).unwrap(),
        sale().with_caching(Caching::Off),
        body(&"x".repeat(1025), ""),
    ];
    for prompt in passing {
        assert!(service.store().asked(&prompt).is_none(), "{prompt:?}");
    }
    assert!(service.store().asked(&body(&"x".repeat(1024), "")).is_some());
}

#[tokio::test]
async fn answer_that_is_not_whole_is_not_kept() {
    for step in [Step::Cut("half".into()), Step::Fail(Code::NodeFailed), Step::Stall("half".into())] {
        for stream in ["", r#","stream":true"#] {
            let node = Scripted::new([step.clone(), Step::Answer("whole".into())]);
            let service = similar(always(), &node);
            let first = async {
                let mut body = service.clone().oneshot(body("Hi", stream)).await?.body;
                while let Some(chunk) = body.next().await {
                    chunk?;
                }
                Ok::<_, Error>(())
            };
            assert!(first.now_or_never().is_none_or(|read| read.is_err()));
            assert_eq!(service.store().size().0, 0, "{step:?}");
        }
    }
}

#[tokio::test]
async fn stream_that_is_left_when_it_is_done_is_kept() {
    let node = numbered();
    let service = similar(always(), &node);
    let mut stream = service.clone().oneshot(body("Hi", r#","stream":true"#)).await.unwrap().body;
    while let Some(chunk) = stream.next().await {
        if chunk.unwrap().ends_with(b"[DONE]\n\n") {
            break;
        }
    }
    drop(stream);

    assert_eq!(ask(&service, body("Hi", r#","stream":true"#)).await, (SIMILAR, "answer 0".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn embedder_that_fails_or_is_slow_costs_no_answer() {
    let failing = service_fn(|_: Texts| async { Err::<Vec<_>, _>(Error::from(Code::Unavailable)) });
    let hanging = service_fn(|_: Texts| std::future::pending::<Result<Vec<_>, Error>>());
    for embed in [AnyEmbed::new(failing), AnyEmbed::new(hanging)] {
        let node = numbered();
        let service = SimilarLayer::new(always(), embed).layer(node.clone());
        for number in 0..2 {
            let start = tokio::time::Instant::now();
            assert_eq!(ask(&service, sale()).await, (None, format!("answer {number}")));
            assert!(start.elapsed() <= Duration::from_millis(250));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_end_with_their_time_and_make_room_oldest_first() {
    let node = numbered();
    let rules = Rules { max_entries: 2, ..always() };
    let service = similar(rules, &node);
    for model in ["a", "b", "c"] {
        ask(&service, sale().with_model(model)).await;
    }
    assert_eq!(ask(&service, sale().with_model("c")).await.0, SIMILAR);
    assert_eq!(ask(&service, sale().with_model("b")).await.0, SIMILAR);
    assert_eq!(service.store().size().2, 2);
    assert_eq!(ask(&service, sale().with_model("a")).await.0, None);

    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(ask(&service, sale().with_model("a")).await.0, None);
    let (answers, bytes, scopes) = service.store().size();
    assert_eq!((answers, scopes), (1, 1));
    assert!((4096..10_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn memory_stays_below_its_limit() {
    let node = Scripted::new([Step::Answer("word ".repeat(2000))]);
    let service = similar(Rules { max_bytes: 400_000, ..always() }, &node);
    for number in 0..60 {
        ask(&service, sale().with_tenant(format!("tenant {number}"))).await;
    }
    let (answers, bytes, scopes) = service.store().size();
    assert!(
        bytes <= 400_000 && answers == scopes && (5..60).contains(&answers),
        "{answers} {bytes} {scopes}"
    );

    let service = similar(Rules { max_bytes: 100_000, ..always() }, &node);
    ask(&service, sale()).await;
    assert_eq!(service.store().size().0, 0);
}

#[tokio::test]
async fn fresh_answer_takes_the_place_of_the_old_one() {
    let node = numbered();
    let service = similar(always(), &node);
    ask(&service, sale()).await;

    assert_eq!(ask(&service, sale().with_caching(Caching::Refresh)).await, (None, "answer 1".to_owned()));

    assert_eq!(ask(&service, sale()).await, (SIMILAR, "answer 1".to_owned()));
    assert_eq!(service.store().size().0, 1);
}

#[tokio::test]
async fn exact_cache_outside_keeps_no_answer_of_another_prompt() {
    let node = numbered();
    let service = similar(always(), &node);
    let cache = CacheLayer::new(cache::Rules::default()).layer(service);
    let ask = async |prompt: Prompt| {
        let answer = cache.clone().oneshot(prompt).await.unwrap();
        let status = answer.head.cached.map(|cached| cached.status);
        answer.into_text().await.unwrap();
        status
    };
    assert_eq!(ask(sale()).await, Some(CacheStatus::Miss));
    assert_eq!(ask(sale()).await, Some(CacheStatus::Hit));
    // Each of them draws anew: a wrong one must not become the answer to its prompt.
    assert_eq!(ask(body("When does our sale begin?", "")).await, SIMILAR);
    assert_eq!(ask(body("When does our sale begin?", "")).await, SIMILAR);
}

#[tokio::test]
async fn answers_of_one_meaning_agree_where_that_is_wanted() {
    let says = ["It begins on Monday the 3rd", "on Monday the 3rd it begins", "it begins on Monday the 4th"];
    for (agree, kept) in [(1.0, 3), (0.9, 2)] {
        let node = Scripted::new(says.map(|text| Step::Answer(text.to_owned())));
        let calls = Arc::new(AtomicUsize::new(0));
        let embed = {
            let calls = calls.clone();
            service_fn(move |texts: Texts| {
                calls.fetch_add(1, Ordering::Relaxed);
                HashEmbedder.oneshot(texts)
            })
        };
        let rules = Rules { max_wrong: 0.0, agree, ..Rules::default() };
        let service = SimilarLayer::new(rules, AnyEmbed::new(embed)).layer(node.clone());
        for _ in 0..4 {
            ask(&service, sale().with_caching(Caching::Refresh)).await;
        }
        // The same prompt with another answer takes its place, so what was kept in all is counted by the names.
        assert_eq!(service.store().named(), kept, "{agree}");
        assert_eq!(calls.load(Ordering::Relaxed), 4, "an answer waits for the next prompt");
    }
}
