//! Three subject lines are scored; one is recommended, chosen, and its outcome recorded.

use maily_errors::{Code, Error};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::draft::Draft;
use super::stage::{Outcome, Stage};

/// Subject lines of earlier campaigns, and how many of a hundred sample readers open them.
///
/// The readers are simulated: the demo has no mailbox. Everything after them is real.
const EARLIER: [(&str, u32); 4] = [
    ("20 % off your first order", 34),
    ("Our summer favourites for you", 22),
    ("Newsletter no. 14", 8),
    ("LAST CHANCE!!! BUY NOW!!!", 5),
];

/// How many sample readers teach the model before it is asked.
const READERS: usize = 400;

#[derive(Deserialize)]
struct Receipt {
    id: String,
    chosen: String,
    estimate: Estimate,
    propensity: f64,
    model: String,
}

#[derive(Clone, Copy, Deserialize)]
struct Estimate {
    probability: f64,
    low: f64,
    high: f64,
    level: f64,
}

#[derive(Deserialize)]
struct Scores {
    estimates: Vec<Estimate>,
}

pub(super) async fn run(stage: &Stage<'_>, client: &Client, draft: &Draft) -> Result<Outcome<String>, Error> {
    teach(stage, client).await?;

    let subjects = [draft.subject.as_str(), "20 % off starts today ☀", "Our newsletter"];
    let rows: Vec<_> = subjects.iter().map(|subject| json!({ "subject": subject })).collect();
    let scores: Scores = client.post("/v1/analytics/scores", &json!({ "rows": rows })).await?;

    let candidates: Vec<_> =
        (0..).zip(&rows).map(|(index, row)| json!({ "name": name(index), "features": row })).collect();
    let receipt: Receipt =
        client.post("/v1/analytics/recommendations", &json!({ "candidates": candidates })).await?;
    let chosen = (0..subjects.len()).find(|index| name(*index) == receipt.chosen);
    let chosen =
        chosen.ok_or_else(|| Error::new(Code::Unexpected, "the choice is none of the candidates"))?;
    let opened: Value = settle(client, &receipt.id, true).await?;

    let mut lines: Vec<_> = subjects
        .iter()
        .zip(&scores.estimates)
        .map(|(subject, estimate)| format!("{}  {subject}", interval(*estimate)))
        .collect();
    lines.push(format!("taught by {READERS} sample readers: they are simulated, the demo has no mailbox"));
    lines.push(format!(
        "chosen: {} (propensity {:.2}, {})",
        subjects[chosen], receipt.propensity, receipt.model
    ));
    lines.push(format!(
        "receipt {}: a sample reader's open was recorded, promised {:.0} %",
        receipt.id,
        opened["probability"].as_f64().unwrap_or(receipt.estimate.probability) * 100.0
    ));
    let scored: Vec<_> = subjects
        .iter()
        .zip(&scores.estimates)
        .enumerate()
        .map(|(index, (subject, estimate))| {
            json!({
                "subject": subject,
                "probability": estimate.probability,
                "low": estimate.low,
                "high": estimate.high,
                "chosen": index == chosen,
            })
        })
        .collect();
    Ok(Outcome { value: subjects[chosen].to_owned(), lines, data: json!({ "scores": scored }) })
}

/// Lets sample readers open or ignore the earlier lines, so that the model has something to go by.
async fn teach(stage: &Stage<'_>, client: &Client) -> Result<(), Error> {
    let mut readers = StdRng::seed_from_u64(7);
    for (reader, (subject, percent)) in EARLIER.iter().cycle().take(READERS).enumerate() {
        // One candidate: every line was sent as often as the others.
        let question = json!({ "candidates": [{ "name": "sent", "features": { "subject": subject } }] });
        let receipt: Receipt = client.post("/v1/analytics/recommendations", &question).await?;
        settle::<Value>(client, &receipt.id, readers.random_range(0..100) < *percent).await?;
        if reader % 20 == 0 {
            stage.progress(format!("{reader} of {READERS} sample readers"), Value::Null);
        }
    }
    Ok(())
}

async fn settle<T: serde::de::DeserializeOwned>(
    client: &Client,
    id: &str,
    success: bool,
) -> Result<T, Error> {
    let path = format!("/v1/analytics/recommendations/{id}/outcomes");
    client.post(&path, &json!({ "success": success })).await
}

fn name(index: usize) -> String {
    format!("subject-{}", index + 1)
}

fn interval(estimate: Estimate) -> String {
    let [probability, low, high, level] =
        [estimate.probability, estimate.low, estimate.high, estimate.level].map(|share| share * 100.0);
    format!("{probability:>4.0} %  [{low:>3.0} to {high:>3.0} % at {level:.0} %]")
}
