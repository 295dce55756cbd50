use std::io::Write as _;

use proptest::prelude::*;

use super::Seen;
use crate::decode::Decoder;
use crate::head::{self, Framing};

/// Decodes a body that comes in reads of these lengths; the bytes after its end are counted.
fn decode(framing: Framing, bytes: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, bool, usize), &'static str> {
    let mut decoder = Decoder::new(framing);
    let (mut body, mut excess, mut rest) = (Vec::new(), 0, bytes);
    for cut in cuts.iter().copied().chain([usize::MAX]) {
        let (read, later) = rest.split_at(cut.min(rest.len()));
        let mut read = read.to_vec();
        let decoded = decoder.decode(&mut read)?;
        body.extend_from_slice(&read[..decoded.body]);
        excess += decoded.excess;
        rest = later;
    }
    Ok((body, decoder.is_done(), excess))
}

fn chunked(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
        // Each of the spellings that a server may choose.
        match index % 3 {
            0 => write!(bytes, "{:x}\r\n", piece.len()).unwrap(),
            1 => write!(bytes, "{:05X} ;a=b\r\n", piece.len()).unwrap(),
            _ => write!(bytes, "{:x};name=\"v;\"\r\n", piece.len()).unwrap(),
        }
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\nx-trailer: 1\r\n\r\n");
    bytes
}

proptest! {
    #[test]
    fn chunks_are_the_same_however_they_are_cut(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        cuts in prop::collection::vec(1_usize..50, 0..100),
        excess in 0_usize..4,
    ) {
        let mut bytes = chunked(&pieces);
        bytes.extend(vec![b'H'; excess]);

        let decoded = decode(Framing::Chunked, &bytes, &cuts);

        prop_assert_eq!(decoded, Ok((pieces.concat(), true, excess)));
    }

    #[test]
    fn chunks_that_break_off_are_never_whole(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..100), 1..4),
        at in 0.0..1.0,
    ) {
        let bytes = chunked(&pieces);
        let begin = &bytes[..(bytes.len() as f64 * at) as usize];

        let (body, whole, _) = decode(Framing::Chunked, begin, &[]).unwrap();

        prop_assert!(!whole);
        prop_assert!(pieces.concat().starts_with(&body));
    }

    #[test]
    fn bytes_of_any_kind_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        cuts in prop::collection::vec(1_usize..20, 0..50),
    ) {
        let _ = decode(Framing::Chunked, &bytes, &cuts);
        let _ = head::read::<Seen>(&bytes);
        let _ = head::end(&bytes, 0);
    }

    #[test]
    fn length_is_counted_however_it_is_cut(
        body in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(1_usize..50, 0..100),
        excess in 0_usize..4,
    ) {
        let mut bytes = body.clone();
        bytes.extend(vec![b'H'; excess]);

        let decoded = decode(Framing::Length(body.len() as u64), &bytes, &cuts);

        prop_assert_eq!(decoded, Ok((body, true, excess)));
    }

    #[test]
    fn head_ends_at_the_same_place_however_it_is_cut(cut in 0_usize..100) {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-request-id: r\r\n\r\nabc";
        let cut = cut.min(text.len());
        let early = head::end(&text[..cut], 0);

        prop_assert_eq!(early.or_else(|| head::end(text, cut)), Some(text.len() - 3));
    }
}

#[test]
fn framing_that_others_may_read_differently_is_refused() {
    for wrong in [
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "100000000\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "0\r\na: b\n\r\n",
        "0\r\na: b\r\r\n\r\n",
    ] {
        assert!(decode(Framing::Chunked, wrong.as_bytes(), &[]).is_err(), "{wrong:?}");
        assert!(decode(Framing::Chunked, wrong.as_bytes(), &vec![1; wrong.len()]).is_err(), "{wrong:?}");
    }
}

#[test]
fn limits_of_the_framing_are_exact() {
    let lined = |extension: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(extension));
    assert!(decode(Framing::Chunked, lined(1022).as_bytes(), &[]).is_ok());
    assert!(decode(Framing::Chunked, lined(1023).as_bytes(), &[]).is_err());

    let trailed = |bytes: usize| format!("0\r\n{}\r\n\r\n", "x".repeat(bytes));
    assert!(decode(Framing::Chunked, trailed(8191).as_bytes(), &[]).is_ok());
    assert!(decode(Framing::Chunked, trailed(8193).as_bytes(), &[]).is_err());

    assert!(decode(Framing::Chunked, b"ffffffff\r\n", &[]).is_ok());
    assert!(decode(Framing::Chunked, b"100000000\r\n", &[]).is_err());
}

#[test]
fn head_says_where_the_body_ends() {
    for (fields, framing, persistent) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n", Framing::Length(5), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n", Framing::Chunked, true),
        ("HTTP/1.1 200 OK\r\n", Framing::Close, false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: a, Close\r\n", Framing::Length(5), false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n", Framing::Length(5), false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\nConnection: Keep-Alive\r\n", Framing::Length(5), true),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n", Framing::Length(0), true),
        ("HTTP/1.1 304\r\n", Framing::Length(0), true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n", Framing::Length(u64::MAX), true),
    ] {
        let head = head::read::<Seen>(format!("{fields}\r\n").as_bytes()).unwrap();

        assert_eq!((head.framing, head.persistent), (framing, persistent), "{fields}");
    }
}

#[test]
fn head_that_others_may_read_differently_is_refused() {
    for wrong in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\n\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "nonsense\r\n\r\n",
        "\r\n\r\n",
    ] {
        let end = head::end(wrong.as_bytes(), 0);
        assert_eq!(end, Some(wrong.len()), "{wrong:?} is a whole head");
        assert!(head::read::<Seen>(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
}

#[test]
fn head_has_at_most_100_fields() {
    let head = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(fields));

    assert_eq!(head::read::<Seen>(head(100).as_bytes()).unwrap().headers.0.len(), 100);
    assert!(head::read::<Seen>(head(101).as_bytes()).is_err());
}
