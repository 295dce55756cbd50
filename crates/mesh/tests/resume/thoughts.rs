//! A model that thinks before it speaks, and is cut meanwhile or behind it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use maily_errors::{Code, Error};
use maily_mesh::layer::resume::ResumeLayer;
use maily_mesh::{Body, Completion, Endpoint, Format, Formats, Prompt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

use super::{TEXT, reader, vendor};

const FORMATS: [Format; 2] = [Format::Messages, Format::Responses];

/// What the reader gets of a stream that is cut after so many bytes, and what each node was asked.
struct Asked {
    raw: String,
    err: Option<Error>,
    bodies: Vec<Value>,
}

async fn ask(prompt: Prompt, cut: usize, signature: &'static str) -> Asked {
    let seen = Arc::<Mutex<Vec<Prompt>>>::default();
    let noted = seen.clone();
    let fleet = service_fn(move |prompt: Prompt| {
        let mut seen = noted.lock();
        let answer = vendor::thinking(&prompt, TEXT, seen.len(), signature);
        let cut = seen.is_empty().then_some(cut);
        seen.push(prompt.clone());
        let told = Bytes::copy_from_slice(&answer.as_bytes()[..cut.unwrap_or(answer.len())]);
        let broken = cut.map(|_| Err(Error::new(Code::StreamCut, "cut")));
        let body = Body::stream(stream::iter([Ok(told)].into_iter().chain(broken).collect::<Vec<_>>()));
        let mut answer = Completion::new(true, body).with_format(prompt.head.format);
        // A node that signs is one of Anthropic's.
        let native = if signature.is_empty() { Formats::CHAT } else { Formats::MESSAGES };
        answer.head.endpoint = Some(Arc::new(Endpoint::of("http", native, "http://10.0.0.7/v1")));
        std::future::ready(Ok::<_, Error>(answer))
    });
    let body = ResumeLayer::default().layer(fleet).oneshot(prompt).await.expect("a stream begins").body;
    let (mut raw, mut err) = (Vec::new(), None);
    for item in body.collect::<Vec<_>>().await {
        match item {
            Ok(chunk) => raw.extend_from_slice(&chunk),
            Err(failed) => err = Some(failed),
        }
    }
    let bodies =
        seen.lock().iter().map(|prompt| serde_json::from_slice(prompt.body()).expect("JSON")).collect();
    Asked { raw: String::from_utf8(raw).expect("whole characters"), err, bodies }
}

/// What the second node was handed of the thought.
fn handed(format: Format, body: &Value) -> Option<&Value> {
    match format {
        Format::Messages => body["messages"][1]["content"].get(0),
        _ => body["input"].get(1).filter(|item| item["type"] == "reasoning"),
    }
}

#[tokio::test(start_paused = true)]
async fn thoughts_that_nobody_signs_go_on_wherever_they_are_cut() {
    for format in FORMATS {
        let whole = vendor::thinking(&vendor::prompt(format), TEXT, 0, "");
        let (mut anew, mut behind) = (0, 0);
        for cut in (0..whole.len()).step_by(5) {
            let Asked { raw, err, bodies } = ask(vendor::prompt(format), cut, "").await;

            assert!(err.is_none(), "{format:?} cut at {cut}: {err:?}");
            let read = reader::read(format, &raw);
            assert_eq!(read.text, TEXT, "{format:?} cut at {cut}: {raw}");
            let thought = vendor::THOUGHT.concat();
            match bodies.get(1).and_then(|body| handed(format, body)) {
                // It goes on behind the text, with what was thought before it.
                Some(told) => {
                    assert!(told.to_string().contains(&thought), "{format:?} cut at {cut}: {told}");
                    assert_eq!(read.thought, thought, "{format:?} cut at {cut}: {raw}");
                    behind += 1;
                }
                None => {
                    assert!(read.thought.ends_with(&thought), "{format:?} cut at {cut}: {raw}");
                    anew += usize::from(read.thought.len() > thought.len());
                }
            }
        }
        println!(
            "{}: {} bytes, {anew} cuts while it thought, {behind} behind it",
            format.as_str(),
            whole.len()
        );
        assert!(anew > 50 && behind > 50);
    }
}

#[tokio::test(start_paused = true)]
async fn thoughts_that_are_signed_go_on_behind_the_text_and_nowhere_else() {
    for format in FORMATS {
        let mut prompt = vendor::prompt(format);
        if format == Format::Responses {
            // The client wants to send them back.
            let body =
                r#"{"model":"m","stream":true,"input":"Count","include":["reasoning.encrypted_content"]}"#;
            prompt = Prompt::parse_as(format, body).unwrap();
        }
        let whole = vendor::thinking(&prompt, TEXT, 0, "EqQB");
        let (mut refused, mut behind) = (0, 0);
        for cut in (0..whole.len()).step_by(5) {
            let Asked { raw, err, bodies } = ask(prompt.clone(), cut, "EqQB").await;

            if let Some(err) = err {
                let why = err.public_context().find(|(name, _)| *name == "resume").unwrap().1.to_string();
                let expected =
                    if format == Format::Messages { "a signed thought" } else { "a sealed thought" };
                assert_eq!((why.as_str(), bodies.len()), (expected, 1), "{format:?} cut at {cut}: {raw}");
                assert!(
                    !reader::looks_whole(&raw) && !raw.contains("Eins"),
                    "{format:?} cut at {cut}: {raw}"
                );
                refused += 1;
                continue;
            }
            let read = reader::read(format, &raw);
            assert_eq!(
                (read.text.as_str(), read.thought),
                (TEXT, vendor::THOUGHT.concat()),
                "{format:?} {cut}: {raw}"
            );
            if let Some(told) = bodies.get(1).and_then(|body| handed(format, body)) {
                let sealed = if format == Format::Messages { "signature" } else { "encrypted_content" };
                assert_eq!(told[sealed], json!("EqQB"), "{format:?} cut at {cut}");
                behind += 1;
            }
        }
        println!(
            "{}: {} bytes, {refused} cuts refused, {behind} behind the thought",
            format.as_str(),
            whole.len()
        );
        assert!(refused > 50 && behind > 50);
    }
}
