//! Three subject lines, a recommendation with its receipt, outcomes, and live windows. Needs nothing installed.

use maily::analytics::model::CandidateName;
use maily::analytics::recommend::Outcome;
use maily::analytics::subject::{self, Context};
use maily::analytics::window::LiveMessage;
use maily::analytics::{Analytics, AnalyticsConfig, Ask, Candidate, Event};
use maily::errors::{Code, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut config = AnalyticsConfig::default();
    config.recommend.seed = Some(7);
    let analytics = Analytics::in_memory(&config)?;

    // A model without labels says so: it is cold, its interval is everything, all lines are chosen alike.
    let first = analytics.recommend(question()?)?;
    assert!(first.estimate.cold && first.estimate.width() == 1.0);
    assert!((first.propensity - 1.0 / 3.0).abs() < 1e-12);

    // A thousand campaigns later: it follows its own advice, and learns from what became of it.
    for n in 0..1_000 {
        let advice = analytics.recommend(question()?)?;
        let success = n * 37 % 100 < opens_in_a_hundred(advice.chosen.as_str());
        analytics.settle(Outcome { id: advice.id, success })?;
    }
    let advice = analytics.recommend(question()?)?;
    let best = &advice.ranking[0];
    assert_eq!(best.name.as_str(), SUBJECTS[1]);
    assert!(!best.estimate.cold && best.estimate.width() < 0.5, "{best:?}");

    // The receipt takes one outcome.
    analytics.settle(Outcome { id: advice.id, success: true })?;
    let twice = analytics.settle(Outcome { id: advice.id, success: true });
    assert_eq!(twice.map_err(|err| err.code()), Err(Code::OutcomeDuplicate));

    // What platforms report becomes live windows. The proxy that fetched the picture is not a reader.
    let mut live = analytics.subscribe(None);
    live.next().await;
    analytics.ingest(vec![event("1", "delivered", false), event("2", "open", true)]).await?;
    analytics.ingest(vec![event("3", "open", false), event("3", "open", false)]).await?;
    let mut window = None;
    while let Some(LiveMessage::Update(update)) = live.next().await {
        window = Some(update.window);
        if update.seq.0 == 2 {
            break;
        }
    }
    let window = window.expect("two batches, two updates");
    assert_eq!((window.counts.opens.human, window.counts.opens.machine), (1, 1));
    assert_eq!(window.open_rate.value, Some(1.0));
    assert!(window.open_rate.low < 0.3, "one message proves little");
    Ok(())
}

fn question() -> Result<Ask> {
    let candidate = |line: &&str| {
        let features = subject::features(line, &Context::default())?;
        Ok(Candidate { name: CandidateName::new(*line)?, features })
    };
    Ok(Ask { candidates: SUBJECTS.iter().map(candidate).collect::<Result<_>>()? })
}

/// What the readers of this example like, which the model does not know.
fn opens_in_a_hundred(subject: &str) -> u32 {
    match subject {
        "Ann, did you forget something?" => 40,
        "Our newsletter" => 10,
        _ => 20,
    }
}

fn event(id: &str, kind: &str, machine: bool) -> Event {
    let event = serde_json::json!({
        "source": "example", "id": id, "type": kind, "machine": machine,
        "time": "2026-01-05T10:00:00Z", "recipient": "ann@example.org", "message": "m-1",
    });
    serde_json::from_value(event).expect("the value above is an event")
}

const SUBJECTS: [&str; 3] = ["Our newsletter", "Ann, did you forget something?", "20% off, today only!"];
