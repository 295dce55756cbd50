use proptest::prelude::*;

use super::*;
use crate::memory::Ed25519Signer;

const MESSAGE: &[u8] = b"From: a@b.example\r\nSubject: Hi\r\n\r\nOne\r\nTwo\r\n";

async fn certificate() -> Certificate {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    Certificate::issue(&Canonical::of(MESSAGE).unwrap(), 1_790_000_000_000, &signer).await.unwrap()
}

#[tokio::test]
async fn certificate_survives_its_encoding() {
    let certificate = certificate().await;

    let again = Certificate::decode(&certificate.encode()).unwrap();

    again.verify_signature().unwrap();
    assert_eq!(again, certificate);
    assert_eq!(again.id().to_string().parse::<CertificateId>().unwrap(), certificate.id());
}

#[tokio::test]
async fn certificate_has_golden_bytes() {
    let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let signer = Ed25519Signer::from_text(secret).unwrap();
    let message = Canonical::of(MESSAGE).unwrap();

    let certificate = Certificate::issue(&message, 1_790_000_000_000, &signer).await.unwrap();

    assert_eq!(hex::encode(certificate.encode()), include_str!("../../tests/wire/certificate.hex").trim());
}

#[tokio::test]
async fn any_altered_byte_is_noticed() {
    let bytes = certificate().await.encode();

    for index in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[index] ^= 1;
        let noticed = Certificate::decode(&altered).and_then(|certificate| certificate.verify_signature());
        assert!(noticed.is_err(), "byte {index}");
    }
}

#[tokio::test]
async fn cut_or_longer_bytes_are_refused() {
    let bytes = certificate().await.encode();

    for end in 0..bytes.len() {
        assert_eq!(Certificate::decode(&bytes[..end]).unwrap_err().code(), Code::ProofMalformed);
    }
    assert!(Certificate::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn one_hint_stands_for_the_same_lines_on_both_sides() {
    for lines in 1_usize..500 {
        for share in [1, 2, 3, 7, 32] {
            let stride = lines.div_ceil(share);
            let record = PartRecord {
                kind: crate::canonical::PartKind::Text,
                name: String::new(),
                digest: [0; 16],
                lines: lines as u32,
                hints: vec![0; lines.div_ceil(stride)],
            };
            assert_eq!(record.stride(), stride);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_refused_not_fatal(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut versioned = vec![1, 1, 32];
        versioned.extend_from_slice(&bytes);
        for bytes in [bytes, versioned] {
            if let Ok(certificate) = Certificate::decode(&bytes) {
                prop_assert_eq!(certificate.encode(), bytes);
                prop_assert!(certificate.verify_signature().is_err());
            }
        }
    }
}
