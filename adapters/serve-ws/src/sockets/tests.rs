use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{self, Utf8Bytes};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, sink, stream};
use maily_errors::Code;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use super::socket::Wire;
use super::{Message, Socket, Sockets, SocketsConfig};

/// The far end of a connection that is two channels.
struct Peer {
    send: mpsc::UnboundedSender<Result<ws::Message, axum::Error>>,
    recv: mpsc::UnboundedReceiver<ws::Message>,
}

impl Peer {
    fn text(&self, text: &'static str) {
        self.send.send(Ok(ws::Message::Text(Utf8Bytes::from_static(text)))).unwrap();
    }

    async fn close_code(mut self) -> u16 {
        while let Some(message) = self.recv.recv().await {
            if let ws::Message::Close(Some(frame)) = message {
                return frame.code;
            }
        }
        0
    }
}

fn wire() -> (Box<dyn Wire>, Peer) {
    slow_wire(Duration::ZERO)
}

/// A peer that needs so long for each message of bytes.
fn slow_wire(each: Duration) -> (Box<dyn Wire>, Peer) {
    let (send, incoming) = mpsc::unbounded_channel();
    let (outgoing, recv) = mpsc::unbounded_channel();
    let stream = stream::unfold(incoming, async |mut incoming| Some((incoming.recv().await?, incoming)));
    let sink = sink::unfold(outgoing, move |outgoing: mpsc::UnboundedSender<_>, message| async move {
        if matches!(message, ws::Message::Binary(_)) {
            tokio::time::sleep(each).await;
        }
        let sent = outgoing.send(message);
        sent.map(|()| outgoing).map_err(|_| axum::Error::new("gone"))
    });
    (Box::new(Joined { stream: Box::pin(stream), sink: Box::pin(sink) }), Peer { send, recv })
}

struct Joined<A, B> {
    stream: A,
    sink: B,
}

impl<A, B> futures_util::Stream for Joined<A, B>
where
    A: futures_util::Stream<Item = Result<ws::Message, axum::Error>> + Unpin,
    B: Unpin,
{
    type Item = Result<ws::Message, axum::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}

impl<A: Unpin, B> futures_util::Sink<ws::Message> for Joined<A, B>
where
    B: futures_util::Sink<ws::Message, Error = axum::Error> + Unpin,
{
    type Error = axum::Error;

    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), axum::Error>> {
        self.sink.poll_ready_unpin(cx)
    }

    fn start_send(mut self: std::pin::Pin<&mut Self>, item: ws::Message) -> Result<(), axum::Error> {
        self.sink.start_send_unpin(item)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), axum::Error>> {
        self.sink.poll_flush_unpin(cx)
    }

    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), axum::Error>> {
        self.sink.poll_close_unpin(cx)
    }
}

