//! The mesh drafts a subject and a paragraph, with what earlier campaigns taught, straight into the canvas.

use std::time::Instant;

use maily_errors::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::draw::{COPY, Editors, OPENING};
use super::stage::{Outcome, Stage};

/// What the model wrote.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) subject: String,
    pub(crate) copy: String,
}

/// What the campaigns before this one taught.
const MEMORIES: [&str; 3] = [
    "The spring campaign did best with one short, warm paragraph and a single button.",
    "In the summer campaign readers clicked most when the discount of 20 % stood in the first sentence.",
    "The winter campaign lost readers with a long list of products.",
];

#[derive(Deserialize)]
struct Found {
    memories: Vec<Memory>,
}

#[derive(Deserialize)]
struct Memory {
    text: String,
}

pub(super) async fn run(
    stage: &Stage<'_>,
    client: &Client,
    editors: &Editors,
) -> Result<Outcome<Draft>, Error> {
    remember(client).await?;

    let mut lines = Vec::new();
    write_copy(stage, client, editors, &mut lines).await?;
    let subject = write_subject(client).await?;
    editors.ada.converge_with(&editors.ben).await?;
    let copy = editors.ben.text_of(COPY).unwrap_or_default();

    lines.insert(0, format!("subject  {subject}"));
    lines.insert(1, format!("copy     {copy}"));
    lines.push("Ben began the copy; the model went on, streamed into the canvas over WebSocket".to_owned());
    let data = json!({ "subject": subject, "draft": copy });
    Ok(Outcome { value: Draft { subject, copy }, lines, data })
}

async fn remember(client: &Client) -> Result<(), Error> {
    for memory in MEMORIES {
        let search = json!({ "query": memory, "limit": 1 });
        let found: Found = client.post("/v1/memories/search", &search).await?;
        if found.memories.iter().all(|known| known.text != memory) {
            client.post::<Value>("/v1/memories", &json!({ "text": memory })).await?;
        }
    }
    Ok(())
}

async fn write_copy(
    stage: &Stage<'_>,
    client: &Client,
    editors: &Editors,
    lines: &mut Vec<String>,
) -> Result<(), Error> {
    let prompt = json!({
        "model": "default",
        "stream": true,
        "stream_options": { "include_usage": true },
        "temperature": 0.2,
        "seed": 1,
        "max_tokens": 60,
        "stop": ["\n", " ["],
        "messages": [{
            "role": "user",
            "content": "Write two short sentences that invite customers of an online shop to the summer sale. \
                        The discount is 20 % on the first order.",
        }, {
            // The model goes on where the person stopped.
            "role": "assistant",
            "content": OPENING,
        }],
    });
    let begun = Instant::now();
    let (mut text, mut first) = (String::new(), None);
    let done = client
        .stream(&prompt, async |token| {
            first.get_or_insert_with(|| begun.elapsed());
            text.push_str(token);
            stage.progress("the model writes", json!({ "draft": format!("{OPENING}{text}") }));
            editors.ada.append(COPY, token).await
        })
        .await?;

    let tokens = done["usage"]["completion_tokens"].as_f64().unwrap_or_default();
    let (node, first) = (done["node"].as_str().unwrap_or_default(), first.unwrap_or_default());
    let rate = tokens / (begun.elapsed() - first).as_secs_f64().max(f64::EPSILON);
    lines.push(format!(
        "node {node}: first token after {} ms, {tokens} tokens at {rate:.0} per second",
        first.as_millis()
    ));
    for memory in done["recalled"].as_array().into_iter().flatten() {
        let score = memory["score"].as_f64().unwrap_or_default();
        lines.push(format!("recalled {score:.2}  {}", memory["text"].as_str().unwrap_or_default()));
    }
    Ok(())
}

async fn write_subject(client: &Client) -> Result<String, Error> {
    let prompt = json!({
        "model": "default",
        "temperature": 0.2,
        "seed": 7,
        "max_tokens": 20,
        "stop": ["\n"],
        "messages": [{
            "role": "user",
            "content": "Write the subject line of an e-mail about a summer sale with 20 % off. \
                        At most six words. Answer with the subject line only.",
        }],
    });
    let answer: Value = client.post("/v1/chat/completions", &prompt).await?;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("Summer sale");
    let line = line.trim_start_matches("Subject:").trim().trim_matches(['"', '*']);
    Ok(line.chars().take(78).collect())
}
