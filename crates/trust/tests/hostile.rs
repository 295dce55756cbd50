//! Messages that somebody made on purpose: never a panic, always a verdict or a code of the catalogue.
#![expect(clippy::unwrap_used, reason = "a test")]

use maily_errors::Code;
use maily_trust::canonical::Canonical;
use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
use maily_trust::{State, Trust, TrustConfig, Verifier};
use proptest::prelude::*;

async fn certified(message: &[u8]) -> (Verifier, Vec<u8>) {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
    let trust = Trust::open(TrustConfig::default(), signer, journal, ledger).await.unwrap();
    let sent = trust.certify(message.to_vec()).await.unwrap();
    (trust.verifier().clone(), sent.message.to_vec())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn is_expected(code: Code) -> bool {
    matches!(code, Code::MailMalformed | Code::MailTooLarge | Code::MailTooDeep)
}

/// Pieces that readers of mail stumble over.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"--x",
        b"--x--",
        b"--x\r\n",
        b"--",
        b"\0",
        b"\xff\xfe",
        b"=",
        b"=?",
        b"?=",
        b"==",
        b"From: ",
        b"Subject: ",
        b"Maily-Proof: ",
        b"Content-Type: ",
        b"multipart/mixed; boundary=x",
        b"boundary=\"",
        b"text/html",
        b"message/rfc822",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"=?utf-8?b?",
        b"=?utf-8?q?=ff?=",
        b"charset=gb2312",
        b"charset=utf-7",
        b"; name*=utf-8''%ff",
        b"filename*0=a; filename*1=b",
        b"<a href=",
        b"</p>",
        b"<!--",
        b"</",
        b"<",
        b">",
        b" ",
        b"\t",
        b":",
        b";",
        b"\"",
        b"\\",
        b"(",
        b")",
    ];
    prop_oneof![
        6 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        match Verifier::new().verify(&bytes) {
            Ok(verdict) => prop_assert!(matches!(verdict.state, State::Missing | State::Unproven)),
            Err(err) => prop_assert!(is_expected(err.code())),
        }
    }

    #[test]
    fn random_pieces_of_mail_never_panic(pieces in prop::collection::vec(piece(), 0..200)) {
        for head in [&b""[..], b"Subject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"] {
            let bytes = [head, &pieces.concat()].concat();
            match Canonical::of(&bytes) {
                Ok(canonical) => prop_assert_eq!(canonical.root(), Canonical::of(&bytes).unwrap().root()),
                Err(err) => prop_assert!(is_expected(err.code())),
            }
            prop_assert!(Verifier::new().verify(&bytes).map_or_else(|err| is_expected(err.code()), |_| true));
        }
    }

    /// Whatever can be read can be certified, and then verifies; one changed letter does not.
    #[test]
    fn whatever_is_certified_verifies(pieces in prop::collection::vec(piece(), 0..60), word in "[a-z]{1,8}") {
        let bytes = [b"From: a@b\r\nSubject: x\r\n\r\n".as_slice(), &pieces.concat(), b"\r\nlast ", word.as_bytes(), b"\r\n"].concat();
        let (verifier, sent) = block_on(certified(&bytes));

        let verdict = verifier.verify(&sent).unwrap();
        prop_assert_eq!(verdict.state, State::Intact);
        prop_assert!(verdict.exact);

        let mut altered = sent;
        let last = altered.len() - 3;
        altered[last] = altered[last].to_ascii_uppercase();
        prop_assert_eq!(verifier.verify(&altered).unwrap().state, State::Changed);
    }

    /// A cut message is never intact, unless what was cut was only the end of its last line.
    #[test]
    fn cut_message_is_not_intact(at in 0_usize..400) {
        let body = "From: a@b\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nOne\r\n--x\r\n\r\nTwo\r\nThree\r\n--x--\r\n";
        let (verifier, sent) = block_on(certified(body.as_bytes()));
        let text_end = sent.len() - "\r\n--x--\r\n".len();
        let end = sent.len() - body.len() + at.min(text_end - (sent.len() - body.len()) - 1);

        match verifier.verify(&sent[..end]) {
            Ok(verdict) => prop_assert!(verdict.state >= State::Changed, "{}", verdict),
            Err(err) => prop_assert!(is_expected(err.code())),
        }
    }
}

#[tokio::test]
async fn text_that_says_nobody_sent_it_is_not_certified() {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
    let trust = Trust::open(TrustConfig::default(), signer, journal, ledger).await.unwrap();

    let refused = trust.certify(r#"{"json": "looks like a header"}"#).await.unwrap_err();

    assert_eq!(refused.code(), Code::MailMalformed);
}

#[test]
fn bombs_are_refused_or_read_in_time() {
    let nested_mail = "Content-Type: message/rfc822\r\n\r\n".repeat(200_000);
    let nested_parts: String = (0..5_000)
        .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"))
        .collect();
    let many_parts =
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\n".repeat(100_000));
    let no_end = format!("Subject: {}", "a ".repeat(500_000));
    let boundaries =
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{}", "--bb\r\n".repeat(100_000));
    let tags = format!("Content-Type: text/html\r\n\r\n{}", "<".repeat(300_000));
    let links = format!("Content-Type: text/html\r\n\r\n{}", "href ".repeat(100_000));

    for (name, bomb, refused) in [
        ("nested mail", nested_mail, None),
        ("nested parts", nested_parts, Some(Code::MailTooDeep)),
        ("many parts", many_parts, Some(Code::MailTooDeep)),
        ("no end", no_end, None),
        ("boundaries", boundaries, None),
        ("tags", tags, None),
        ("links", links, None),
    ] {
        let read = Canonical::of(bomb.as_bytes());
        assert_eq!(read.err().map(|err| err.code()), refused, "{name}");
    }
}

#[tokio::test]
async fn header_in_a_value_stays_a_value() {
    let (verifier, sent) =
        certified(b"From: a@b\r\nSubject: =?utf-8?q?Hi=0D=0ABcc:_x@y?=\r\n\r\nOne\r\n").await;

    assert_eq!(verifier.verify(&sent).unwrap().state, State::Intact);
    let text = String::from_utf8(sent).unwrap();
    assert!(!text.lines().any(|line| line.starts_with("Bcc:")));
}

#[tokio::test]
async fn many_messages_at_once_share_checkpoints_and_all_verify() {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
    let trust = Trust::open(TrustConfig::default(), signer, journal, ledger).await.unwrap();
    let certify = |number: u32| {
        let trust = trust.clone();
        async move { trust.certify(format!("From: a@b\nSubject: {number}\n\nOne\n")).await.unwrap() }
    };

    let sent = futures_util::future::join_all((0..200).map(certify)).await;

    let mut indexes: Vec<_> = sent.iter().map(|sent| sent.proof.index()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..200).collect::<Vec<_>>());
    for sent in &sent {
        assert_eq!(trust.verify(sent.message.clone()).await.unwrap().state, State::Intact);
    }
    assert_eq!(trust.checkpoint().unwrap().size(), 200);
}
