//! A campaign is certified and read by people whom a relay, a list and a thief stand between. Needs nothing installed.

use maily::errors::Result;
use maily::trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
use maily::trust::verify::{Reason, State, Verifier};
use maily::trust::{Trust, TrustConfig, qr};

const MAIL: &str = "From: Shop <shop@a.example>\r\nSubject: Sale today\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\r\n\
    --x\r\nContent-Type: text/plain\r\n\r\nDear reader,\r\n\r\n20% off today.\r\n\
    --x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"terms.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--x--\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let signer = Ed25519Signer::generate("mail.example/log")?;
    let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
    let trust = Trust::open(TrustConfig::default(), signer, journal, ledger).await?;

    // The proof stands in front of the message, which is otherwise what it was.
    let certified = trust.certify(MAIL).await?;
    let sent = String::from_utf8_lossy(&certified.message).into_owned();
    assert!(sent.starts_with("Maily-Proof: ") && sent.ends_with(MAIL));
    assert!(certified.proof.encode().len() < 850);
    assert!(qr::svg(&trust.link(certified.certificate()))?.starts_with("<svg "));

    // A reader needs the key and nothing else: no network, no log.
    let reader = Verifier::new().with_key(trust.key().clone());
    let verdict = reader.verify(sent.as_bytes())?;
    assert_eq!((verdict.state, verdict.exact), (State::Intact, true));

    // One word, a footer, an attachment: each verdict names what happened.
    let word = reader.verify(sent.replace("20% off", "90% off").as_bytes())?;
    assert_eq!(word.title, "Changed: text/plain part: changed in line 2: \"90% off today.\"");

    let footer = sent.replace("--x--", "--x\r\n\r\nYou get this from the list.\r\n--x--");
    let footer = reader.verify(footer.replace("Sale today", "[list] Sale today").as_bytes())?;
    assert_eq!(footer.state, State::IntactWithAdditions);
    assert_eq!(
        footer.title,
        "Intact, with additions: subject: \"[list]\" added in front; text/plain part added"
    );

    let swapped = reader.verify(sent.replace("JVBERi0xLjQK", "JVBERi0xLjUK").as_bytes())?;
    assert_eq!(swapped.title, "Changed: attachment \"terms.pdf\" changed");

    // Somebody else's key vouches for nothing.
    let stranger = Ed25519Signer::generate("mail.example/log")?;
    let other = Verifier::new().with_key(maily::trust::port::Sign::key(&stranger).clone());
    assert_eq!(other.verify(sent.as_bytes())?.reason, Some(Reason::AnotherKey));
    Ok(())
}
