//! A receiver of OTLP/HTTP on a real socket, which reads with the official types.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What is done with a request.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Act {
    /// Answers 400.
    Refuse,
    /// Reads it and never answers.
    Silent,
    /// Keeps the spans.
    Take,
}

/// A collector; dropping it closes every connection.
pub(crate) struct Collector {
    address: SocketAddr,
    seen: Arc<Seen>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<ExportTraceServiceRequest>>,
    came: Notify,
}

impl Collector {
    pub(crate) async fn start(act: Act) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), act).await
    }

    pub(crate) async fn start_at(address: SocketAddr, act: Act) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, mut task) = (Arc::<Seen>::default(), JoinSet::new());
        let kept = seen.clone();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let kept = kept.clone();
                connections.spawn(async move { while serve(&mut socket, act, &kept).await.is_some() {} });
            }
        });
        Self { address, seen, _task: task }
    }

    /// The URL of a collector that is not there.
    pub(crate) async fn nobody() -> String {
        Self::start(Act::Take).await.url()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it at once, as kill -9 would: its connections are cut.
    pub(crate) fn kill(self) -> SocketAddr {
        self.address
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.lock().len()
    }

    /// Waits until so many spans have come, and returns all that have.
    pub(crate) async fn spans(&self, least: usize) -> Vec<Span> {
        let enough = async {
            loop {
                let came = self.seen.came.notified();
                let spans = self.all();
                if spans.len() >= least {
                    return spans;
                }
                came.await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(30), enough).await;
        came.unwrap_or_else(|_| panic!("{least} spans: {:?}", self.all()))
    }

    fn all(&self) -> Vec<Span> {
        let requests = self.seen.requests.lock();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    /// What the first request says of the process.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.seen.requests.lock();
        let attributes = &requests[0].resource_spans[0].resource.as_ref().unwrap().attributes;
        attributes.iter().map(|said| (said.key.clone(), said.value.as_ref().map(write).unwrap())).collect()
    }
}

/// Returns an attribute as text.
pub(crate) fn text(span: &Span, name: &str) -> Option<String> {
    let said: &KeyValue = span.attributes.iter().find(|said| said.key == name)?;
    said.value.as_ref().map(write)
}

fn write(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::ArrayValue(list) => {
            format!("[{}]", list.values.iter().map(write).collect::<Vec<_>>().join(","))
        }
        other => panic!("{other:?}"),
    }
}

async fn serve(socket: &mut TcpStream, act: Act, seen: &Seen) -> Option<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        (socket.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let length = length.parse::<usize>().unwrap();
    while bytes.len() < end + length {
        (socket.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    let answer = match act {
        Act::Silent => {
            let _ = socket.read(&mut [0]).await;
            return None;
        }
        Act::Refuse => "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n",
        Act::Take => {
            let request = ExportTraceServiceRequest::decode(&bytes[end..end + length]).unwrap();
            seen.requests.lock().push(request);
            seen.came.notify_waiters();
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
        }
    };
    socket.write_all(answer.as_bytes()).await.ok()
}
