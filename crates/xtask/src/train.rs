//! What a server does while its work is counted: a campaign, and prompts of every kind over sockets.
//!
//! Two servers take part, one being the node of the other, so that both ends of HTTP are seen.

use std::fs;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::project::Project;
use crate::server::{free_address, wait};
use crate::shell::Log;

/// Trains a server that counts; its processes leave their counts in a folder.
pub(crate) fn run(project: &Project, log: &Log, server: &Path, counts: &Path) -> Result<(), String> {
    let data = counts.with_extension("data");
    fs::remove_dir_all(&data).ok();
    let command = |name: &str| {
        let mut command = project.command(server);
        command.env("LLVM_PROFILE_FILE", counts.join(format!("{name}.profraw")));
        command.env("MAILY__SERVER__DATA", data.join(name));
        command
    };
    let mut journey = command("journey");
    journey.args(["journey", "--once", "--listen", "127.0.0.1:0"]);
    log.run("training with a campaign", &mut journey)?.success("training with a campaign")?;

    let node = Trainee::start(command("node"), &["--node", "echo=echo:"])?;
    let url = format!("http://{}/v1", node.address);
    let mut gateway = command("gateway");
    gateway.env("MAILY__SERVER__KEYS", format!("[{KEY:?}]"));
    let gateway =
        Trainee::start(gateway, &["--node", &format!("one={url}"), "--node", &format!("two={url}")])?;
    let prompts = prompts();
    let asked = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| ask(&gateway.address, &prompts))).collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| "it panicked".to_owned())?)
    });
    asked.map_err(|why| format!("a client of the training: {why}"))?;
    gateway.stop()?;
    node.stop()
}

/// A server that counts. It writes its counts when it ends by itself, so it is asked to.
struct Trainee {
    child: Child,
    address: String,
}

impl Trainee {
    fn start(mut command: Command, nodes: &[&str]) -> Result<Self, String> {
        let address = free_address()?;
        command.args(["serve", "mesh", "--listen", &address]).args(nodes);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|err| format!("the server that counts did not start: {err}"))?;
        let mut trainee = Self { child, address };
        let runs = || matches!(trainee.child.try_wait(), Ok(None));
        wait(&trainee.address, runs)?;
        Ok(trainee)
    }

    fn stop(mut self) -> Result<(), String> {
        let mut ask = Command::new("kill");
        ask.arg(self.child.id().to_string()).status().map_err(|err| format!("kill: {err}"))?;
        let status = self.child.wait().map_err(|err| err.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the server that counts ended: {status}")) }
    }
}

impl Drop for Trainee {
    fn drop(&mut self) {
        // An error says that it has ended already.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// Sends every prompt over one connection, again and again, and reads whole answers.
fn ask(address: &str, prompts: &[String]) -> Result<(), String> {
    let fail = |err: io::Error| err.to_string();
    let mut socket = TcpStream::connect(address).map_err(fail)?;
    socket.set_nodelay(true).and_then(|()| socket.set_read_timeout(Some(PATIENCE))).map_err(fail)?;
    let mut answers = BufReader::new(socket.try_clone().map_err(fail)?);
    for prompt in prompts.iter().cycle().take(prompts.len() * TIMES) {
        socket.write_all(prompt.as_bytes()).map_err(fail)?;
        let status = skip_answer(&mut answers).map_err(fail)?;
        if status != "HTTP/1.1 200 OK" {
            return Err(format!("{status}, to\n{prompt}"));
        }
    }
    Ok(())
}

/// Reads an answer to its end and returns its first line.
fn skip_answer(answers: &mut impl BufRead) -> io::Result<String> {
    let status = line(answers)?;
    let mut length = None;
    loop {
        let header = line(answers)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        length = length.or(header.strip_prefix("content-length: ").and_then(|value| value.parse().ok()));
    }
    if let Some(length) = length {
        skip(answers, length)?;
        return Ok(status);
    }
    loop {
        let size = line(answers)?;
        let size = u64::from_str_radix(&size, 16)
            .map_err(|_| io::Error::other(format!("`{size}` is not the size of a chunk")))?;
        skip(answers, size + 2)?;
        if size == 0 {
            return Ok(status);
        }
    }
}

fn line(answers: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn skip(answers: &mut impl BufRead, bytes: u64) -> io::Result<()> {
    let read = io::copy(&mut answers.take(bytes), &mut io::sink())?;
    if read == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Requests as they stand on the wire: short and long, whole and streamed, in every dialect, with tools.
fn prompts() -> Vec<String> {
    let long = "The spring sale begins on Monday, and every reader gets a tenth off. ".repeat(60);
    let tools = r#""tools":[{"type":"function","function":{"name":"price","description":"the price of an item","parameters":{"type":"object","properties":{"item":{"type":"string"}},"required":["item"]}}}]"#;
    let user = |text: &str| format!(r#"[{{"role":"user","content":"{text}"}}]"#);
    let mut all = vec![request("GET", "/v1/models", "")];
    for text in ["Write three words about summer.", long.as_str()] {
        let messages = user(text);
        for stream in [false, true] {
            let chat =
                format!(r#"{{"model":"default","messages":{messages},"temperature":0.2,"stream":{stream}}}"#);
            let tooled = format!(r#"{{"model":"default","messages":{messages},{tools},"stream":{stream}}}"#);
            let told =
                format!(r#"{{"model":"default","max_tokens":512,"messages":{messages},"stream":{stream}}}"#);
            let asked = format!(r#"{{"model":"default","input":"{text}","stream":{stream}}}"#);
            // Chat is what most clients speak.
            all.extend(
                [chat.as_str(), &chat, &tooled].map(|body| request("POST", "/v1/chat/completions", body)),
            );
            all.push(request("POST", "/v1/messages", &told));
            all.push(request("POST", "/v1/responses", &asked));
        }
    }
    all
}

fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\nuser-agent: training\r\n\
         accept: */*\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const KEY: &str = "sk-training-0123456789";
/// Connections that ask at once.
const CLIENTS: usize = 16;
/// How often each of them sends every prompt: some 33,000 prompts in all.
const TIMES: usize = 100;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_skipped_by_their_length_or_by_their_chunks() {
        let mut two: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\
            transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nrest";

        assert_eq!(skip_answer(&mut two).unwrap(), "HTTP/1.1 200 OK");
        assert_eq!(skip_answer(&mut two).unwrap(), "HTTP/1.1 200 OK");

        assert_eq!(two, b"rest");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        for half in ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "HTTP/1.1 200 OK\r\n\r\n5\r\nab"] {
            assert!(skip_answer(&mut half.as_bytes()).is_err(), "{half}");
        }
    }

    #[test]
    fn every_prompt_is_json_of_the_length_that_it_says() {
        for prompt in prompts() {
            let (head, body) = prompt.split_once("\r\n\r\n").unwrap();
            let body: Option<serde_json::Value> = serde_json::from_str(body).ok();
            assert_eq!(body.is_some(), head.starts_with("POST"), "{prompt}");
        }
    }
}
