//! Nodes that take their time: each reads one prompt after the other, and some are slower than others.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::Mutex;
use tokio::time::sleep;

/// A node on a real socket, as the machines of `crates/mesh/tests/simulation` are.
pub(super) struct Machine {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicU32>,
}

impl Machine {
    /// Starts machines that read so many tokens a second, all on one thread, for as long as the process lives.
    pub(super) fn start_all(speeds: [f64; 4]) -> [Self; 4] {
        let sockets = speeds.map(|_| {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            socket.set_nonblocking(true).expect("a socket of this process");
            socket
        });
        let machines = sockets.each_ref().map(|socket| Self {
            address: socket.local_addr().expect("a bound socket has an address"),
            asked: Arc::default(),
        });
        let asked = machines.each_ref().map(|machine| machine.asked.clone());
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let _entered = runtime.enter();
            for ((socket, speed), asked) in sockets.into_iter().zip(speeds).zip(asked) {
                let listener = TcpListener::from_std(socket).expect("a socket of this process");
                tokio::spawn(serve(listener, speed, asked));
            }
            runtime.block_on(std::future::pending::<()>());
        });
        machines
    }

    /// How many prompts it was asked, those that were taken back among them.
    pub(super) fn asked(&self) -> u32 {
        self.asked.load(Relaxed)
    }
}

async fn serve(listener: TcpListener, speed: f64, asked: Arc<AtomicU32>) {
    let turn = Arc::new(Mutex::new(()));
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        socket.set_nodelay(true).ok();
        let (turn, asked) = (turn.clone(), asked.clone());
        let service = service_fn(move |request| answer(request, speed, turn.clone(), asked.clone()));
        tokio::spawn(async move {
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    speed: f64,
    turn: Arc<Mutex<()>>,
    asked: Arc<AtomicU32>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    asked.fetch_add(1, Relaxed);
    let body = request.into_body().collect().await?.to_bytes();
    let tokens = body.len() as f64 / BYTES_OF_A_TOKEN;
    {
        let _turn = turn.lock().await;
        sleep(Duration::from_secs_f64(tokens / speed)).await;
    }
    // Writing takes everybody as long, and many at once. What starts the gateway asks for one object.
    let streamed = body.windows(STREAM.len()).any(|window| window == STREAM);
    let (kind, first, last) = if streamed { EVENTS } else { OBJECT };
    let rest = stream::once(async move {
        sleep(if streamed { WRITING } else { Duration::ZERO }).await;
        last
    });
    let frames =
        stream::iter([first]).chain(rest).map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes()))));
    let mut answer = Response::new(StreamBody::new(frames));
    answer.headers_mut().insert("content-type", kind.parse().expect("a value"));
    Ok(answer)
}

const BYTES_OF_A_TOKEN: f64 = 4.0;
const WRITING: Duration = Duration::from_millis(500);
const STREAM: &[u8] = br#""stream":true"#;
/// The type of an answer, its first part and its last.
type Parts = (&'static str, &'static str, &'static str);
const EVENTS: Parts = (
    "text/event-stream",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Spring \"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
);
const OBJECT: Parts = (
    "application/json",
    r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Spring"},"finish_reason":"stop"}]"#,
    "}",
);
