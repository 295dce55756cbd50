//! A thread that serves the connections that are put on it.
//!
//! A prompt comes in over one socket and goes out over another. On a shared pool each of the two wakes whichever
//! worker is free, and that costs more than the prompt: a call to the system and a switch of threads. Here both
//! sockets belong to one thread with a runtime of its own, as in nginx and Envoy, and what is ready is found by the
//! thread that waits for it. Nothing may compute on it for long; the cores give that to the threads for blocking work.

use std::future::pending;
use std::io;
use std::net::TcpStream as Socket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use super::patience::{Patient, Streams};

/// A thread, seen from where connections are taken.
#[derive(Debug)]
pub(super) struct Lane {
    sockets: mpsc::UnboundedSender<(Socket, Open)>,
    open: Arc<AtomicUsize>,
    closed: Closed,
}

/// A thread that takes no more connections. It ends when this is dropped, with what is still open on it.
#[derive(Debug)]
pub(super) struct Closed {
    drained: oneshot::Receiver<()>,
    ended: oneshot::Receiver<()>,
    stop: DropGuard,
}

/// Counts a connection while it lasts.
#[derive(Debug)]
struct Open(Arc<AtomicUsize>);

impl Lane {
    /// Starts a thread that serves `app`.
    pub(super) fn start(app: Router) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (sockets, incoming) = mpsc::unbounded_channel();
        let (done, drained) = oneshot::channel();
        let (last, ended) = oneshot::channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        thread::Builder::new().name("maily-lane".to_owned()).spawn(move || {
            let serving = async {
                serve(app, incoming).await;
                let _ = done.send(());
                // What requests began here for others, such as a room, goes on until every lane is done.
                pending::<()>().await;
            };
            runtime.block_on(stopped.run_until_cancelled(serving));
            runtime.shutdown_background();
            let _ = last.send(());
        })?;
        let closed = Closed { drained, ended, stop: stop.drop_guard() };
        Ok(Self { sockets, open: Arc::default(), closed })
    }

    /// How many connections it has.
    pub(super) fn load(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Puts a connection on it.
    pub(super) fn put(&self, socket: Socket) {
        self.open.fetch_add(1, Ordering::Relaxed);
        let _ = self.sockets.send((socket, Open(self.open.clone())));
    }

    /// Takes no more: what is open is told to end after the answer that it has begun.
    pub(super) fn close(self) -> Closed {
        self.closed
    }
}

impl Closed {
    /// Waits until the last connection has ended.
    pub(super) async fn drained(&mut self) {
        let _ = (&mut self.drained).await;
    }

    /// Ends it, with what is still open on it, and waits until all of that has been dropped.
    pub(super) async fn end(self) {
        drop(self.stop);
        let _ = self.ended.await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves what comes in until nothing more can come, and then what is open to its end.
async fn serve(app: Router, mut incoming: mpsc::UnboundedReceiver<(Socket, Open)>) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .keep_alive_interval(Some(PING_EACH))
        .keep_alive_timeout(HEADER_TIME);
    let (connections, draining) = (GracefulShutdown::new(), CancellationToken::new());
    while let Some((socket, open)) = incoming.recv().await {
        let socket = match TcpStream::from_std(socket) {
            Ok(socket) => socket,
            Err(err) => {
                tracing::warn!(%err, "a connection could not be served");
                continue;
            }
        };
        let (http, app) = (http.clone(), app.clone());
        let (watcher, draining) = (connections.watcher(), draining.clone());
        tokio::spawn(async move {
            // What has said nothing has begun nothing: it ends with the server.
            let speaks = draining.run_until_cancelled(timeout(HEADER_TIME, speaks(&socket))).await;
            if let Some(Ok(Ok(version))) = speaks {
                let (streams, watched) = (Streams::default(), version == Version::HTTP_2);
                let streams_of_it = streams.clone();
                let watch = move |answer| if watched { streams.watch(answer) } else { answer };
                let service = ServiceExt::<Request<Incoming>>::map_response(app, watch);
                let service = TowerToHyperService::new(service);
                let socket = TokioIo::new(Patient::new(socket));
                let connection = http.serve_connection_with_upgrades(socket, service).into_owned();
                let ended = tokio::select! {
                    ended = watcher.watch(connection) => ended,
                    never = streams_of_it.sweep(), if watched => match never {},
                };
                if let Err(err) = ended {
                    tracing::debug!(%err, "a connection ended early");
                }
            }
            drop(open);
        });
    }
    draining.cancel();
    connections.shutdown().await;
}

/// Waits until a client has said whether it speaks HTTP/2 or an older one: hyper waits for that without an end.
async fn speaks(socket: &TcpStream) -> io::Result<Version> {
    let mut said = [0; PREFACE.len()];
    loop {
        let count = socket.peek(&mut said).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&said[..count]) {
            return Ok(Version::HTTP_11);
        }
        if count == PREFACE.len() {
            return Ok(Version::HTTP_2);
        }
        // What was seen is there still, so that nothing wakes when there is more.
        sleep(LOOKED_EACH).await;
    }
}

