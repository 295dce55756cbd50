use super::exact::{relaxed_body, relaxed_field};
use super::*;

fn body(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    relaxed_body(bytes, |piece| out.extend_from_slice(piece));
    out
}

fn parts(message: &str) -> Vec<(PartKind, String, String)> {
    let canonical = Canonical::of(message.as_bytes()).unwrap();
    let text = |part: &Part| (0..).map_while(|line| part.line(line)).collect::<Vec<_>>().join("|");
    canonical.parts().iter().map(|part| (part.kind(), part.name().to_owned(), text(part))).collect()
}

/// The example of RFC 6376, section 3.4.5.
#[test]
fn relaxed_form_agrees_with_the_rfc() {
    let message = b"A: X \r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";

    let head = Head::of(message).unwrap();

    let fields: Vec<u8> = head.fields.iter().flat_map(relaxed_field).collect();
    assert_eq!(fields, b"a:X\r\nb:Y Z\r\n");
    assert_eq!(body(head.body), b" C\r\nD E\r\n");
}

#[test]
fn lines_of_spaces_at_the_end_do_not_count() {
    assert_eq!(body(b"a\r\n \t\r\n\r\n   "), b"a\r\n");
    assert_eq!(body(b"a"), b"a\r\n");
    assert_eq!(body(b"\r\n \r\n"), b"");
    assert_eq!(body(b"\r\na"), b"\r\na\r\n");
}

#[test]
fn folds_of_any_number_are_one_value() {
    let head = Head::of(b"Subject: a\r\n b\r\n\tc\r\n  d\r\nTo: x\r\n\r\n").unwrap();

    assert_eq!(head.text("subject").unwrap(), "a b c d");
    assert_eq!(head.text("to").unwrap(), "x");
    assert_eq!(head.fields[0].span, (0, 25));
    assert_eq!(head.fields[1].span, (25, 32));
}

#[test]
fn transfer_encoding_does_not_matter_to_the_content() {
    let head = "From: a@b\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\n";
    let forms = [
        format!("{head}Content-Transfer-Encoding: 8bit\r\n\r\nGrüße = gut\r\nEnde\r\n"),
        format!(
            "{head}Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D g=\r\nut\r\nEnde\r\n"
        ),
        format!("{head}Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZSA9IGd1dA0K\r\nRW5kZQ0K\r\n"),
    ];

    let roots = forms.map(|form| Canonical::of(form.as_bytes()).unwrap().root());

    assert!(roots.iter().all(|root| *root == roots[0]));
}

#[test]
fn character_set_does_not_matter_to_the_content() {
    let latin = b"Subject: x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n";
    let utf = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".as_bytes();

    assert_eq!(Canonical::of(latin).unwrap().root(), Canonical::of(utf).unwrap().root());
}

#[test]
fn texts_that_do_not_decode_stay_different() {
    for charset in ["utf-8", "gb2312", "x-unknown", "us-ascii"] {
        let message = |byte: u8| {
            let mut message =
                format!("Subject: x\r\nContent-Type: text/plain; charset={charset}\r\n\r\n").into_bytes();
            message.extend_from_slice(&[0xc4, byte, b'\r', b'\n']);
            Canonical::of(&message).unwrap().root()
        };
        assert_ne!(message(0xe3), message(0xe4), "{charset}");
    }
    let subject =
        |byte| Canonical::of(&[b"Subject: \xff".as_slice(), &[byte], b"\r\n\r\n"].concat()).unwrap().root();
    assert_ne!(subject(0xfe), subject(0xfd));
}

#[test]
fn parts_are_named_by_what_a_reader_sees() {
    let message = "From: A <a@b>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n\
        ignored\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n\
        --y\r\n\r\nPlain \r\n\r\nText\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>One</p><p>Two <a href='https://a/?b&amp;c'>x</a></p>\r\n--y--\r\n\
        --x\r\nContent-Type: image/png\r\nContent-Disposition: inline; filename=\"a.png\"\r\n\r\nxx\r\n\
        --x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"b.pdf\"\r\n\r\nyy\r\n--x--\r\n";

    let wanted = [
        (PartKind::From, "", "A <a@b>"),
        (PartKind::Subject, "", "Grüße"),
        (PartKind::Text, "", "Plain|Text"),
        (PartKind::Html, "", "<p>One</p>|<p>Two <a href='https://a/?b&amp;c'>x</a></p>"),
        (PartKind::InlineImage, "a.png", ""),
        (PartKind::Attachment, "b.pdf", ""),
        (PartKind::Links, "", "https://a/?b&c"),
    ];
    assert_eq!(parts(message), wanted.map(|(kind, name, text)| (kind, name.to_owned(), text.to_owned())));
}

#[test]
fn text_behind_the_last_part_is_a_part() {
    let message = "Subject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nOne\r\n--x--\r\nFooter\r\n";

    let texts: Vec<_> = parts(message).into_iter().map(|(_, _, text)| text).collect();

    assert_eq!(texts, ["x", "One", "Footer"]);
}

#[test]
fn what_stands_behind_the_padding_counts() {
    let message =
        |tail: &str| format!("Subject: x\nContent-Transfer-Encoding: base64\n\nT25l\nTw==\n{tail}\n");

    let root = |tail| Canonical::of(message(tail).as_bytes()).unwrap().root();

    assert_ne!(root(""), root("VHdv"));
}

#[test]
fn limits_hold_at_their_edge() {
    let mut full = b"Subject: x\r\n\r\n".to_vec();
    full.resize(MAX_MESSAGE_BYTES, b'a');
    assert!(Canonical::of(&full).is_ok());
    let certified = [b"Maily-Proof: AAAA\r\n AAAA\r\n", &full[..]].concat();
    assert!(Canonical::of(&certified).is_ok());
    full.push(b'a');
    assert_eq!(Canonical::of(&full).unwrap_err().code(), Code::MailTooLarge);

    let nested = |levels: usize| {
        let mut message = String::from("Subject: x\r\n");
        for level in 1..levels {
            message += &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        Canonical::of((message + "\r\ntext\r\n").as_bytes())
    };
    assert!(nested(MAX_DEPTH).is_ok());
    assert_eq!(nested(MAX_DEPTH + 1).unwrap_err().code(), Code::MailTooDeep);

    let wide = |parts: usize| {
        let head = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
        Canonical::of((head.to_owned() + &"--b\r\n\r\nx\r\n".repeat(parts - 1)).as_bytes())
    };
    assert!(wide(MAX_PARTS).is_ok());
    assert_eq!(wide(MAX_PARTS + 1).unwrap_err().code(), Code::MailTooDeep);

    let mut headers = b"Subject: x\r\nX: ".to_vec();
    headers.resize(MAX_HEADER_BYTES, b'a');
    assert_eq!(
        Canonical::of(&[&headers, b"\r\n\r\n".as_slice()].concat()).unwrap_err().code(),
        Code::MailTooLarge
    );

    let senders = |count: usize| Canonical::of(("From: a\r\n".repeat(count) + "\r\n").as_bytes());
    assert!(senders(MAX_REPEATS).is_ok());
    assert_eq!(senders(MAX_REPEATS + 1).unwrap_err().code(), Code::MailMalformed);
}

#[test]
fn lines_beyond_the_last_leaf_still_count() {
    let message = |last: &str| {
        let lines = "x\n".repeat(MAX_LINES);
        Canonical::of(format!("Subject: x\n\n{lines}and {last}\n").as_bytes()).unwrap().root()
    };

    assert_ne!(message("this"), message("that"));
}
