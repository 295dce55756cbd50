//! Values of `maily serve redis` in a file, through a kill -9.

use http::StatusCode;

use crate::support::{Maily, code, run};

#[tokio::test]
async fn acknowledged_value_survives_kill_9_when_there_is_a_file() {
    let data = tempfile::tempdir().unwrap();
    let settings = data.path().join("maily.toml");
    let path = data.path().join("values.redb");
    std::fs::write(&settings, format!("[redis]\npath = {path:?}\n")).unwrap();
    let more = ["--config", settings.to_str().unwrap()];
    let mut server = Maily::serve("redis", data.path(), &more).await;
    let request = http::Request::post(server.url("/v1/store/clicks/increment"));
    let body = r#"{"by": 41}"#;
    let (status, _) = server.send(request.header("content-type", "application/json"), body).await;
    assert_eq!(status, StatusCode::OK);
    server.process.kill().await.unwrap();

    let server = Maily::serve("redis", data.path(), &more).await;

    let (status, value) = server.get("/v1/store/clicks").await;
    assert_eq!((status, value.as_ref()), (StatusCode::OK, &b"41"[..]));
    let (status, body) = server.get("/v1/store/none").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{}", code(&body));
}

#[tokio::test]
async fn file_and_server_together_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let settings = data.path().join("maily.toml");
    std::fs::write(&settings, "[redis]\npath = \"values.redb\"\nurl = \"redis://127.0.0.1:1\"\n").unwrap();
    let arguments = ["serve", "redis", "--listen", "127.0.0.1:0", "--config", settings.to_str().unwrap()];

    let (exit, _, error) = run(&arguments).await;

    assert_ne!(exit, 0);
    assert!(error.contains("not both"), "{error}");
}
