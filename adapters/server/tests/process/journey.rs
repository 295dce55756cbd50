//! The campaign journey, from the command to the verdicts.

use crate::support::run;

#[tokio::test]
async fn journey_ends_well_and_its_messages_verify() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();

    let (exit, out, error) = run(&["journey", "--once", "--listen", "127.0.0.1:0", "--data", folder]).await;

    assert_eq!(exit, 0, "{out}\n{error}");
    for said in [
        "see the same 4 elements",
        "subject  ",
        "they are simulated",
        "chosen: ",
        "plain text, HTML, one inline picture, one attachment",
        "anchored in log:",
        "Intact: exactly as it was certified",
        "The offer ends on Sunday.",
        "Intact, with additions",
        "\"terms.txt\" changed",
    ] {
        assert!(out.contains(said), "{said:?} is missing in\n{out}");
    }
    let journey = data.path().join("journey");
    for (message, expected) in
        [("campaign.certified.eml", 0), ("altered-1.eml", 3), ("altered-2.eml", 3), ("altered-3.eml", 3)]
    {
        let file = journey.join(message);
        let (exit, out, error) = run(&["verify", file.to_str().unwrap(), "--data", folder]).await;
        assert_eq!(exit, expected, "{message}: {out}{error}");
    }
}

#[tokio::test]
async fn journey_says_what_it_does_without() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let output = crate::support::command(&["journey", "--once", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("MAILY_CACHE", cache.path())
        .env("MAILY_ANVIL", cache.path().join("none"))
        .output()
        .await
        .unwrap();

    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    for without in ["without the local model", "without the embedding model", "without a chain"] {
        assert!(out.contains(without), "{without:?} is missing in\n{out}");
    }
}

#[tokio::test]
async fn journey_uses_the_key_that_its_server_wants() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let output = crate::support::command(&["journey", "--once", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("MAILY_CACHE", cache.path())
        .env("MAILY_ANVIL", cache.path().join("none"))
        .env("MAILY__SERVER__KEYS", r#"["0123456789abcdef"]"#)
        .output()
        .await
        .unwrap();

    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(!error.contains("0123456789abcdef"));
}

#[tokio::test]
async fn another_issuers_key_proves_nothing() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = ours.path().join("message.eml");
    std::fs::write(&file, "From: a@b.example\r\nTo: c@d.example\r\nSubject: Hi\r\n\r\nNine sharp.\r\n")
        .unwrap();
    let (file, ours, theirs) = (file.to_str().unwrap(), ours.path().to_str().unwrap(), theirs.path());
    let certified = file.replace("message.eml", "message.certified.eml");

    let (issued, _, error) = run(&["certify", file, "--data", ours]).await;
    let other = theirs.join("other.eml");
    std::fs::copy(file, &other).unwrap();
    run(&["certify", other.to_str().unwrap(), "--data", theirs.to_str().unwrap()]).await;
    let (with_ours, _, _) = run(&["verify", &certified, "--data", ours]).await;
    let (with_theirs, verdict, _) = run(&["verify", &certified, "--data", theirs.to_str().unwrap()]).await;

    assert_eq!(issued, 0, "{error}");
    assert_eq!(with_ours, 0);
    assert_eq!((with_theirs, verdict.contains("another key")), (3, true), "{verdict}");
}
