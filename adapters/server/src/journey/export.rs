//! The canvas becomes an e-mail.

use std::path::{Path, PathBuf};

use maily_errors::{Code, Error};
use serde_json::json;

use super::client::Client;
use super::draft::Draft;
use super::draw::DOCUMENT;
use super::message;
use super::stage::{Outcome, Stage};
use crate::command::write;

/// The finished message, and where it lies.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) path: PathBuf,
}

pub(super) async fn run(
    _: &Stage<'_>,
    client: &Client,
    draft: &Draft,
    subject: &str,
    out: &Path,
) -> Result<Outcome<Message>, Error> {
    let html = client.get(&format!("/v1/canvas/documents/{DOCUMENT}/export.html")).await?;
    let svg = client.get(&format!("/v1/canvas/documents/{DOCUMENT}/export.svg")).await?;
    let html = String::from_utf8(html.to_vec())
        .map_err(|err| Error::new(Code::Unexpected, "the export is not UTF-8").with_source(err))?;

    let bytes = message::build(subject, &draft.copy, &html)?;
    let path = out.join("campaign.eml");
    write(&path, &bytes)?;
    write(&out.join("campaign.svg"), &svg)?;

    let lines = vec![format!(
        "{} ({:.1} kB): plain text, HTML, one inline picture, one attachment",
        path.display(),
        bytes.len() as f64 / 1000.0,
    )];
    let data = json!({ "bytes": bytes.len(), "subject": subject });
    Ok(Outcome { value: Message { bytes, path }, lines, data })
}
