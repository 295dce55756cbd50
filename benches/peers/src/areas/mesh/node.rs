//! A node that answers at once, so that what is left is the gateway.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Starts the node on a thread of its own, for as long as the process lives.
pub(super) fn start() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    socket.set_nonblocking(true).expect("a socket of this process");
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(serve(socket));
    });
    address
}

async fn serve(socket: std::net::TcpListener) {
    let listener = TcpListener::from_std(socket).expect("a socket of this process");
    // Frozen once: a frame costs the node nothing but its place in a write.
    let frames: Vec<Bytes> = (0..=FRAMES).map(frame).collect();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        socket.set_nodelay(true).ok();
        let frames = frames.clone();
        let service = service_fn(move |request| answer(request, frames.clone()));
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.pipeline_flush(true).serve_connection(TokioIo::new(socket), service).await
        });
    }
}

async fn answer(request: Request<Incoming>, frames: Vec<Bytes>) -> Result<Answer, hyper::Error> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET {
        let what = if head.uri.path().ends_with("/models") { MODELS } else { INFO };
        return Ok(object(what));
    }
    let body = body.collect().await?.to_bytes();
    if !body.windows(STREAM.len()).any(|window| window == STREAM) {
        return Ok(object(OBJECT));
    }
    let mut answer = Response::new(Frames { frames, next: 0 }.boxed());
    answer.headers_mut().insert("content-type", "text/event-stream".parse().expect("a value"));
    Ok(answer)
}

fn object(json: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(json.as_bytes())).boxed());
    answer.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
    answer
}

/// Frames that are all there, each of its own.
struct Frames {
    frames: Vec<Bytes>,
    next: usize,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }
}

fn frame(index: usize) -> Bytes {
    let begin = r#"data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","choices":[{"index":0,"delta":"#;
    let text = match index {
        0 => format!("{begin}{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}]}}\n\n"),
        FRAMES => format!("{begin}{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"),
        _ => format!("{begin}{{\"content\":\"tok{index} \"}},\"finish_reason\":null}}]}}\n\n"),
    };
    text.into()
}

/// The index of the last frame; with the first there are 66.
const FRAMES: usize = 65;
const STREAM: &[u8] = br#""stream":true"#;
/// 310 bytes.
const OBJECT: &str = r#"{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"mock-model","choices":[{"index":0,"message":{"role":"assistant","content":"Hello from mock, this is a short answer."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19}}"#;
const MODELS: &str = r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"mock"}]}"#;
/// What the routers for AI ask a node before they send it prompts.
const INFO: &str = r#"{"status":"ok","model_path":"mock-model","served_model_name":"mock-model","is_generation":true,"version":"0"}"#;
