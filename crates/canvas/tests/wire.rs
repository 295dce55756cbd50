//! The protocol, byte by byte, against recorded frames.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use maily_canvas::sync::{Frame, Presence};
use maily_errors::Code;
use proptest::prelude::*;

fn recorded() -> Vec<(&'static str, Bytes)> {
    let lines = include_str!("wire/frames.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, digits) = line.split_once('|').unwrap();
            let bytes = digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap());
            (name.trim(), bytes.collect())
        })
        .collect()
}

fn frame(name: &str) -> Frame {
    let presence = |client, clock, state: Option<&str>| {
        Frame::Awareness(vec![Presence { client, clock, state: state.map(Into::into) }])
    };
    let bytes = Bytes::copy_from_slice;
    match name {
        "sync-step-1 empty" => Frame::SyncStep1(bytes(&[0])),
        "sync-step-1 one client" => Frame::SyncStep1(bytes(&[1, 7, 5])),
        "sync-step-2 empty" => Frame::SyncStep2(bytes(&[0, 0])),
        "update text \"hi\"" => Frame::Update(bytes(b"\x01\x01\x07\x00\x04\x01\x04text\x02hi\x00")),
        "awareness one" => presence(7, 1, Some("{\"a\":1} ")),
        "awareness gone" => presence(7, 2, None),
        "awareness large id" => presence(u64::from(u32::MAX), 1, Some("\"x\"")),
        "denied" => Frame::Denied("no".to_owned()),
        "query-awareness" => Frame::QueryAwareness,
        _ => panic!("no frame for {name}"),
    }
}

#[test]
fn recorded_frames_are_read_and_written_byte_by_byte() {
    for (name, bytes) in recorded() {
        assert_eq!(Frame::decode(bytes.clone()).unwrap(), frame(name), "{name}");
        assert_eq!(frame(name).encode(), bytes, "{name}");
    }
}

#[test]
fn every_cut_of_a_frame_is_an_error() {
    for (name, bytes) in recorded() {
        for len in 0..bytes.len() {
            let err = Frame::decode(bytes.slice(..len)).unwrap_err();
            assert_eq!(err.code(), Code::FrameMalformed, "{name} cut at {len}");
        }
    }
}

#[test]
fn bytes_left_over_are_an_error() {
    for (name, bytes) in recorded() {
        let err = Frame::decode([&bytes[..], &[0]].concat().into()).unwrap_err();
        assert_eq!(err.code(), Code::FrameMalformed, "{name}");
    }
}

#[test]
fn two_messages_in_one_frame_are_an_error() {
    let step_1 = Frame::SyncStep1(Bytes::from_static(&[0])).encode();

    let err = Frame::decode([&step_1[..], &step_1[..]].concat().into()).unwrap_err();

    assert_eq!(err.code(), Code::FrameMalformed);
}

#[test]
fn number_over_53_bits_is_an_error() {
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let one_more = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let presence = |id: [u8; 8]| [&[1, 15, 1][..], &id, &[1, 4], b"null"].concat();
    let read = |id| Frame::decode(presence(id).into());

    assert!(matches!(read(largest), Ok(Frame::Awareness(all)) if all[0].client == (1 << 53) - 1));
    assert_eq!(read(one_more).unwrap_err().code(), Code::FrameMalformed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(frame) = Frame::decode(bytes.into()) {
            prop_assert_eq!(Frame::decode(frame.encode()).unwrap(), frame);
        }
    }
}
