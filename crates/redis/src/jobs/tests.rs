use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, TraceContext};

use super::*;
use crate::model::Reply;

fn data(text: &'static str) -> Reply {
    Reply::Data(Bytes::from_static(text.as_bytes()))
}

fn fields(words: &[&'static str]) -> Reply {
    Reply::List(words.iter().map(|word| data(word)).collect())
}

fn entry(id: &'static str, words: &[&'static str]) -> Reply {
    Reply::List(vec![data(id), fields(words)])
}

#[test]
fn entries_are_read_as_resp2_and_resp3_have_them() {
    let entries = || Reply::List(vec![entry("1000-0", &["p", "a"]), entry("1500-1", &["p", "b", "n", "2"])]);
    let resp2 = Reply::List(vec![Reply::List(vec![data("stream"), entries()])]);
    let resp3 = Reply::List(vec![data("stream"), entries()]);

    for reply in [resp2, resp3] {
        let jobs = codec::entries(reply, 2000).unwrap();

        assert_eq!(jobs.len(), 2);
        assert_eq!((jobs[0].id.as_str(), &jobs[0].payload[..], jobs[0].deliveries), ("1000-0", &b"a"[..], 1));
        assert_eq!((jobs[1].receipt.as_str(), jobs[1].deliveries), ("1500-1", 3));
        assert_eq!(jobs[1].age, Duration::from_millis(500));
    }
    assert_eq!(codec::entries(Reply::Nil, 0).unwrap(), []);
}

#[test]
fn entry_of_a_later_version_is_a_job_all_the_same() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let words = ["x", "new", "i", "7-0", "a", "900", "t", trace, "p", "a"];
    let reply = Reply::List(vec![data("stream"), Reply::List(vec![entry("1000-0", &words)])]);

    let jobs = codec::entries(reply, 1000).unwrap();

    assert_eq!((jobs[0].id.as_str(), jobs[0].receipt.as_str()), ("7-0", "1000-0"));
    assert_eq!((jobs[0].trace, jobs[0].age), (TraceContext::parse(trace), Duration::from_millis(100)));
}

#[test]
fn reply_of_another_shape_is_an_error() {
    let bad_number = Reply::List(vec![data("s"), Reply::List(vec![entry("1-0", &["n", "many"])])]);
    for reply in [Reply::Integer(1), data("text"), fields(&["s", "e"]), bad_number] {
        assert_eq!(codec::entries(reply, 0).unwrap_err().code(), Code::RedisReply);
    }
    assert_eq!(codec::claimed(Reply::List(Vec::new())).unwrap_err().code(), Code::RedisReply);
    assert_eq!(codec::stats(Reply::List(vec![Reply::Integer(1)])).unwrap_err().code(), Code::RedisReply);
}

#[test]
fn backoff_doubles_with_each_delivery_up_to_ten_minutes() {
    let err = Error::new(Code::RedisUnreachable, "the connection failed");
    let wait = |deliveries| match Failure::of(&err, deliveries) {
        Failure::Retry { after, code: Code::RedisUnreachable, .. } => after,
        other => panic!("{other:?}"),
    };
    for (deliveries, middle_ms) in
        [(1, 100), (2, 200), (5, 1600), (13, 409_600), (14, 600_000), (1000, 600_000)]
    {
        let range = Duration::from_millis(middle_ms / 2)..Duration::from_millis(middle_ms * 3 / 2);
        assert!(range.contains(&wait(deliveries)), "{deliveries}: {:?}", wait(deliveries));
    }
    let asked = err.with_retry_after(Duration::from_secs(42));
    let expected = Failure::Retry {
        after: Duration::from_secs(42),
        code: Code::RedisUnreachable,
        message: "the connection failed",
    };
    assert_eq!(Failure::of(&asked, 3), expected);
}

#[test]
fn every_code_of_the_catalogue_decides_between_later_and_never() {
    for code in Code::all() {
        let failure = Failure::of(&Error::new(code, "it failed"), 1);
        assert_eq!(matches!(failure, Failure::Retry { .. }), code.is_retryable(), "{code:?}");
    }
}

#[test]
fn names_and_numbers_of_a_queue_keep_their_limits() {
    let with = |change: fn(&mut QueueConfig)| {
        let mut config = QueueConfig::default();
        change(&mut config);
        config.build().map(drop).map_err(|err| err.code())
    };
    let bad = Err(Code::ConfigInvalid);

    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(with(|config| config.name = "n".repeat(200)), Ok(()));
    assert_eq!(with(|config| config.name = "n".repeat(201)), bad);
    assert_eq!(with(|config| config.name.clear()), bad);
    assert_eq!(with(|config| config.name = "{a}".to_owned()), bad);
    assert_eq!(with(|config| config.idle_ms = 99), bad);
    assert_eq!(with(|config| config.idle_ms = 86_400_001), bad);
    assert_eq!(with(|config| config.max_deliveries = 0), bad);
    assert_eq!(with(|config| config.max_deliveries = 1001), bad);
    assert_eq!(with(|config| config.window_ms = 0), bad);
    assert_eq!(with(|config| config.window_ms = 604_800_001), bad);
    assert_eq!(with(|config| config.precision_ms = 9), bad);
    assert_eq!(with(|config| config.precision_ms = 10_001), bad);
    assert_eq!(with(|config| config.max_dead = 0), bad);
    assert_eq!(with(|config| config.max_dead = 1_000_001), bad);
}

#[test]
fn names_of_workers_and_receipts_keep_their_limits() {
    assert!(WorkerId::new(&"w".repeat(64)).is_ok());
    for name in ["", "two words", "a:b", &"w".repeat(65)] {
        assert_eq!(WorkerId::new(name).unwrap_err().code(), Code::Invalid, "{name}");
    }
    for text in ["1", "18446744073709551615-18446744073709551615"] {
        assert_eq!(Receipt::new(text).unwrap().as_str(), text);
    }
    for text in ["", "-", "1-", "+1", "01", "1-2-3", "18446744073709551616", "a"] {
        assert_eq!(Receipt::new(text).unwrap_err().code(), Code::Invalid, "{text}");
    }
}
