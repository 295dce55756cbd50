use super::*;
use crate::canonical::PartKind;
use crate::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
use crate::port::Sign;
use crate::{Trust, TrustConfig};

async fn trust() -> Trust {
    let signer = Ed25519Signer::generate("mail.example/log").unwrap();
    Trust::open(TrustConfig::default(), signer, MemoryJournal::default(), MemoryLedger::default())
        .await
        .unwrap()
}

/// A campaign with both texts, an inline image and an attachment.
fn campaign() -> String {
    "From: Shop <shop@a.example>\r\nTo: you@b.example\r\nSubject: Sale today\r\nMIME-Version: 1.0\r\n\
     Content-Type: multipart/mixed; boundary=x\r\n\r\n\
     --x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n\
     --y\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDear reader,\r\n\r\n20% off today.\r\n\r\nYour shop\r\n\
     --y\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Dear reader,</p><p>20% off today.</p>\
     <p><a href=\"https://a.example/sale\">Go</a></p></body></html>\r\n--y--\r\n\
     --x\r\nContent-Type: image/png; name=\"banner.png\"\r\nContent-ID: <b>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n\
     --x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"terms.pdf\"\r\n\
     Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--x--\r\n"
        .to_owned()
}

async fn certified() -> (Verifier, String) {
    certify(&campaign()).await
}

async fn certify(message: &str) -> (Verifier, String) {
    let trust = trust().await;
    let sent = trust.certify(message.to_owned()).await.unwrap().message;
    (trust.verifier().clone(), String::from_utf8(sent.to_vec()).unwrap())
}

fn touched(verdict: &Verdict) -> Vec<(PartKind, Fate)> {
    let touched = verdict.parts.iter().filter(|part| part.fate != Fate::Intact);
    touched.map(|part| (part.kind, part.fate)).collect()
}

#[tokio::test]
async fn untouched_message_is_exactly_intact() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(sent.as_bytes()).unwrap();

    assert_eq!((verdict.state, verdict.exact), (State::Intact, true));
    assert_eq!(verdict.title, "Intact: exactly as it was certified");
    assert!(verdict.certificate.unwrap().pinned);
}

#[tokio::test]
async fn reencoded_message_is_intact_but_not_exact() {
    let (verifier, sent) = certified().await;
    let reencoded = sent
        .replace("20% off today.\r\n\r\nYour", "20% off today. \r\n\r\n\r\nYour")
        .replace("JVBERi0xLjQK", "JVBE\r\nRi0xLjQK");

    let verdict = verifier.verify(reencoded.as_bytes()).unwrap();

    assert_eq!((verdict.state, verdict.exact), (State::Intact, false));
}

#[tokio::test]
async fn changed_word_is_named_with_its_line() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(sent.replacen("20% off", "90% off", 1).as_bytes()).unwrap();

    assert_eq!(verdict.state, State::Changed);
    assert_eq!(touched(&verdict), [(PartKind::Text, Fate::Changed)]);
    assert_eq!(verdict.title, "Changed: text/plain part: changed in line 2: \"90% off today.\"");
}

#[tokio::test]
async fn changed_word_in_html_is_named_with_its_line() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(sent.replace("<p>20%", "<p>90%").as_bytes()).unwrap();

    assert_eq!(verdict.title, "Changed: text/html part: changed in line 3: \"<p>90% off today.</p>\"");
}

#[tokio::test]
async fn changed_link_is_named_with_where_it_leads_now() {
    let (verifier, sent) = certified().await;

    let verdict =
        verifier.verify(sent.replace("https://a.example/sale", "https://evil.example/").as_bytes()).unwrap();

    assert_eq!(touched(&verdict), [(PartKind::Html, Fate::Changed), (PartKind::Links, Fate::Changed)]);
    assert!(
        verdict.title.contains("links: changed in line 1: \"https://evil.example/\""),
        "{}",
        verdict.title
    );
}

