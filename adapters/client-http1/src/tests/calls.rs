use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::Seen;
use crate::{Client, Failure, Patience, Request, Target};

const PATIENCE: Patience = Patience { connect_ms: 5_000, headers_ms: 5_000, between_ms: 5_000 };
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn request(body: &'static [u8]) -> Request {
    let own = format!("content-length: {}\r\n\r\n", body.len());
    Request::new("POST / HTTP/1.1\r\nhost: a\r\n", own, body)
}

/// A server: what it does with each connection is up to the test.
async fn server<F>(serve: impl FnMut(TcpStream) -> F + Send + 'static) -> Client
where
    F: Future<Output = ()> + Send + 'static,
{
    server_for(PATIENCE, serve).await
}

async fn server_for<F>(patience: Patience, mut serve: impl FnMut(TcpStream) -> F + Send + 'static) -> Client
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    Client::new(Target::plain("127.0.0.1", port), patience)
}

/// Reads one request without a body; false at the end of the connection.
async fn heard(socket: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return false,
        }
    }
    true
}

async fn answer(socket: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) {
    if heard(socket).await {
        socket.write_all(text.as_bytes()).await.unwrap();
    }
}

async fn body(client: &Client) -> Result<Vec<u8>, Failure> {
    let (_, mut incoming) = client.send::<Seen>(request(b"")).await?;
    let mut body = Vec::new();
    while let Some(piece) = poll_fn(|cx| incoming.poll_piece(cx)).await {
        body.extend_from_slice(&piece?);
    }
    Ok(body)
}

#[tokio::test]
async fn connection_is_used_again_once_its_answer_is_whole() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let client = server(move |mut socket| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            loop {
                answer(&mut socket, OK).await;
            }
        }
    })
    .await;

    for _ in 0..5 {
        let (_, mut incoming) = client.send::<Seen>(request(b"")).await.unwrap();
        // Before its reader has taken the body.
        assert_eq!(client.idle(), 1);
        assert_eq!(poll_fn(|cx| incoming.poll_piece(cx)).await.unwrap().unwrap(), "ok");
    }

    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn all_chunks_of_one_read_leave_as_one_piece() {
    let frames: String = (0..66).map(|frame| format!("9\r\ndata: {frame:02}\n\r\n")).collect();
    let text = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{frames}0\r\n\r\n");
    let client = server(move |mut socket| {
        let text = text.clone();
        async move { answer(&mut socket, &text).await }
    })
    .await;

    let (_, mut incoming) = client.send::<Seen>(request(b"")).await.unwrap();

    let piece = poll_fn(|cx| incoming.poll_piece(cx)).await.unwrap().unwrap();
    assert_eq!(piece.len(), 66 * 9);
}

#[tokio::test]
async fn request_goes_out_again_if_the_server_hung_up_while_the_connection_was_idle() {
    let client = server(|mut socket| async move { answer(&mut socket, OK).await }).await;

    for _ in 0..20 {
        assert_eq!(body(&client).await.unwrap(), b"ok");
    }
}

