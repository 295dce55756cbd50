//! A real collector: Rotel, which is one program in a wheel. It writes what it took.

use std::process::Stdio;
use std::time::Duration;

use maily_errors::TraceContext;
use maily_errors::testing::missing;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};

use crate::SOON;
use crate::node::Act::{Fail, Words};
use crate::node::Fleet;
use crate::server::Server;

struct Rotel {
    url: String,
    said: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// A span, in the words of the collector.
#[derive(Debug, Default)]
struct Said {
    trace: String,
    parent: String,
    id: String,
    name: String,
}

impl Rotel {
    /// Starts the program that `MAILY_OTEL_COLLECTOR` names; `None` without it.
    async fn start(folder: &std::path::Path) -> Option<Self> {
        let program = std::env::var_os("MAILY_OTEL_COLLECTOR")?;
        let [http, grpc] = [free().await, free().await];
        let mut process = Command::new(program)
            .args(["start", "--otlp-http-endpoint", &http, "--otlp-grpc-endpoint", &grpc])
            .args(["--exporter", "blackhole", "--batch-timeout", "100ms"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .args(["--pid-file", "rotel.pid", "--log-file", "rotel.log"])
            .current_dir(folder)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let listens = async {
            while TcpStream::connect(&http).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), listens).await.unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Some(Self { url: format!("http://{http}"), said, _process: process })
    }

    /// Waits until it has written so many spans.
    async fn spans(&mut self, least: usize) -> Vec<Said> {
        let mut spans: Vec<Said> = Vec::new();
        let read = async {
            while spans.len() < least || spans.last().is_none_or(|last| last.name.is_empty()) {
                let line = self.said.next_line().await.unwrap().unwrap();
                let Some((what, value)) = line.split_once(" : ") else { continue };
                let value = value.trim().to_owned();
                if what.trim() == "Trace ID" {
                    spans.push(Said::default());
                }
                let Some(span) = spans.last_mut() else { continue };
                match what.trim() {
                    "Trace ID" => span.trace = value,
                    "Parent ID" => span.parent = value,
                    "ID" => span.id = value,
                    "Name" => span.name = value,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), read).await.unwrap();
        spans
    }
}

async fn free() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_collector_reads_one_trace() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut rotel) = Rotel::start(folder.path()).await else {
        return missing("MAILY_OTEL_COLLECTOR", "pip install rotel");
    };
    let fleet = Fleet::start([Fail, Words]).await;
    let server = Server::start(&fleet, &rotel.url, SOON).await;
    let caller = TraceContext::root();

    server.stream(&format!("traceparent: {caller}\r\n")).await;

    let spans = rotel.spans(4).await;
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let (request, prompt) = (named("POST /v1/chat/completions")[0], named("chat m")[0]);
    let attempts = named("attempt");
    assert!(spans.iter().all(|span| span.trace == caller.trace_id().to_string()), "{spans:?}");
    assert_eq!(request.parent, caller.span_id().to_string());
    assert_eq!(prompt.parent, request.id);
    assert!(attempts.len() == 2 && attempts.iter().all(|attempt| attempt.parent == prompt.id), "{spans:?}");
    for seen in fleet.seen() {
        let read = seen.trace.unwrap().span_id().to_string();
        assert!(attempts.iter().any(|attempt| attempt.id == read), "{read} in {spans:?}");
    }
}
