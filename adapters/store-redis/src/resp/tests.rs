use bytes::{BufMut as _, Bytes};
use maily_redis::Reply;
use proptest::prelude::*;

use super::{Frame, Frames, MAX_DEPTH, MAX_ELEMENTS, MAX_REPLY_BYTES, Malformed, encode};

/// What Redis 7.0.15 said to thirty commands: every type of RESP3, invalidations and a message.
const RECORDED: &[u8] = include_bytes!("../../tests/wire/redis-7.0.resp");

/// Reads everything in pieces of these lengths, in turn.
fn read(bytes: &[u8], pieces: &[usize]) -> Result<Vec<Frame>, Malformed> {
    let mut frames = Frames::default();
    let mut found = Vec::new();
    let mut rest = bytes;
    for length in pieces.iter().cycle() {
        let (piece, behind) = rest.split_at((*length).clamp(1, rest.len().max(1)).min(rest.len()));
        rest = behind;
        frames.buffer().put_slice(piece);
        while let Some(frame) = frames.next()? {
            found.push(frame);
        }
        if rest.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn one(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
    let mut frames = Frames::default();
    frames.buffer().put_slice(bytes);
    frames.next()
}

fn data(text: &'static str) -> Reply {
    Reply::Data(text.into())
}

#[test]
fn recorded_replies_are_what_the_server_meant() {
    let list = |numbers: [i64; 3]| Frame::Reply(Reply::List(numbers.map(Reply::Integer).to_vec()));
    let reply = Frame::Reply;
    let expected = vec![
        reply(data("OK")),
        reply(data("v")),
        reply(Reply::Nil),
        reply(Reply::Integer(1)),
        reply(Reply::Integer(2)),
        reply(Reply::List(vec![data("a"), data("b")])),
        reply(Reply::refused("WRONGTYPE", "Operation against a key holding the wrong kind of value")),
        reply(Reply::List(Vec::new())),
        reply(data("Hello World")),
        reply(Reply::Integer(12345)),
        reply(data("3.141")),
        reply(Reply::Nil),
        list([0, 1, 2]),
        list([0, 1, 2]),
        reply(Reply::List([0, 0, 1, 1, 2, 0].map(Reply::Integer).to_vec())),
        reply(data("Some real reply following the attribute")),
        reply(data("This is a verbatim\nstring")),
        reply(Reply::Integer(1)),
        reply(Reply::Integer(0)),
        reply(data("1234567999999999999999999999999999999")),
        reply(data("1-1")),
        reply(Reply::List(vec![Reply::List(vec![data("1-1"), Reply::List(vec![data("f"), data("v")])])])),
        reply(data("OK")),
        reply(data("v")),
        reply(data("OK")),
        Frame::Push(vec![data("invalidate"), Reply::List(vec![data("k")])]),
        reply(data("w")),
        reply(data("OK")),
        Frame::Push(vec![data("invalidate"), Reply::Nil]),
        Frame::Push(vec![data("ssubscribe"), data("c"), Reply::Integer(1)]),
        Frame::Push(vec![data("smessage"), data("c"), data("hi")]),
        reply(Reply::Integer(1)),
        reply(Reply::refused("ERR", "unknown command 'NOSUCH', with args beginning with: 'secret' ")),
    ];

    assert_eq!(read(RECORDED, &[RECORDED.len()]).unwrap(), expected);
}

#[test]
fn commands_are_arrays_of_strings() {
    let mut out = Vec::new();

    encode::command(&mut out, &["SET".into(), "k".into(), vec![0, 255].into()], None);

    assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\x00\xff\r\n");
}

#[test]
fn epoch_takes_the_place_of_its_argument() {
    for (epoch, text) in [(0, "0"), (9, "9"), (10, "10"), (u64::MAX, "18446744073709551615")] {
        let mut out = Vec::new();

        encode::command(&mut out, &["X".into(), "here".into()], Some((1, epoch)));

        assert_eq!(out, format!("*2\r\n$1\r\nX\r\n${}\r\n{text}\r\n", text.len()).into_bytes());
    }
}

#[test]
fn small_data_do_not_keep_what_arrived_with_them() {
    let mut bytes = b"$4096\r\n".to_vec();
    bytes.extend([b'x'; 4096]);
    bytes.extend(b"\r\n$4097\r\n");
    bytes.extend([b'y'; 4097]);
    bytes.extend(b"\r\n");

    let found = read(&bytes, &[bytes.len()]).unwrap();

    // A copy has its memory for itself, a slice shares it with the buffer.
    let unique = |frame: Frame| match frame {
        Frame::Reply(Reply::Data(data)) => data.is_unique(),
        other => panic!("{other:?}"),
    };
    let mut found = found.into_iter();
    assert!(unique(found.next().unwrap()));
    assert_eq!(found.next(), Some(Frame::Reply(Reply::Data(vec![b'y'; 4097].into()))));
}

#[test]
fn what_no_server_says_is_refused() {
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n" as &[u8],
        b"\x16\x03\x01",
        b"$x\r\n",
        b"$-2\r\n",
        b"*-2\r\n",
        b":\r\n",
        b":1 2\r\n",
        b":--1\r\n",
        b"$1\r\nab\r\n",
        b"$?\r\n",
        b"\n",
        b"+\n",
        b"#x\r\n",
        b"=2\r\nab\r\n",
    ] {
        assert_eq!(one(bytes), Err(Malformed::Garbage), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn limits_are_kept_before_anything_is_allocated() {
    let over = MAX_REPLY_BYTES + 1;
    for bytes in [
        "$9999999999\r\n".to_owned(),
        format!("${over}\r\n"),
        "$99999999999999999999\r\n".to_owned(),
        format!("*{}\r\n", MAX_ELEMENTS + 1),
        format!("%{}\r\n", MAX_ELEMENTS),
        ":9223372036854775808\r\n".to_owned(),
        format!("+{}", "x".repeat(64 * 1024)),
    ] {
        assert_eq!(one(bytes.as_bytes()), Err(Malformed::Large), "{}", &bytes[..20.min(bytes.len())]);
    }
    assert_eq!(one(format!("${MAX_REPLY_BYTES}\r\n").as_bytes()), Ok(None));
    assert_eq!(one(format!("*{MAX_ELEMENTS}\r\n").as_bytes()), Ok(None));
    assert_eq!(one(b":-9223372036854775808\r\n"), Ok(Some(Frame::Reply(Reply::Integer(i64::MIN)))));
}

#[test]
fn aggregates_are_nested_up_to_the_limit() {
    let nested = |depth: usize| [b"*1\r\n".repeat(depth), b":7\r\n".to_vec()].concat();

    assert!(matches!(one(&nested(MAX_DEPTH)), Ok(Some(_))));
    assert_eq!(one(&nested(MAX_DEPTH + 1)), Err(Malformed::Deep));
    assert_eq!(one(&nested(1000)), Err(Malformed::Deep));
}

#[test]
fn elements_are_counted_over_the_whole_reply() {
    // Each aggregate is within the limit, both together are not.
    let half = MAX_ELEMENTS / 2 + 1;
    let bytes = format!("*2\r\n*{half}\r\n{}*{half}\r\n", ":1\r\n".repeat(half as usize));

    assert_eq!(one(bytes.as_bytes()), Err(Malformed::Large));
}

fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        Just(Reply::Nil),
        any::<i64>().prop_map(Reply::Integer),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| Reply::Data(bytes.into())),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| proptest::collection::vec(inner, 0..6).prop_map(Reply::List))
}

fn write(out: &mut Vec<u8>, reply: &Reply) {
    match reply {
        Reply::Nil => out.extend(b"_\r\n"),
        Reply::Integer(number) => out.extend(format!(":{number}\r\n").bytes()),
        Reply::Data(bytes) => {
            out.extend(format!("${}\r\n", bytes.len()).bytes());
            out.extend_from_slice(bytes);
            out.extend(b"\r\n");
        }
        Reply::List(replies) => {
            out.extend(format!("*{}\r\n", replies.len()).bytes());
            replies.iter().for_each(|reply| write(out, reply));
        }
        _ => unreachable!("no other is made"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn replies_survive_any_chunking(
        replies in proptest::collection::vec(reply(), 1..8),
        pieces in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        let mut bytes = Vec::new();
        replies.iter().for_each(|reply| write(&mut bytes, reply));

        let found = read(&bytes, &pieces).unwrap();

        prop_assert_eq!(found, replies.into_iter().map(Frame::Reply).collect::<Vec<_>>());
    }

    #[test]
    fn recorded_replies_survive_any_chunking(pieces in proptest::collection::vec(1_usize..30, 1..8)) {
        prop_assert_eq!(read(RECORDED, &pieces), read(RECORDED, &[RECORDED.len()]));
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1_usize..30) {
        let _ = read(&bytes, &[piece]);
    }

    #[test]
    fn damaged_replies_never_panic(at in 0..RECORDED.len(), byte in any::<u8>(), piece in 1_usize..60) {
        let mut bytes = RECORDED.to_vec();
        bytes[at] = byte;
        let _ = read(&bytes, &[piece]);
    }

    #[test]
    fn commands_come_back_as_they_were(
        words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6),
    ) {
        let words: Vec<Bytes> = words.into_iter().map(Bytes::from).collect();
        let mut bytes = Vec::new();
        encode::command(&mut bytes, &words, None);

        let found = read(&bytes, &[17]).unwrap();

        prop_assert_eq!(found, vec![Frame::Reply(Reply::List(words.into_iter().map(Reply::Data).collect()))]);
    }
}
