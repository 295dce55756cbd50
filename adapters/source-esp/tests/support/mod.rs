//! A SendGrid of our own: it signs with a fixed key as theirs does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use maily_analytics::port::Webhook;
use maily_source_esp::{SendGrid, SendGridConfig};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey;

const SENT_AT: i64 = 1_767_600_000;

pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).expect("32 bytes below the order are a key")
}

pub(crate) fn sendgrid() -> SendGrid {
    let der = signing_key().verifying_key().to_public_key_der().expect("a key has a DER form");
    SendGridConfig::new(STANDARD.encode(der.as_bytes())).build().expect("the key above is one")
}

/// Signs a body as SendGrid does, received at the second of signing.
pub(crate) fn webhook(body: impl Into<Bytes>) -> Webhook {
    let body = body.into();
    let timestamp = SENT_AT.to_string();
    let signature: DerSignature = signing_key().sign(&[timestamp.as_bytes(), &body].concat());
    let mut headers = HeaderMap::new();
    headers.insert(SendGrid::TIMESTAMP_HEADER, timestamp.parse().expect("digits are a header value"));
    let signature = STANDARD.encode(signature.as_bytes());
    headers.insert(SendGrid::SIGNATURE_HEADER, signature.parse().expect("base64 is a header value"));
    Webhook { headers, body, received: Timestamp::from_second(SENT_AT).expect("a time of this century") }
}
