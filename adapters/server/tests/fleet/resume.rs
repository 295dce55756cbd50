//! A client that comes back to another process, after the first one was killed in the middle of its stream.

use std::time::{Duration, Instant};

use maily_store_redis::testing::Server;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::{Act, Node};
use crate::support::{Instance, PROMPT, until};

const WORDS: usize = 40;

/// What a client has of a stream.
#[derive(Default)]
struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Asks an instance, with what it has, and reads until so many words are there, or to the end.
    async fn read(&mut self, address: &str, words: usize) -> std::io::Result<()> {
        let how = match self.events().last() {
            Some((id, _)) => format!("last-event-id: {id}"),
            None => "x-maily-resumable: 1".to_owned(),
        };
        // What was cut in the middle of an event comes again.
        let whole = memchr(&self.bytes, b"\n\n").map_or(0, |at| at + 2);
        self.bytes.truncate(whole);
        let mut socket = ask(address, &how).await?;
        let mut answer = Vec::new();
        let begun = self.bytes.len();
        loop {
            let mut piece = [0; 512];
            let count = socket.read(&mut piece).await?;
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&piece[..count]);
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                assert!(answer.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&answer));
                self.bytes.truncate(begun);
                self.bytes.extend_from_slice(&answer[end + 4..]);
            }
            if self.text().split_whitespace().count() >= words {
                break;
            }
        }
        Ok(())
    }

    /// The whole events: the number, and the data.
    fn events(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        let field = |event: &str, name: &str| {
            event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
        };
        let events = whole.split("\n\n").filter(|event| event.contains("id: "));
        events.map(|event| (field(event, "id: "), field(event, "data: "))).collect()
    }

    fn text(&self) -> String {
        let said = |(_, data): (String, String)| {
            let event: Value = serde_json::from_str(&data).ok()?;
            event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
        };
        self.events().into_iter().filter_map(said).collect()
    }
}

async fn ask(address: &str, how: &str) -> std::io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\n{how}\r\ncontent-length: {}\r\n\r\n",
        PROMPT.len()
    );
    socket.write_all((head + PROMPT).as_bytes()).await?;
    Ok(socket)
}

/// Where the last blank line is.
fn memchr(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).rposition(|window| window == text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_of_an_instance_that_is_killed_gets_the_rest_from_another() {
    let Some(redis) = Server::start() else { return };
    let url = format!("\"{}\"", redis.url());
    let settings = [("MAILY__REDIS__URL", url.as_str()), ("MAILY__MESH__REPLAY__SHARED", "true")];
    let node = Node::start(Act::GoesOn(WORDS, Duration::from_millis(10))).await;
    let expected: String = (0..WORDS).map(|word| format!("w{word} ")).collect();
    let west = Instance::start(None, &[&node], &settings).await;

    let mut whole = Reader::default();
    whole.read(&west.address, usize::MAX).await.unwrap();
    assert_eq!(whole.text(), expected, "uninterrupted");

    for words in [1, WORDS / 3, WORDS - 2] {
        let mut east = Instance::start(None, &[&node], &settings).await;
        let mut reader = Reader::default();
        reader.read(&east.address, words).await.unwrap();
        let seen = reader.text().split_whitespace().count();
        east.signal("KILL");
        assert!(east.ended().await.code().is_none());

        let start = Instant::now();
        reader.read(&west.address, seen + 1).await.unwrap();
        let after = start.elapsed();
        // Once more at the same one, and to the end.
        reader.read(&west.address, usize::MAX).await.unwrap();

        println!(
            "killed after {seen} of {WORDS} words: the next one came from the other process after {after:?}"
        );
        assert_eq!(reader.text(), expected);
        let stream = reader.events()[0].0.split_once('-').unwrap().0.to_owned();
        let numbers: Vec<String> = reader.events().into_iter().map(|(id, _)| id).collect();
        let all: Vec<String> = (1..=numbers.len()).map(|number| format!("{stream}-{number}")).collect();
        assert_eq!(numbers, all);
        assert!(reader.bytes.ends_with(b"data: [DONE]\n\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_go_on_while_redis_is_away() {
    let Some(redis) = Server::start() else { return };
    let url = format!("\"{}\"", redis.url());
    let settings = [
        ("MAILY__REDIS__URL", url.as_str()),
        ("MAILY__REDIS__TIMEOUT_MS", "300"),
        ("MAILY__MESH__REPLAY__SHARED", "true"),
    ];
    let node = Node::start(Act::GoesOn(WORDS, Duration::from_millis(10))).await;
    let expected: String = (0..WORDS).map(|word| format!("w{word} ")).collect();
    let instance = Instance::start(None, &[&node], &settings).await;
    let mut reader = Reader::default();
    reader.read(&instance.address, 3).await.unwrap();
    redis.kill();

    let mut whole = Reader::default();
    let start = Instant::now();
    whole.read(&instance.address, usize::MAX).await.unwrap();

    println!("a stream of {WORDS} words at 10 ms each took {:?} without Redis", start.elapsed());
    assert_eq!(whole.text(), expected);
    redis.restart();
    // What was kept is gone with the server, and nobody makes it up.
    let last = format!("last-event-id: {}", reader.events().last().unwrap().0);
    until("the instance finds the server again", async || {
        let mut answer = Vec::new();
        let mut socket = ask(&instance.address, &last).await.unwrap();
        socket.read_to_end(&mut answer).await.unwrap();
        answer.starts_with(b"HTTP/1.0 410")
    })
    .await;
}