#[tokio::test]
async fn footer_below_a_text_is_an_addition() {
    let (verifier, sent) = certify("From: a@b\nSubject: Hi\n\nOne\nTwo\n").await;
    let relayed =
        sent.replace("Subject: Hi", "Subject: [list] Hi") + "_____\nlist mailing list\nlist@b.example\n";

    let verdict = verifier.verify(relayed.as_bytes()).unwrap();

    assert_eq!(verdict.state, State::IntactWithAdditions);
    assert_eq!(touched(&verdict), [(PartKind::Subject, Fate::Extended), (PartKind::Text, Fate::Extended)]);
    assert_eq!(verdict.parts[2].places, [Place::Added { after: 2, text: "_____".to_owned() }]);
    assert_eq!(verdict.parts[1].places, [Place::InFront { text: "[list]".to_owned() }]);
}

#[tokio::test]
async fn footer_as_a_part_of_its_own_is_an_addition() {
    let (verifier, sent) = certified().await;
    let relayed = sent.replace(
        "--x--",
        "--x\r\nContent-Type: text/plain\r\nContent-Disposition: inline\r\n\r\nlist mailing list\r\n--x--",
    );

    let verdict = verifier.verify(relayed.as_bytes()).unwrap();

    assert_eq!(verdict.state, State::IntactWithAdditions);
    assert_eq!(touched(&verdict), [(PartKind::Text, Fate::Added)]);
    assert_eq!(verdict.title, "Intact, with additions: text/plain part added");
}

#[tokio::test]
async fn footer_inside_html_is_an_addition() {
    let (verifier, sent) = certified().await;
    let footer = "<p>Unsubscribe <a href=\"https://list.example/u\">here</a></p></body>";

    let verdict = verifier.verify(sent.replace("</body>", footer).as_bytes()).unwrap();

    assert_eq!(verdict.state, State::IntactWithAdditions, "{}", verdict.title);
    assert_eq!(touched(&verdict), [(PartKind::Html, Fate::Extended), (PartKind::Links, Fate::Extended)]);
}

#[tokio::test]
async fn banner_above_and_footer_below_are_two_additions() {
    let (verifier, sent) = certify("From: a@b\nSubject: Hi\n\nOne\nTwo\nThree\n").await;

    let verdict =
        verifier.verify((sent.replace("\n\nOne", "\n\n[external]\nOne") + "footer\n").as_bytes()).unwrap();

    assert_eq!(verdict.state, State::IntactWithAdditions);
    assert_eq!(verdict.parts[2].places.len(), 2);
}

#[tokio::test]
async fn long_text_takes_a_footer_and_names_a_changed_word() {
    let lines: String = (0..3_000).map(|line| format!("line {line}\n")).collect();
    let (verifier, sent) = certify(&format!("From: a@b\nSubject: Hi\n\n{lines}")).await;

    let inserted = verifier.verify(sent.replace("line 1500\n", "line 1500\nnews\n").as_bytes()).unwrap();
    let footer = verifier.verify((sent.clone() + "footer\n").as_bytes()).unwrap();
    let changed = verifier.verify(sent.replace("line 1500\n", "line 15OO\n").as_bytes()).unwrap();

    assert_eq!(inserted.parts[2].places, [Place::Added { after: 1501, text: "news".to_owned() }]);
    assert_eq!(footer.state, State::IntactWithAdditions);
    assert_eq!(changed.state, State::Changed);
    let Place::Line { first, last, .. } = changed.parts[2].places[0] else { panic!("a place with lines") };
    assert!((first..=last).contains(&1501) && last - first < 100);
}

#[tokio::test]
async fn swapped_attachment_is_named() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(sent.replace("JVBERi0xLjQK", "JVBERi0xLjUK").as_bytes()).unwrap();

    assert_eq!(verdict.state, State::Changed);
    assert_eq!(verdict.title, "Changed: attachment \"terms.pdf\" changed");
}

#[tokio::test]
async fn attachment_of_another_name_is_removed_and_added() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(sent.replace("terms.pdf", "virus.exe").as_bytes()).unwrap();

    assert_eq!(
        touched(&verdict),
        [(PartKind::Attachment, Fate::Removed), (PartKind::Attachment, Fate::Added)]
    );
}

