//! Whose memories a key reads: those of its own tenant.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Maily, code};

const SETTINGS: &str = r#"
[server]
keys = [
  "key-of-nobody-at-all",
  { secret = "key-of-acme-00000000", tenant = "acme" },
  { secret = "key-of-the-operator-", tenant = "*" },
]
[[mesh.limit.keys]]
name = "team-a"
secret = "key-of-team-a-000000"
[[mesh.limit.keys]]
name = "team-b"
secret = "key-of-team-b-000000"
tenant = "acme/b"
"#;

/// Sends with a key; returns the status, and the texts that came back or the code of the problem.
async fn send(server: &Maily, key: &str, method: &str, path: &str, body: Value) -> (StatusCode, Vec<String>) {
    let request = http::Request::builder().method(method).uri(server.url(path));
    let request = request.header("content-type", "application/json").header("x-api-key", key);
    let (status, body) = server.send(request, body.to_string()).await;
    if !status.is_success() {
        return (status, vec![code(&body)]);
    }
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let texts = answer["memories"].as_array().into_iter().flatten();
    (status, texts.map(|memory| memory["text"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn key_reads_and_writes_the_memories_of_its_own_tenant_only() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("maily.toml");
    let cache = format!("cache = {:?}\n", data.path().join("none"));
    std::fs::write(&file, SETTINGS.replacen("keys", &(cache + "keys"), 1)).unwrap();
    let server =
        Maily::serve("mesh", data.path(), &["--node", "echo", "--config", file.to_str().unwrap()]).await;
    let [plain, acme, operator] = ["key-of-nobody-at-all", "key-of-acme-00000000", "key-of-the-operator-"];
    let [team_a, team_b] = ["key-of-team-a-000000", "key-of-team-b-000000"];

    for (key, text) in [(plain, "default"), (acme, "acme"), (team_a, "team-a"), (team_b, "acme/b")] {
        let (status, _) = send(&server, key, "POST", "/v1/memories", json!({ "text": text })).await;
        assert_eq!(status, StatusCode::CREATED, "{text}");
    }

    let all = ["default", "acme", "team-a", "acme/b"];
    for (key, own) in [
        (plain, vec!["default"]),
        (acme, vec!["acme", "acme/b"]),
        (team_a, vec!["team-a"]),
        (team_b, vec!["acme/b"]),
        (operator, all.to_vec()),
    ] {
        for tenant in all {
            let path = format!("/v1/memories?tenant={tenant}");
            let (status, texts) = send(&server, key, "GET", &path, Value::Null).await;
            if own.contains(&tenant) {
                assert_eq!((status, texts), (StatusCode::OK, vec![tenant.to_owned()]), "{key} {tenant}");
            } else {
                let refused = (StatusCode::FORBIDDEN, vec!["tenant-not-allowed".to_owned()]);
                assert_eq!((status, texts), refused, "{key} {tenant}");
            }
        }
        let unnamed = send(&server, key, "GET", "/v1/memories", Value::Null).await;
        let own = if key == operator { "default" } else { own[0] };
        assert_eq!(unnamed, (StatusCode::OK, vec![own.to_owned()]), "{key}");
    }
}