#[tokio::test]
async fn request_does_not_go_out_again_after_a_byte_of_the_answer() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let client = server(move |mut socket| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            answer(&mut socket, OK).await;
            answer(&mut socket, "H").await;
        }
    })
    .await;

    assert_eq!(body(&client).await.unwrap(), b"ok");
    assert!(matches!(body(&client).await, Err(Failure::HungUp(_))));
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn request_on_a_fresh_connection_goes_out_once() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let client = server(move |mut socket| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            heard(&mut socket).await;
        }
    })
    .await;

    assert!(matches!(body(&client).await, Err(Failure::HungUp(_))));
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn connection_with_bytes_after_the_answer_is_not_used_again() {
    let client = server(|mut socket| async move {
        answer(&mut socket, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nforged")
            .await;
        heard(&mut socket).await;
    })
    .await;

    for _ in 0..3 {
        assert_eq!(body(&client).await.unwrap(), b"ok");
        assert_eq!(client.idle(), 0);
    }
}

#[tokio::test]
async fn body_that_is_dropped_closes_the_connection() {
    let (left, mut hung_up) = tokio::sync::mpsc::channel(1);
    let client = server(move |mut socket| {
        let left = left.clone();
        async move {
            answer(&mut socket, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await;
            assert!(!heard(&mut socket).await);
            left.send(()).await.unwrap();
        }
    })
    .await;

    let (_, mut incoming) = client.send::<Seen>(request(b"")).await.unwrap();
    assert_eq!(poll_fn(|cx| incoming.poll_piece(cx)).await.unwrap().unwrap(), "he");
    drop(incoming);

    hung_up.recv().await.unwrap();
    assert_eq!(client.idle(), 0);
}

#[tokio::test]
async fn interim_heads_are_passed_over() {
    let text = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n{OK}");
    let client = server(move |mut socket| {
        let text = text.clone();
        async move {
            heard(&mut socket).await;
            // Byte by byte, so that every cut is tried.
            socket.set_nodelay(true).unwrap();
            for byte in text.as_bytes() {
                socket.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    })
    .await;

    assert_eq!(body(&client).await.unwrap(), b"ok");
}

#[tokio::test]
async fn head_has_at_most_64_kib() {
    for (bytes, fits) in [(65_000, true), (66_000, false)] {
        let client = server(move |mut socket| async move {
            let text = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 2\r\n\r\nok", "x".repeat(bytes));
            heard(&mut socket).await;
            // The client may have left before all is written.
            socket.write_all(text.as_bytes()).await.ok();
        })
        .await;

        assert_eq!(body(&client).await.is_ok(), fits, "{bytes}");
    }
}

#[tokio::test]
async fn refusal_before_the_request_was_read_is_heard() {
    static LARGE: [u8; 16 * 1024 * 1024] = [b' '; 16 * 1024 * 1024];
    let client = server(|mut socket| async move {
        heard(&mut socket).await;
        let refusal = "HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno";
        socket.write_all(refusal.as_bytes()).await.unwrap();
        // Reads no more of it, and does not hang up.
        std::future::pending::<()>().await;
    })
    .await;

    let (head, _) = client.send::<Seen>(request(&LARGE)).await.unwrap();

    assert_eq!(head.status, 413);
    assert_eq!(client.idle(), 0, "the rest of the request would be read as the next one");
}

#[tokio::test]
async fn silence_is_counted_from_the_last_piece() {
    let patience = PATIENCE.with_between_ms(200);
    let client = server_for(patience, |mut socket| async move {
        answer(&mut socket, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhe").await;
        std::future::pending::<()>().await;
    })
    .await;

    let begun = Instant::now();
    let failed = body(&client).await;

    assert!(matches!(failed, Err(Failure::Silent("between chunks"))), "{failed:?}");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn server_is_known_by_its_certificate() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, counted) = (acceptor.clone(), counted.clone());
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                counted.fetch_add(1, Ordering::Relaxed);
                while heard(&mut socket).await {
                    socket.write_all(OK.as_bytes()).await.unwrap();
                }
            });
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();

    let known = Client::new(Target::trusting("localhost", port, roots).unwrap(), PATIENCE);
    for _ in 0..3 {
        assert_eq!(body(&known).await.unwrap(), b"ok");
    }
    assert_eq!(made.load(Ordering::Relaxed), 1, "one connection for all");

    let unknown =
        Client::new(Target::of(&format!("https://localhost:{port}").parse().unwrap()).unwrap(), PATIENCE);
    assert!(matches!(body(&unknown).await, Err(Failure::Unreachable(_))));
}

#[test]
fn each_runtime_has_its_own_connections() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let client = first.block_on(server(|mut socket| async move {
        loop {
            answer(&mut socket, OK).await;
        }
    }));
    assert_eq!(first.block_on(body(&client)).unwrap(), b"ok");
    assert_eq!(client.idle(), 1);

    let other = std::thread::spawn({
        let client = client.clone();
        move || second.block_on(body(&client)).unwrap()
    });
    // The server runs here.
    let kept = first.block_on(async {
        while !other.is_finished() {
            tokio::task::yield_now().await;
        }
        client.idle()
    });

    assert_eq!(other.join().unwrap(), b"ok");
    assert_eq!(kept, 2);
}
