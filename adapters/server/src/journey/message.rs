//! The e-mail of the journey, and three copies of it that somebody altered on the way.

use mail_builder::MessageBuilder;
use mail_builder::mime::MimePart;
use maily_errors::{Code, Error};

/// The picture that the canvas and the message show.
const HERO: &[u8] = include_bytes!("../../assets/hero.png");

/// The content id under which the message carries the picture.
const HERO_ID: &str = "hero@maily";

/// The sentence of the plain text that one altered copy changes.
const DEADLINE: &str = "The offer ends on Friday.";

/// The attachment, and the sentence of it that one altered copy changes.
const TERMS: &str = "Terms of the summer offer\r\n\r\nOne order per customer.\r\n";
const TERM: &str = "One order per customer.";

/// Returns the picture as the canvas holds it: inside the document.
pub(crate) fn hero_data_url() -> String {
    use base64::Engine as _;

    format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(HERO))
}

/// Builds the message: plain text and HTML, one inline picture, one attachment.
pub(crate) fn build(subject: &str, text: &str, html: &str) -> Result<Vec<u8>, Error> {
    // Mail programs do not show pictures inside the HTML; a part of its own they do.
    let html = html.replace(&hero_data_url(), &format!("cid:{HERO_ID}"));
    let plain = format!("{text}\r\n\r\n{DEADLINE}\r\n");
    let picture = MimePart::new("image/png", HERO).inline().cid(HERO_ID);
    let related = MimePart::new("multipart/related", vec![MimePart::new("text/html", html), picture]);
    let body = MimePart::new("multipart/alternative", vec![MimePart::new("text/plain", plain), related]);
    let terms = MimePart::new("text/plain", TERMS.as_bytes()).attachment("terms.txt");
    MessageBuilder::new()
        .from(("Maily Journey", "news@campaign.example"))
        .to(("Ada", "ada@reader.example"))
        .subject(subject)
        .body(MimePart::new("multipart/mixed", vec![body, terms]))
        .write_to_vec()
        .map_err(|err| failed("the message cannot be written").with_source(err))
}

/// Changes one word of the plain text.
pub(crate) fn with_changed_word(message: &[u8]) -> Result<Vec<u8>, Error> {
    let altered = DEADLINE.replace("Friday", "Sunday");
    replace(message, DEADLINE.as_bytes(), altered.as_bytes())
}

/// Appends what a mailing list appends: a part of its own, below everything else.
pub(crate) fn with_list_footer(message: &[u8]) -> Result<Vec<u8>, Error> {
    let text = String::from_utf8_lossy(message);
    let boundary = text
        .split_once("multipart/mixed")
        .and_then(|(_, rest)| rest.split_once("boundary=\""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(boundary, _)| boundary)
        .ok_or_else(|| failed("the message has no outer boundary"))?;
    let end = format!("--{boundary}--");
    let footer = format!(
        "--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\n\
         _______________________________________________\r\nreaders mailing list\r\n{end}",
    );
    replace(message, end.as_bytes(), footer.as_bytes())
}

/// Puts another file in the place of the attachment.
pub(crate) fn with_other_attachment(message: &[u8]) -> Result<Vec<u8>, Error> {
    replace(message, TERM.as_bytes(), b"No refunds, ever.")
}

fn replace(message: &[u8], from: &[u8], to: &[u8]) -> Result<Vec<u8>, Error> {
    let start = message
        .windows(from.len())
        .position(|window| window == from)
        .ok_or_else(|| failed("the part to alter is not in the message"))?;
    Ok([&message[..start], to, &message[start + from.len()..]].concat())
}

fn failed(message: &'static str) -> Error {
    Error::new(Code::Unexpected, message).with_operation("server::journey::message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alteration_changes_the_message() {
        let message = build("Sonne für alle ☀", "Hallo.", "<p>Hallo.</p>").unwrap();

        for altered in
            [with_changed_word(&message), with_list_footer(&message), with_other_attachment(&message)]
        {
            assert_ne!(altered.unwrap(), message);
        }
    }
}