/// What every connection of HTTP/2 begins with. Source: RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LOOKED_EACH: Duration = Duration::from_millis(10);
/// How often a client of HTTP/2 is asked whether it is there.
const PING_EACH: Duration = Duration::from_secs(20);

const HEADER_TIME: Duration = Duration::from_secs(10);
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::{Ipv4Addr, TcpListener as Listener};

    use axum::body::Body;
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::*;
    use crate::http::patience::PATIENCE;

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    /// Returns a client, with the server's end of its connection put on the lane.
    async fn connect(lane: &Lane) -> TcpStream {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        lane.put(socket);
        client
    }

    /// Reads to the end of the connection.
    async fn read(client: &mut TcpStream) -> String {
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn closed_lane_finishes_what_was_asked_and_hangs_up() {
        let (asked, told) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (note, wait) = (asked.clone(), told.clone());
        let app = Router::new().route(
            "/",
            get(async move || {
                note.notify_one();
                wait.notified().await;
                "done"
            }),
        );
        let lane = Lane::start(app).unwrap();
        let (mut busy, mut idle) = (connect(&lane).await, connect(&lane).await);
        busy.write_all(ASK).await.unwrap();
        asked.notified().await;

        assert_eq!(lane.load(), 2);
        let mut closed = lane.close();
        assert_eq!(read(&mut idle).await, "");
        told.notify_one();

        assert!(read(&mut busy).await.ends_with("done"));
        closed.drained().await;
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_does_not_say_what_it_speaks_is_left_after_its_time() {
        for said in [&b""[..], &PREFACE[..9]] {
            let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (socket, _) = listener.accept().unwrap();
            socket.set_nonblocking(true).unwrap();
            client.write_all(said).await.unwrap();
            let (sockets, incoming) = mpsc::unbounded_channel();
            sockets.send((socket, Open(Arc::default()))).unwrap();
            let serving = tokio::spawn(serve(Router::new(), incoming));
            let start = Instant::now();

            assert_eq!(read(&mut client).await, "");

            assert_eq!(start.elapsed().as_secs(), HEADER_TIME.as_secs());
            serving.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_nobody_reads_ends_after_its_time() {
        let gone = CancellationToken::new();
        let answered = gone.clone();
        let endless = get(async move || {
            let guard = answered.drop_guard();
            Body::from_stream(stream::repeat_with(move || {
                let _held = &guard;
                Ok::<_, Infallible>(Bytes::from_static(&[0; 64 * 1024]))
            }))
        });
        let (sockets, incoming) = mpsc::unbounded_channel();
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        sockets.send((socket, Open(Arc::default()))).unwrap();
        let serving = tokio::spawn(serve(Router::new().route("/", endless), incoming));
        let begun = Instant::now();
        client.write_all(ASK).await.unwrap();

        gone.cancelled().await;

        assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < PATIENCE * 2);
        serving.abort();
    }

    #[tokio::test]
    async fn lane_that_has_ended_has_dropped_what_was_open() {
        let begun = Arc::new(Notify::new());
        let (note, answering) = (begun.clone(), Arc::new(()));
        let held = Arc::downgrade(&answering);
        let app = Router::new().route(
            "/",
            get(async move || {
                let _held = answering;
                note.notify_one();
                pending::<()>().await;
            }),
        );
        let lane = Lane::start(app).unwrap();
        let mut client = connect(&lane).await;
        client.write_all(ASK).await.unwrap();
        begun.notified().await;

        lane.close().end().await;

        assert_eq!(held.strong_count(), 0);
        assert_eq!(read(&mut client).await, "");
    }
}
