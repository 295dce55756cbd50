//! Who may say where prompts go, and what is said at the start of a server.

use http::{Method, Request, StatusCode};

use crate::support::{Maily, code, command};

const PROMPTS: &str = "a-key-for-prompts-only";
const OPERATOR: &str = "a-key-of-an-operator";
const NODE: &str = r#"{"name":"mine","url":"http://127.0.0.1:9/v1"}"#;

async fn send(server: &Maily, method: Method, path: &str, key: &str) -> (StatusCode, bytes::Bytes) {
    let request = Request::builder().method(method).uri(server.url(path));
    let request = request.header("authorization", format!("Bearer {key}"));
    server.send(request.header("content-type", "application/json"), NODE).await
}

#[tokio::test]
async fn key_for_prompts_changes_no_node_and_an_operators_asks_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let settings = data.path().join("maily.toml");
    let keys = format!("[server]\nkeys = [{PROMPTS:?}]\n[nodes]\nkeys = [{OPERATOR:?}]\n");
    std::fs::write(&settings, keys).unwrap();
    let more = ["--node", "echo", "--config", settings.to_str().unwrap()];
    let server = Maily::serve("mesh", data.path(), &more).await;

    let (status, body) = send(&server, Method::POST, "/v1/nodes", PROMPTS).await;
    assert_eq!((status, &*code(&body)), (StatusCode::FORBIDDEN, "forbidden"));
    let (status, _) = send(&server, Method::POST, "/v1/nodes/echo/drain", PROMPTS).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = send(&server, Method::POST, "/v1/nodes", OPERATOR).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, _) = send(&server, Method::GET, "/v1/models", OPERATOR).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, body) = send(&server, Method::GET, "/v1/nodes", PROMPTS).await;
    assert!(status.is_success() && String::from_utf8_lossy(&body).contains("mine"));
}

#[tokio::test]
async fn nodes_do_not_register_where_only_keys_for_prompts_are_set() {
    let data = tempfile::tempdir().unwrap();
    let settings = data.path().join("maily.toml");
    std::fs::write(&settings, format!("[server]\nkeys = [{PROMPTS:?}]\n")).unwrap();
    let more = ["--node", "echo", "--config", settings.to_str().unwrap()];
    let server = Maily::serve("mesh", data.path(), &more).await;

    let (status, body) = send(&server, Method::POST, "/v1/nodes", PROMPTS).await;

    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(String::from_utf8_lossy(&body).contains("nodes.keys"), "{body:?}");
}

#[tokio::test]
async fn damaged_embedder_is_said_at_the_start() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for file in ["libonnxruntime.so", "minilm-l6-v2-int8.onnx", "minilm-l6-v2-tokenizer.json"] {
        std::fs::write(cache.path().join(file), "cut off").unwrap();
    }

    let mut serve = command(&["serve", "mesh", "--node", "echo", "--listen", "127.0.0.1:0", "--data"]);
    let output = serve.arg(data.path()).env("MAILY_CACHE", cache.path()).output().await.unwrap();

    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("model-broken"), "{error}");
}

#[tokio::test]
async fn source_of_nodes_that_cannot_be_built_is_said_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let settings = data.path().join("maily.toml");
    for (text, wanted) in [
        ("[nodes]\nredis_key = \"mesh:nodes\"\n", "nodes.redis_key"),
        ("[nodes.kubernetes]\nservice = \"No Name\"\nnamespace = \"mail\"\n", "service"),
        ("[nodes]\nkeys = [\"short\"]\n", "nodes.keys"),
    ] {
        std::fs::write(&settings, text).unwrap();
        let mut serve = command(&["serve", "mesh", "--listen", "127.0.0.1:0", "--data"]);
        let output = serve.arg(data.path()).arg("--config").arg(&settings).output().await.unwrap();

        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains("config-invalid"), "{error}");
        assert!(error.contains(wanted), "{error}");
    }
}
