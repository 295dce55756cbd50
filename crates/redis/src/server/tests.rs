use std::sync::Arc;

use maily_errors::Code;
use parking_lot::Mutex;
use tower::service_fn;

use super::*;
use crate::StoreConfig;

/// A transport that notes the commands and answers from a list.
fn scripted(replies: Vec<Reply>) -> (ServerStore<impl Transport>, Arc<Mutex<Vec<Command>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let commands = Arc::clone(&seen);
    let replies = Arc::new(Mutex::new(replies.into_iter()));
    let transport = service_fn(move |command: Command| {
        commands.lock().push(command);
        let reply = replies.lock().next().expect("as many replies as commands");
        async move { Ok(reply) }
    });
    let config = StoreConfig { prefix: "maily:".to_owned(), ..StoreConfig::default() };
    (config.build(transport).unwrap(), seen)
}

fn refused(code: &str) -> Reply {
    Reply::Refused { code: code.to_owned(), message: "and a text".to_owned() }
}

fn words(command: &Command) -> Vec<String> {
    command.arguments.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[tokio::test]
async fn keys_on_the_server_begin_with_the_prefix() {
    let (store, seen) = scripted(vec![Reply::Nil]);

    store.get(&Key::new("draft").unwrap()).await.unwrap();

    assert_eq!(words(&seen.lock()[0]), ["GET", "maily:draft"]);
}

#[tokio::test]
async fn time_to_live_is_sent_in_milliseconds_rounded_up() {
    let (store, seen) = scripted(vec![Reply::Data("OK".into())]);

    store.set(&Key::new("k").unwrap(), "v".into(), Some(Duration::from_micros(1500))).await.unwrap();

    assert_eq!(words(&seen.lock()[0]), ["SET", "maily:k", "v", "PX", "2"]);
}

#[tokio::test(start_paused = true)]
async fn script_that_the_server_lost_is_sent_again_under_the_same_deadline() {
    let (store, seen) = scripted(vec![refused("NOSCRIPT"), Reply::Data("7".into())]);

    let sum = store.increment(&Key::new("k").unwrap(), 7, None).await.unwrap();

    let seen = seen.lock();
    assert_eq!(sum, 7);
    assert_eq!(words(&seen[0])[..2], ["EVALSHA", INCREMENT.sha]);
    assert_eq!(words(&seen[1])[..2], ["EVAL", INCREMENT.text]);
    assert_eq!(seen[0].deadline, seen[1].deadline);
}

#[tokio::test]
async fn refusals_have_the_code_of_their_first_word() {
    let cases = [
        ("WRONGTYPE", Code::RedisWrongType),
        ("NOTANUMBER", Code::RedisNotANumber),
        ("OOM", Code::RedisStoreFull),
        ("CROSSSLOT", Code::RedisCrossSlot),
        ("LOADING", Code::RedisUnreachable),
        ("READONLY", Code::RedisUnreachable),
        ("NOREPLICAS", Code::RedisUnreachable),
        ("MISCONF", Code::RedisUnreachable),
        ("ERR", Code::RedisReply),
    ];
    for (word, code) in cases {
        let (store, _) = scripted(vec![refused(word)]);

        let err = store.get(&Key::new("k").unwrap()).await.unwrap_err();

        assert_eq!(err.code(), code, "{word}");
        assert_eq!(err.operation(), Some("redis::get"));
    }
}

#[tokio::test]
async fn reply_of_another_type_is_an_error() {
    let (store, _) = scripted(vec![Reply::List(Vec::new())]);

    let err = store.get(&Key::new("k").unwrap()).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisReply);
}

#[tokio::test]
async fn key_and_prefix_together_keep_the_limit() {
    let (store, _) = scripted(vec![Reply::Nil]);

    let fits = store.get(&Key::new("k".repeat(MAX_KEY_BYTES - 6)).unwrap()).await;
    let over = store.get(&Key::new("k".repeat(MAX_KEY_BYTES - 5)).unwrap()).await;

    assert!(fits.is_ok());
    assert_eq!(over.unwrap_err().code(), Code::RedisKeyTooLarge);
}

#[test]
fn settings_out_of_range_are_refused() {
    let transport = service_fn(|_: Command| async { Ok(Reply::Nil) });
    let code = |config: StoreConfig| config.build(transport).unwrap_err().code();

    assert_eq!(code(StoreConfig { timeout_ms: 0, ..StoreConfig::default() }), Code::ConfigInvalid);
    assert_eq!(code(StoreConfig { timeout_ms: 60_001, ..StoreConfig::default() }), Code::ConfigInvalid);
    assert_eq!(code(StoreConfig { prefix: "p".repeat(513), ..StoreConfig::default() }), Code::ConfigInvalid);
}
