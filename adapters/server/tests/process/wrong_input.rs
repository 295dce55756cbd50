//! Wrong input gets a catalogued error that says what to do; nothing is lost, and the server lives.

use std::io::Write as _;

use crate::support::{Maily, code, command, run};
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn wrong_key_in_the_file_names_the_nearest_one() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[server]\nlisten_on = \"127.0.0.1:0\"\n").unwrap();

    let (exit, _, error) = run(&["serve", "--config", file.path().to_str().unwrap()]).await;

    assert_eq!(exit, 1);
    assert!(error.contains("config-invalid") && error.contains("did_you_mean: server.listen"), "{error}");
}

#[tokio::test]
async fn port_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let (exit, _, error) =
        run(&["serve", "redis", "--listen", &address, "--data", data.path().to_str().unwrap()]).await;

    assert_eq!(exit, 1);
    assert!(error.contains("address-in-use") && error.contains(&address), "{error}");
}

#[tokio::test]
async fn public_address_needs_keys() {
    let data = tempfile::tempdir().unwrap();

    let (exit, _, error) =
        run(&["serve", "redis", "--listen", "0.0.0.0:0", "--data", data.path().to_str().unwrap()]).await;

    assert_eq!(exit, 1);
    assert!(error.contains("keys-required"), "{error}");
}

#[tokio::test]
async fn corrupt_store_file_is_refused_and_left_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let store = data.path().join("canvas.redb");
    std::fs::write(&store, b"this is not a store").unwrap();

    let (exit, _, error) =
        run(&["serve", "canvas", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()]).await;

    assert_eq!(exit, 1);
    assert!(error.contains("store-corrupt"), "{error}");
    assert_eq!(std::fs::read(&store).unwrap(), b"this is not a store");
}

#[tokio::test]
async fn corrupt_message_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let message = data.path().join("broken.eml");
    std::fs::write(&message, [0xff, 0x00, 0x13, 0x37]).unwrap();
    let (message, folder) = (message.to_str().unwrap(), data.path().to_str().unwrap());

    let (exit, _, error) = run(&["certify", message, "--data", folder]).await;

    assert_eq!(exit, 1);
    assert!(error.contains("mail-malformed"), "{error}");
}

#[tokio::test]
async fn dead_node_is_named_and_the_server_lives() {
    let data = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let node = format!("dead=http://127.0.0.1:{port}/v1");
    let server = Maily::serve("mesh", data.path(), &["--node", &node]).await;

    let prompt = r#"{"model":"any","messages":[{"role":"user","content":"Hello"}]}"#;
    let (status, body) = server.post("/v1/chat/completions", prompt).await;

    assert_eq!((status, code(&body).as_str()), (StatusCode::SERVICE_UNAVAILABLE, "node-unreachable"));
    assert_eq!(server.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn message_of_full_size_is_certified_and_one_byte_more_is_refused() {
    const LIMIT: usize = 26_214_400;
    let data = tempfile::tempdir().unwrap();
    let server = Maily::serve("trust", data.path(), &[]).await;
    let head = "From: a@b.example\r\nTo: c@d.example\r\nSubject: big\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n";
    let full = |size: usize| {
        let mut message = head.as_bytes().to_vec();
        message.resize_with(size, {
            let mut column = 0;
            move || {
                column = (column + 1) % 78;
                match column {
                    76 => b'\r',
                    77 => b'\n',
                    _ => b'x',
                }
            }
        });
        message
    };

    let (accepted, certified) = server.post("/v1/trust/certificates", full(LIMIT)).await;
    let (_, verdict) = server.post("/v1/trust/verifications", certified).await;
    let (refused, body) = server.post("/v1/trust/certificates", full(LIMIT + 1)).await;

    assert_eq!(accepted, StatusCode::CREATED);
    assert!(String::from_utf8_lossy(&verdict).contains(r#""state":"intact""#));
    assert_eq!((refused, code(&body).as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "mail-too-large"));
}

#[tokio::test]
async fn socket_that_speaks_nonsense_harms_nobody() {
    let data = tempfile::tempdir().unwrap();
    let server = Maily::serve("canvas", data.path(), &[]).await;
    let url = format!("ws://{}/v1/canvas/sync/nonsense", server.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();

    socket.send(Message::text("I am not Yjs")).await.unwrap();
    socket.send(Message::binary(vec![0, 2, 255, 255, 255, 255, 15])).await.unwrap();
    socket.send(Message::binary(vec![9; 64])).await.unwrap();
    let first = socket.next().await;

    assert!(first.is_some_and(|frame| frame.is_ok()));
    assert_eq!(server.get("/v1/canvas/documents").await.0, StatusCode::OK);
}

#[tokio::test]
async fn unknown_route_and_wrong_body_are_problem_documents() {
    let data = tempfile::tempdir().unwrap();
    let server = Maily::serve("analytics", data.path(), &[]).await;

    let (missing, no_route) = server.get("/v1/nothing").await;
    let (refused, wrong) = server.post("/v1/analytics/scores", "{").await;

    assert_eq!((missing, code(&no_route).as_str()), (StatusCode::NOT_FOUND, "route-not-found"));
    assert_eq!((refused, code(&wrong).as_str()), (StatusCode::BAD_REQUEST, "body-invalid"));
}

#[tokio::test]
async fn wrong_method_is_a_problem_document_that_allows_the_right_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Maily::serve("mesh", data.path(), &["--node", "echo"]).await;

    let (status, body) = server.send(http::Request::delete(server.url("/v1/models")), "").await;

    assert_eq!((status, code(&body).as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
}

#[tokio::test]
async fn request_with_too_many_headers_is_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let data = tempfile::tempdir().unwrap();
    let server = Maily::serve("redis", data.path(), &[]).await;
    let mut socket = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    let many = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect::<String>();

    socket
        .write_all(format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn proof_that_nobody_vouches_for_is_not_accepted() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let message = data.path().join("message.eml");
    std::fs::write(&message, "From: a@b.example\r\nSubject: Hi\r\n\r\nNine sharp.\r\n").unwrap();
    let certified = data.path().join("message.certified.eml");
    run(&["certify", message.to_str().unwrap(), "--data", data.path().to_str().unwrap()]).await;

    let (exit, said, _) =
        run(&["verify", certified.to_str().unwrap(), "--data", other.path().to_str().unwrap()]).await;

    assert_eq!((exit, said.contains("nobody vouches")), (3, true), "{said}");
}

#[tokio::test]
async fn termination_drains_and_ends_well() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Maily::serve("all", data.path(), &["--node", "echo"]).await;
    let id = server.process.id().unwrap().to_string();

    let killed = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await.unwrap();

    assert!(killed.success());
    assert!(server.process.wait().await.unwrap().success());
}

#[tokio::test]
async fn typo_on_the_command_line_is_answered_with_the_right_word() {
    let output = command(&["jurney"]).output().await.unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("journey"));
}
