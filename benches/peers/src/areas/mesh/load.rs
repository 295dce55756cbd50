//! Clients that ask again as soon as they have an answer.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The key that our gateway asks for; the others do not look.
pub(super) const KEY: &str = "sk-peers-0123456789";

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// One JSON object of 310 bytes.
    Object,
    /// 66 server-sent events, as fast as they can be had.
    Stream,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) took_us: Vec<u32>,
    pub(super) failed: u64,
}

impl Seen {
    pub(super) fn percentile(&mut self, part: f64) -> f64 {
        self.took_us.sort_unstable();
        let last = self.took_us.len().saturating_sub(1);
        self.took_us.get((last as f64 * part) as usize).map_or(f64::NAN, |us| f64::from(*us))
    }
}

/// Asks over so many connections for so long. Everything is on the thread that polls this.
pub(super) async fn ask(address: SocketAddr, kind: Kind, connections: usize, time: Duration) -> Seen {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let end = Instant::now() + time;
    LocalSet::new()
        .run_until(async {
            let clients: Vec<_> = (0..connections)
                .map(|_| tokio::task::spawn_local(client(address, kind, end, seen.clone())))
                .collect();
            for client in clients {
                client.await.expect("a client does not panic");
            }
        })
        .await;
    seen.take()
}

async fn client(address: SocketAddr, kind: Kind, end: Instant, seen: Rc<RefCell<Seen>>) {
    let mut connection = None;
    while Instant::now() < end {
        let begin = Instant::now();
        match once(address, kind, &mut connection).await {
            Some(()) => seen.borrow_mut().took_us.push(begin.elapsed().as_micros() as u32),
            None => {
                connection = None;
                seen.borrow_mut().failed += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Sends one prompt; the first one opens the connection. `None` is an answer that is not whole.
pub(super) async fn once(
    address: SocketAddr,
    kind: Kind,
    connection: &mut Option<http1::SendRequest<Full<Bytes>>>,
) -> Option<()> {
    if connection.is_none() {
        let socket = TcpStream::connect(address).await.ok()?;
        socket.set_nodelay(true).ok()?;
        let (sender, driver) = http1::handshake(TokioIo::new(socket)).await.ok()?;
        tokio::spawn(driver);
        *connection = Some(sender);
    }
    let sender = connection.as_mut()?;
    sender.ready().await.ok()?;
    let stream = kind == Kind::Stream;
    let prompt = format!(
        r#"{{"model":"mock-model","messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"Write a subject line for a spring sale e-mail."}}],"stream":{stream}}}"#
    );
    let request = Request::post("/v1/chat/completions")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {KEY}"))
        .body(Full::new(prompt.into()))
        .ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let ok = answer.status() == StatusCode::OK;
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    let end: &[u8] = if stream { b"data: [DONE]\n\n" } else { b"}" };
    (ok && body.ends_with(end)).then_some(())
}
