//! The message is certified; then it and three altered copies are verified, offline.

use std::path::Path;

use bytes::Bytes;
use maily_errors::{Code, Error};
use maily_trust::{State, Verifier};
use serde_json::json;

use super::chain;
use super::client::Client;
use super::export::Message;
use super::message;
use super::stage::{Outcome, Stage};
use crate::command::write;

pub(super) async fn certify(
    _: &Stage<'_>,
    client: &Client,
    sent: &Message,
    out: &Path,
) -> Result<Outcome<Bytes>, Error> {
    let certified = client.post_message("/v1/trust/certificates", sent.bytes.clone()).await?;
    let verdict = verifier(client).await?.verify(&certified)?;
    let summary =
        verdict.certificate.as_ref().ok_or_else(|| failed("the certified message has no certificate"))?;
    let receipt = summary.receipt.as_ref().ok_or_else(|| failed("the certificate has no receipt"))?;

    let path = sent.path.with_extension("certified.eml");
    write(&path, &certified)?;
    let qr = client.get(&format!("/v1/trust/certificates/{}/qr.svg", summary.id)).await?;
    write(&out.join("campaign.qr.svg"), &qr)?;
    let header = certified.len() - sent.bytes.len();

    let mut lines = vec![
        format!("certificate {}, number {} of {}", summary.id, summary.index + 1, summary.origin),
        format!("anchored in {} at {}", receipt.ledger, receipt.position),
        format!("{}: the proof is a header of {header} bytes; campaign.qr.svg leads to it", path.display()),
    ];
    let checkpoint = client.get("/v1/trust/checkpoint").await?;
    lines.push(chain::anchor(&checkpoint).await?);
    let data = json!({ "certificate": summary.id, "receipt": receipt });
    Ok(Outcome { value: certified, lines, data })
}

pub(super) async fn verify(
    _: &Stage<'_>,
    client: &Client,
    certified: &Bytes,
    out: &Path,
) -> Result<Outcome<()>, Error> {
    let copies = [
        ("as it was sent", State::Intact, certified.to_vec()),
        ("one word changed", State::Changed, message::with_changed_word(certified)?),
        ("a mailing list's footer", State::IntactWithAdditions, message::with_list_footer(certified)?),
        ("the attachment swapped", State::Changed, message::with_other_attachment(certified)?),
    ];
    let verifier = verifier(client).await?;
    let (mut lines, mut verdicts) = (Vec::new(), Vec::new());
    for (index, (what, expected, bytes)) in copies.into_iter().enumerate() {
        let verdict = verifier.verify(&bytes)?;
        if verdict.state != expected {
            return Err(failed("a copy did not get the verdict that it must get").with_context("copy", what));
        }
        if index > 0 {
            write(&out.join(format!("altered-{index}.eml")), &bytes)?;
        }
        lines.push(format!("{what:<24}  {}", verdict.title));
        verdicts.push(json!({ "copy": what, "state": verdict.state, "title": verdict.title }));
    }
    Ok(Outcome { value: (), lines, data: json!({ "verdicts": verdicts }) })
}

/// Trusts the key that the server names, as a reader who pinned it would.
async fn verifier(client: &Client) -> Result<Verifier, Error> {
    let key = client.get("/v1/trust/key").await?;
    Ok(Verifier::new().with_key(String::from_utf8_lossy(&key).trim().parse()?))
}

fn failed(message: &'static str) -> Error {
    Error::new(Code::Unexpected, message).with_operation("server::journey::prove")
}