async fn run<F: Future<Output = ()>>(sockets: &Sockets, handler: impl FnOnce(Socket) -> F) -> Peer {
    let (wire, peer) = wire();
    let slot = sockets.admit().unwrap();
    sockets.run(wire, slot, "test", handler).await;
    peer
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_pinged_and_then_closed() {
    let sockets = Sockets::default();
    let start = Instant::now();

    let mut peer = run(&sockets, async |mut socket| assert!(socket.recv().await.is_none())).await;

    assert!(matches!(peer.recv.recv().await, Some(ws::Message::Ping(_))));
    assert_eq!(peer.close_code().await, 1001);
    // The farewell waits two seconds for the close frame of the peer, which never comes.
    assert_eq!(start.elapsed(), Duration::from_secs(47));
}

#[tokio::test(start_paused = true)]
async fn slow_peer_has_time_for_a_long_message_and_is_heard_after_it() {
    let sockets = Sockets::default();
    let (wire, peer) = slow_wire(Duration::from_secs(60));
    let slot = sockets.admit().unwrap();
    let start = Instant::now();

    sockets
        .run(wire, slot, "test", async |mut socket| {
            // A second for each 64 KiB, and the idle timeout of 45.
            socket.send(Message::Binary(vec![0; 1024 * 1024].into())).await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_secs(60));
            peer.text("thanks");
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(socket.recv().await.unwrap().unwrap(), Message::Text("thanks".into()));
            assert!(socket.send(Message::Binary(Bytes::from_static(b"short"))).await.is_err());
            assert_eq!(start.elapsed(), Duration::from_secs(61 + 45));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn peer_that_read_a_long_message_is_asked_before_it_is_idle() {
    let sockets = Sockets::default();
    let (wire, mut peer) = slow_wire(Duration::from_secs(60));
    let slot = sockets.admit().unwrap();

    sockets
        .run(wire, slot, "test", async |mut socket| {
            socket.send(Message::Binary(vec![0; 1024 * 1024].into())).await.unwrap();
            assert!(socket.recv().await.is_none());
        })
        .await;

    assert!(matches!(peer.recv.recv().await, Some(ws::Message::Binary(_))));
    assert!(matches!(peer.recv.recv().await, Some(ws::Message::Ping(_))));
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_answered_and_the_socket_stays_open() {
    let sockets = Sockets::default();
    let (wire, mut peer) = wire();
    let slot = sockets.admit().unwrap();
    peer.text("{nonsense");
    peer.text("[1,2]");

    sockets
        .run(wire, slot, "test", async |mut socket| {
            assert_eq!(socket.recv_json::<Vec<u32>>().await, Some(vec![1, 2]));
        })
        .await;

    let Some(ws::Message::Text(answer)) = peer.recv.recv().await else { panic!("no answer") };
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["type"], "error");
    assert_eq!(answer["problem"]["code"], "socket-message");
    assert_eq!(peer.close_code().await, 1000);
}

#[tokio::test(start_paused = true)]
async fn too_much_nonsense_closes_with_1008() {
    let sockets = Sockets::new(SocketsConfig::default().with_max_nonsense(2));
    let (wire, peer) = wire();
    let slot = sockets.admit().unwrap();
    for _ in 0..3 {
        peer.text("?");
    }

    sockets
        .run(wire, slot, "test", async |mut socket| {
            assert_eq!(socket.recv_json::<u32>().await, None);
        })
        .await;

    assert_eq!(peer.close_code().await, 1008);
}

#[tokio::test(start_paused = true)]
async fn panicking_handler_closes_with_1011() {
    let sockets = Sockets::default();

    let peer = run(&sockets, async |_socket| panic!("a defect")).await;

    assert_eq!(peer.close_code().await, 1011);
    assert_eq!(sockets.open(), 0);
}

#[tokio::test]
async fn connection_over_the_limit_is_refused() {
    let sockets = Sockets::new(SocketsConfig::default().with_max_connections(1));

    let first = sockets.admit().unwrap();
    let err = sockets.admit().unwrap_err();
    drop(first);

    assert_eq!(err.code(), Code::Unavailable);
    assert!(sockets.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn drain_closes_with_1001_and_waits() {
    let sockets = Sockets::default();
    let (wire, peer) = wire();
    let slot = sockets.admit().unwrap();
    let manager = sockets.clone();
    let done = Arc::new(Mutex::new(false));
    let flag = Arc::clone(&done);
    let running = tokio::spawn(async move {
        let handler = async |mut socket: Socket| {
            assert!(socket.recv().await.is_none());
            *flag.lock().await = true;
        };
        manager.run(wire, slot, "test", handler).await;
    });

    sockets.drain().await;

    assert!(*done.lock().await);
    assert_eq!(sockets.open(), 0);
    assert_eq!(sockets.admit().unwrap_err().code(), Code::Draining);
    running.await.unwrap();
    assert_eq!(peer.close_code().await, 1001);
}

#[tokio::test(start_paused = true)]
async fn drain_drops_a_handler_that_does_not_end() {
    let sockets = Sockets::default();
    let (wire, peer) = wire();
    let slot = sockets.admit().unwrap();
    let manager = sockets.clone();
    let start = Instant::now();
    let running = tokio::spawn(async move {
        manager.run(wire, slot, "test", async |_socket| std::future::pending().await).await;
    });

    sockets.drain().await;

    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!(sockets.open(), 0);
    running.await.unwrap();
    assert_eq!(peer.close_code().await, 1001);
}

#[tokio::test(start_paused = true)]
async fn handler_listens_while_it_finishes_what_was_begun() {
    let sockets = Sockets::default();
    let (wire, peer) = wire();
    let slot = sockets.admit().unwrap();
    let manager = sockets.clone();
    let running = tokio::spawn(async move {
        let handler = async |mut socket: Socket| {
            socket.draining().clone().cancelled().await;
            let heard = socket.recv_while_draining().await.unwrap().unwrap();
            assert_eq!(heard, Message::Text("late".into()));
            assert!(socket.recv().await.is_none());
        };
        manager.run(wire, slot, "test", handler).await;
    });
    peer.text("late");

    sockets.drain().await;

    running.await.unwrap();
    assert_eq!(peer.close_code().await, 1001);
}

#[tokio::test(start_paused = true)]
async fn message_over_the_outbound_limit_is_refused() {
    let sockets = Sockets::new(SocketsConfig::default().with_max_outbound_bytes(4));

    let mut peer = run(&sockets, async |mut socket| {
        let fits = socket.send(Message::Binary(Bytes::from_static(b"1234"))).await;
        let over = socket.send(Message::Binary(Bytes::from_static(b"12345"))).await;
        assert!(fits.is_ok());
        assert_eq!(over.unwrap_err().code(), Code::FrameTooLarge);
    })
    .await;

    assert!(matches!(peer.recv.recv().await, Some(ws::Message::Binary(bytes)) if bytes.len() == 4));
    assert_eq!(peer.close_code().await, 1000);
}
