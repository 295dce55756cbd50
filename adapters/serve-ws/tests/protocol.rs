//! A peer that breaks the protocol is told how before the connection ends (RFC 6455, section 7.4.1).

use maily_mesh::{Mesh, MeshConfig};
use maily_serve_ws::Sockets;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Opens a WebSocket by hand: a client library would not send what these tests send.
async fn connect() -> TcpStream {
    let router = maily_serve_ws::mesh::router(Mesh::new(&MeshConfig::default()), Sockets::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    let request = "GET /v1/mesh/stream HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).await.expect("an open connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    socket
}

/// Sends a frame, and returns the code of the close frame, if that is all that comes back.
async fn close_code(frame: &[u8]) -> Option<u16> {
    let mut socket = connect().await;
    socket.write_all(frame).await.expect("an open connection");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("an orderly end");
    let [0x88, len, high, low, reason @ ..] = answer.as_slice() else { return None };
    (usize::from(*len) == reason.len() + 2).then(|| u16::from_be_bytes([*high, *low]))
}

#[tokio::test]
async fn frame_that_is_not_masked_closes_with_1002() {
    assert_eq!(close_code(b"\x81\x02hi").await, Some(1002));
}

#[tokio::test]
async fn frame_that_is_none_closes_with_1002() {
    // A reserved bit, an operation that does not exist, the rest of nothing.
    for frame in [b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x80\x80\0\0\0\0"] {
        assert_eq!(close_code(frame).await, Some(1002), "{frame:?}");
    }
}

#[tokio::test]
async fn text_that_is_no_utf8_closes_with_1007() {
    assert_eq!(close_code(b"\x81\x82\0\0\0\0\xc3\x28").await, Some(1007));
}
