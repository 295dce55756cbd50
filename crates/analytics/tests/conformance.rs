//! The ports in memory keep every rule.

mod log {
    maily_analytics::conformance!(log, maily_analytics::memory::MemoryLog::new());
}

mod score {
    use maily_analytics::config::LearnerConfig;
    use maily_analytics::memory::MemoryScore;
    use maily_analytics::online::Learner;

    maily_analytics::conformance!(score, MemoryScore::new(Learner::new(&LearnerConfig::default()).unwrap()));
}

mod source {
    use jiff::Timestamp;
    use maily_analytics::Event;
    use maily_analytics::conformance::SourceFixture;
    use maily_analytics::memory::MemorySource;
    use maily_analytics::model::SourceName;

    fn fixture() -> SourceFixture<MemorySource> {
        let source = MemorySource::new(SourceName::new("shop").expect("a word is a name"), "open sesame");
        let event = |id: &str, rest: &str| -> Event {
            let text = format!(
                r#"{{"source":"shop","id":"{id}","time":"2026-01-05T10:00:00Z","recipient":"a@b.c",{rest}}}"#
            );
            serde_json::from_str(&text).expect("the text above is an event")
        };
        let events = [
            event("1", r#""type":"open""#),
            event("2", r#""type":"open","machine":true"#),
            event("3", r#""type":"new""#),
        ];
        let genuine = source.webhook(&events, Timestamp::UNIX_EPOCH).expect("the key above fits a header");
        let mut unreadable = genuine.clone();
        unreadable.body = "{}".into();
        SourceFixture { source, genuine, unreadable, window: None }
    }

    // A key does not cover the bytes, so the rule about a changed byte is not one for this source.
    #[test]
    fn source_keeps_the_rules_that_need_no_signature() {
        use maily_analytics::conformance as rules;
        rules::source_reads_a_genuine_webhook(&fixture());
        rules::source_refuses_a_webhook_without_headers(&fixture());
        rules::source_reads_a_replay_as_the_same_events(&fixture());
        rules::source_keeps_an_unknown_kind(&fixture());
        rules::source_marks_a_machine(&fixture());
        rules::source_refuses_a_signed_body_that_cannot_be_read(&fixture());
    }
}

mod campaigns {
    use maily_analytics::memory::MemoryCampaigns;
    use maily_analytics::model::CampaignId;
    use maily_analytics::port::Campaign;

    fn known() -> Campaign {
        let id = CampaignId::new("spring").expect("a word is a name");
        Campaign { id, title: "Spring".to_owned(), subject: "It is spring".to_owned(), sent: None }
    }

    maily_analytics::conformance!(campaigns, MemoryCampaigns::new([known()]), known());
}
