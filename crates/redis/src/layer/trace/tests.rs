use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::Result;
use maily_errors::testing::listen;
use parking_lot::Mutex;
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

use super::TraceLayer;
use crate::layer::Database;
use crate::model::{Command, Reply};

/// Writes down everything that a subscriber is told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Visit for &Notes {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().push(format!("{}={value:?}", field.name()));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Notes {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        attributes.record(&mut &*self);
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        values.record(&mut &*self);
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut &*self);
    }
}

fn noted(words: &[&'static str], reply: &Reply) -> Vec<String> {
    let notes = Notes::default();
    let _heard = listen(registry().with(notes.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let server = service_fn(|_: Command| async { Result::<_>::Ok(reply.clone()) });
        let trace = TraceLayer::new(Database::new("redis", "cache", 6379)).layer(server);
        let words = words.iter().map(|word| Bytes::from_static(word.as_bytes()));
        trace.oneshot(Command::new(words, Instant::now())).await.unwrap();
    });
    let notes = notes.0.lock();
    notes.clone()
}

#[test]
fn span_has_the_names_of_the_conventions() {
    let seen = noted(&["GET", "key"], &Reply::Nil);

    for field in [
        "otel.name=\"GET\"",
        "otel.kind=\"client\"",
        "db.system.name=\"redis\"",
        "db.operation.name=\"GET\"",
        "server.address=\"cache\"",
        "server.port=6379",
    ] {
        assert!(seen.iter().any(|note| note == field), "{field} in {seen:?}");
    }
    assert!(!seen.iter().any(|note| note.starts_with("error.type")));
}

#[test]
fn refusal_is_in_the_span() {
    let seen = noted(&["GET", "key"], &Reply::refused("WRONGTYPE", "Operation against a key"));

    assert!(seen.contains(&"error.type=\"refused\"".to_owned()), "{seen:?}");
    assert!(seen.contains(&"db.response.status_code=\"WRONGTYPE\"".to_owned()), "{seen:?}");
}

#[test]
fn keys_and_values_are_never_recorded() {
    for words in [
        &["SET", "hunter2", "hunter2"] as &[_],
        &["hunter2", "hunter2"],
        &["EVAL", "hunter2", "1", "hunter2"],
    ] {
        for reply in [
            Reply::Data("hunter2".into()),
            Reply::refused("hunter2", "hunter2"),
            Reply::refused("ERR", "hunter2"),
        ] {
            let seen = noted(words, &reply);

            assert!(!seen.is_empty());
            assert!(!seen.iter().any(|note| note.contains("hunter2")), "{seen:?}");
        }
    }
}