#[tokio::test]
async fn second_sender_is_a_change_not_an_addition() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(format!("From: boss@a.example\r\n{sent}").as_bytes()).unwrap();

    assert_eq!(verdict.state, State::Changed);
}

#[tokio::test]
async fn exchanged_texts_are_noticed() {
    let message =
        "From: a@b\nSubject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nOne\n--x\n\nTwo\n--x--\n";
    let (verifier, sent) = certify(message).await;
    let exchanged =
        sent.replace("\nOne\n", "\n#\n").replace("\nTwo\n", "\nOne\n").replace("\n#\n", "\nTwo\n");

    let verdict = verifier.verify(exchanged.as_bytes()).unwrap();

    assert_eq!(verdict.state, State::Changed);
    assert_eq!(touched(&verdict), [(PartKind::Text, Fate::Moved)]);
}

#[tokio::test]
async fn message_without_proof_is_missing_one() {
    let verdict = certified().await.0.verify(campaign().as_bytes()).unwrap();

    assert_eq!((verdict.state, verdict.certificate), (State::Missing, None));
}

#[tokio::test]
async fn wrong_pinned_key_is_named() {
    let (_, sent) = certified().await;
    let other = Ed25519Signer::generate("mail.example/log").unwrap();

    let verdict = Verifier::new().with_key(other.key().clone()).verify(sent.as_bytes()).unwrap();

    assert_eq!((verdict.state, verdict.reason), (State::Unproven, Some(Reason::AnotherKey)));
    assert_eq!(verdict.title, "Not proven: it is signed with another key than the trusted one");
}

#[tokio::test]
async fn key_of_another_log_name_is_another_key() {
    let (verifier, sent) = certified().await;
    let key = verifier.keys[0].clone();
    let renamed = Key::new("other.example/log", key.public().clone()).unwrap();

    let verdict = Verifier::new().with_key(renamed).verify(sent.as_bytes()).unwrap();

    assert_eq!(verdict.reason, Some(Reason::AnotherKey));
}

#[tokio::test]
async fn without_a_pinned_key_the_verdict_says_so() {
    let (_, sent) = certified().await;

    let verdict = Verifier::new().verify(sent.as_bytes()).unwrap();

    assert_eq!(verdict.state, State::Intact);
    assert!(verdict.title.ends_with("(nobody vouches for the key)"));
    assert!(!verdict.certificate.unwrap().pinned);
}

#[tokio::test]
async fn pinned_checkpoint_vouches_and_another_history_is_noticed() {
    let trust = trust().await;
    let sent = trust.certify(campaign()).await.unwrap().message;
    let checkpoint = trust.checkpoint().unwrap();
    let forged = Checkpoint::from_parts(
        checkpoint.origin().to_owned(),
        checkpoint.size(),
        crate::merkle::Hash::of(b"another"),
        checkpoint.key_hash(),
        Vec::new(),
    );

    let good = Verifier::new().with_checkpoint(checkpoint).verify(&sent).unwrap();
    let bad = Verifier::new().with_checkpoint(forged).verify(&sent).unwrap();

    assert!(good.certificate.unwrap().pinned);
    assert_eq!(bad.reason, Some(Reason::AnotherHistory));
}

#[tokio::test]
async fn damaged_proof_proves_nothing() {
    let (verifier, sent) = certified().await;
    let start = "Maily-Proof: ".len();

    for index in (start..sent.find("From").unwrap()).step_by(37) {
        let mut damaged = sent.clone().into_bytes();
        damaged[index] = if damaged[index] == b'A' { b'B' } else { b'A' };
        let verdict = verifier.verify(&damaged).unwrap();
        // The receipt is what the ledger said; it is checked with the ledger, not offline.
        let in_receipt = verdict.certificate.is_some() && verdict.state == State::Intact;
        assert!(in_receipt || verdict.state == State::Unproven, "byte {index}: {verdict}");
    }
}

#[tokio::test]
async fn junk_proof_in_front_does_not_hide_the_good_one() {
    let (verifier, sent) = certified().await;

    let verdict = verifier.verify(format!("Maily-Proof: AAAA\r\n{sent}").as_bytes()).unwrap();

    assert_eq!(verdict.state, State::Intact);
}
