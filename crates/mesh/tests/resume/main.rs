//! A stream that is cut, wherever it is cut, is read as the one that was not: in every format that is streamed.

mod reader;
mod thoughts;
mod vendor;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use maily_errors::{Code, Error};
use maily_mesh::layer::resume::{ResumeLayer, Rules};
use maily_mesh::{Body, Completion, Format, Prompt};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

use self::reader::Read;

const FORMATS: [Format; 4] = Format::SPOKEN;
const TEXT: &str = "Eins, zwei, drei, vier, fünf, sechs, sieben,\n\nund \"acht\". ";

/// Asks a fleet that says the text, and whose streams break off after so many bytes each; the last one is whole.
///
/// A stream arrives in pieces of so many bytes.
async fn ask(format: Format, text: &str, cuts: &[usize], piece: usize) -> (String, Option<Error>, usize) {
    let (cuts, calls, text) = (cuts.to_vec(), Arc::new(AtomicUsize::new(0)), text.to_owned());
    let counted = calls.clone();
    let fleet = service_fn(move |prompt: Prompt| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let answer = vendor::answer(&prompt, &text, call);
        let cut = cuts.get(call).map(|cut| (*cut).min(answer.len()));
        let answer = answer.as_bytes()[..cut.unwrap_or(answer.len())].to_vec();
        let pieces = answer.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let broken = cut.map(|_| Err(Error::new(Code::StreamCut, "cut")));
        let items: Vec<_> = pieces.chain(broken).collect();
        std::future::ready(Ok::<_, Error>(
            Completion::new(true, Body::stream(stream::iter(items))).with_format(prompt.head.format),
        ))
    });
    let rules = Rules { attempts: 8, ..Rules::default() };
    let body = ResumeLayer::new(rules).layer(fleet).oneshot(vendor::prompt(format)).await;
    let body = body.expect("a stream begins").body;
    let (mut read, mut failed) = (Vec::new(), None);
    for item in body.collect::<Vec<_>>().await {
        match item {
            Ok(chunk) => read.extend_from_slice(&chunk),
            Err(err) => failed = Some(err),
        }
    }
    (String::from_utf8(read).expect("whole characters"), failed, counted.load(Ordering::Relaxed))
}

/// What must be so of every stream that was cut.
fn check(format: Format, text: &str, raw: &str, cut: &str) -> Read {
    let read = reader::read(format, raw);
    assert_eq!(read.text, text, "{format:?} cut at {cut}: {raw}");
    match read.usage {
        Some(usage) => {
            let expected = (vendor::PROMPT_TOKENS, vendor::tokens(text));
            assert_eq!(usage, expected, "{format:?} cut at {cut}: {raw}");
        }
        // Behind the reason why it ended there is no second node, and the count of chat stands there.
        None => assert!(matches!(format, Format::Chat | Format::Completions)),
    }
    read
}

#[tokio::test(start_paused = true)]
async fn stream_that_is_cut_at_any_byte_is_read_as_the_whole_one() {
    for format in FORMATS {
        let whole = vendor::answer(&vendor::prompt(format), TEXT, 0);
        let mut resumed = 0;
        for cut in 0..whole.len() {
            let (raw, err, calls) = ask(format, TEXT, &[cut], 4096).await;

            assert!(err.is_none(), "{format:?} cut at {cut}: {err:?}");
            let read = check(format, TEXT, &raw, &cut.to_string());
            // Whoever has seen the beginning sees one answer, and one mark where the other node goes on.
            assert_eq!(read.marks, calls - 1, "{format:?} cut at {cut}: {raw}");
            if read.begun_at > 0 {
                assert_eq!(read.id, "0", "{format:?} cut at {cut}: {raw}");
                resumed += read.marks;
            }
        }
        println!("{}: {} cuts, {resumed} continued, every text whole", format.as_str(), whole.len());
        assert!(resumed * 2 > whole.len());
    }
}

#[tokio::test(start_paused = true)]
async fn continuation_that_is_cut_as_well_is_continued() {
    for format in FORMATS {
        let whole = vendor::answer(&vendor::prompt(format), TEXT, 0);
        let middle = whole.find("drei").unwrap();
        for second in (0..whole.len()).step_by(7) {
            let (raw, err, _) = ask(format, TEXT, &[middle, second, second / 2], 4096).await;

            assert!(err.is_none(), "{format:?} {second}: {err:?}");
            check(format, TEXT, &raw, &second.to_string());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_second_node_repeats_is_told_once() {
    for format in FORMATS {
        let whole = vendor::answer(&vendor::prompt(format), vendor::REPEATED, 0);
        for cut in (whole.find("drei").unwrap()..whole.len()).step_by(5) {
            let (raw, err, _) = ask(format, vendor::REPEATED, &[cut], 64).await;

            assert!(err.is_none(), "{format:?} {cut}: {err:?}");
            assert_eq!(reader::read(format, &raw).text, vendor::REPEATED, "{format:?} cut at {cut}: {raw}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_continued_never_looks_whole() {
    for format in [Format::Messages, Format::Responses] {
        for kind in ["thought", "call"] {
            let whole = vendor::other(format, kind);
            for cut in 0..whole.len() {
                let told = whole.clone();
                let fleet = service_fn(move |prompt: Prompt| {
                    let items = [
                        Ok(Bytes::copy_from_slice(&told.as_bytes()[..cut])),
                        Err(Error::new(Code::StreamCut, "cut")),
                    ];
                    let body = Body::stream(stream::iter(items));
                    std::future::ready(Ok::<_, Error>(
                        Completion::new(true, body).with_format(prompt.head.format),
                    ))
                });

                let rules = Rules { attempts: 1, ..Rules::default() };
                let answer = ResumeLayer::new(rules).layer(fleet).oneshot(vendor::prompt(format)).await;

                let items: Vec<_> = answer.unwrap().body.collect().await;
                let err = items.last().unwrap().as_ref().unwrap_err();
                let why = err.public_context().find(|(name, _)| *name == "resume").unwrap().1.to_string();
                let told: Vec<_> = items.iter().filter_map(|item| item.as_ref().ok()).cloned().collect();
                let told = String::from_utf8(told.concat()).unwrap();
                assert!(!reader::looks_whole(&told), "{format:?} {kind} cut at {cut}: {told}");
                // As long as the reader has nothing of it, another node is asked; and while a model thinks that nobody signs.
                let expected = match kind {
                    "call" if told.contains(vendor::BORDER) => "a tool call",
                    "thought" if told.contains("EqQB") => "a signed thought",
                    _ => "attempts",
                };
                assert_eq!(why, expected, "{format:?} {kind} cut at {cut}: {told}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives_any_cuts(
        words in proptest::collection::vec("\\PC{0,9}[ \n]{0,2}", 1..12),
        cuts in proptest::collection::vec(0_usize..4000, 0..4),
        piece in 1_usize..400,
        format in 0_usize..4,
    ) {
        // Each word is another one, so that no text repeats itself by chance.
        let text: String = words.iter().enumerate().map(|(at, word)| format!("{at}{word} ")).collect();
        let format = FORMATS[format];

        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (raw, err, _) = runtime.block_on(ask(format, &text, &cuts, piece));

        prop_assert!(err.is_none(), "{:?}", err);
        prop_assert_eq!(reader::read(format, &raw).text, text);
    }
}
