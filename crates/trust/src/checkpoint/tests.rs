use super::*;
use crate::memory::Ed25519Signer;

/// The example that the documentation of Go's `sumdb/note` package signs.
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn published_note_is_verified() {
    let note = Note::parse(NOTE).unwrap();

    note.verify(&KEY.parse().unwrap()).unwrap();
    let altered = Note::parse(&NOTE.replace("answer", "ANSWER")).unwrap();
    assert!(altered.verify(&KEY.parse().unwrap()).is_err());
}

#[tokio::test]
async fn published_note_is_signed_to_the_byte() {
    let signer = Ed25519Signer::from_text(SECRET).unwrap();
    let (text, _) = NOTE.split_at(NOTE.find("\n\n").unwrap() + 1);

    let signature = signer.sign(text.as_bytes()).await.unwrap();

    assert_eq!(signer.key().to_string(), KEY);
    assert_eq!(Note::format(text, "PeterNeumann", signer.key().hash(), &signature), NOTE);
}

#[tokio::test]
async fn checkpoint_has_golden_bytes() {
    let signer = Ed25519Signer::from_text(SECRET).unwrap();
    let checkpoint = Checkpoint::sign(42, Hash::of(b"golden"), &signer).await.unwrap();

    assert_eq!(checkpoint.to_note(), include_str!("../../tests/wire/checkpoint.txt"));
}

#[tokio::test]
async fn altered_checkpoint_is_refused() {
    let signer = Ed25519Signer::from_text(SECRET).unwrap();
    let text = Checkpoint::sign(42, Hash::of(b"golden"), &signer).await.unwrap().to_note();

    assert_eq!(
        Checkpoint::open(&text.replace("\n42\n", "\n43\n"), signer.key()).unwrap_err().code(),
        Code::SignatureInvalid
    );
    for broken in [
        text.replace("\n42\n", "\n042\n"),
        text.replace("\n42\n", "\n+42\n"),
        text.replace("\n42\n", "\n-1\n"),
        text.replace("\n\n", "\nextension\n\n"),
        text.replace("\n\n", "\n"),
        text.trim_end().to_owned(),
        text.replace('\u{2014}', "-"),
        format!("{text}\u{2014} name\n"),
        text.replace("\n42\n", "\n42\r\n"),
        String::new(),
    ] {
        assert_eq!(
            Checkpoint::open(&broken, signer.key()).unwrap_err().code(),
            Code::ProofMalformed,
            "{broken}"
        );
    }
    let other = Ed25519Signer::generate("PeterNeumann").unwrap();
    assert_eq!(Checkpoint::open(&text, other.key()).unwrap_err().code(), Code::SignatureInvalid);
}
