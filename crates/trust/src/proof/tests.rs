use maily_errors::Code;
use proptest::prelude::*;

use super::*;
use crate::canonical::Canonical;
use crate::memory::Ed25519Signer;
use crate::merkle::Tree;

/// Two texts, an image, ten links' worth of lines: what a campaign looks like.
fn campaign() -> Vec<u8> {
    let lines: String = (0..40).map(|line| format!("Line {line} of the offer.\r\n")).collect();
    let html: String = (0..60)
        .map(|line| format!("<p>Line {line} <a href=\"https://a.example/{line}\">go</a></p>"))
        .collect();
    format!(
        "From: Shop <shop@a.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=x\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\n{lines}\r\n\
         --x\r\nContent-Type: text/html\r\n\r\n{html}\r\n\
         --x\r\nContent-Type: image/png; name=\"banner.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n\
         --x--\r\n"
    )
    .into_bytes()
}

async fn proof(others: u64) -> Proof {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    let message = Canonical::of(&campaign()).unwrap();
    let certificate = Certificate::issue(&message, 1_790_000_000_000, &signer).await.unwrap();
    let mut tree: Tree = (0..others).map(|number| leaf_hash(&number.to_be_bytes())).collect();
    tree.push(certificate.leaf());
    let checkpoint = Checkpoint::sign(tree.len(), tree.root(), &signer).await.unwrap();
    let receipt = Receipt {
        ledger: "eip155:31337".to_owned(),
        position: 12_345_678,
        anchored_at_ms: 1_790_000_012_000,
        finality: Finality::Included,
        locator: vec![7; 84],
    };
    let path = tree.inclusion(others, others + 1).unwrap();
    Proof::new(certificate, others, path, checkpoint, Some(receipt))
}

#[tokio::test]
async fn proof_survives_its_encoding() {
    for others in [0, 1, 2, 6, 1_000] {
        let proof = proof(others).await;

        let again = Proof::decode(&proof.encode()).unwrap();

        again.verify().unwrap();
        assert_eq!(again, proof);
    }
}

#[tokio::test]
async fn usual_proof_has_at_most_850_bytes() {
    let bytes = proof(15).await.encode();

    assert!(bytes.len() <= 850, "{} bytes", bytes.len());
}

#[tokio::test]
async fn header_is_folded_and_read_back() {
    let proof = proof(15).await;
    for message in [campaign(), String::from_utf8(campaign()).unwrap().replace("\r\n", "\n").into_bytes()] {
        let with = insert(&message, &proof).unwrap();

        let text = String::from_utf8(with.clone()).unwrap();
        assert!(text.lines().take_while(|line| !line.starts_with("From")).all(|line| line.len() <= 76));
        assert!(with.ends_with(&message), "the message itself is not touched");
        assert_eq!(text.contains("\r\n"), String::from_utf8(message).unwrap().contains("\r\n"));
        let found = find(&with).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].as_ref().unwrap(), &proof);
    }
}

#[tokio::test]
async fn second_proof_takes_the_place_of_the_first() {
    let (first, second) = (proof(3).await, proof(4).await);

    let once = insert(&campaign(), &first).unwrap();
    let twice = insert(&once, &second).unwrap();

    assert_eq!(twice, insert(&campaign(), &second).unwrap());
}

#[tokio::test]
async fn any_altered_byte_but_of_the_receipt_is_noticed() {
    let mut proof = proof(5).await;
    proof.receipt = None;
    let bytes = proof.encode();

    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 0x10;
        assert!(Proof::decode(&altered).and_then(|proof| proof.verify()).is_err(), "byte {index}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_refused_not_fatal(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(Proof::decode(&bytes).err().map(|err| err.code()), Some(Code::ProofMalformed));
        bytes.insert(0, 1);
        prop_assert_eq!(Proof::decode(&bytes).err().map(|err| err.code()), Some(Code::ProofMalformed));
    }
}
