//! What the server measures, as Prometheus reads it.

use http::StatusCode;

use crate::support::Maily;

#[tokio::test]
async fn metrics_have_the_names_and_buckets_of_the_conventions() {
    let data = tempfile::tempdir().unwrap();
    let server = Maily::serve("mesh", data.path(), &["--node", "echo"]).await;
    for rest in [r#""stream":false"#, r#""stream":true,"stream_options":{"include_usage":true}"#] {
        let body =
            format!(r#"{{"model":"echo","messages":[{{"role":"user","content":"one two three"}}],{rest}}}"#);
        let (status, _) = server.post("/v1/chat/completions", body).await;
        assert_eq!(status, StatusCode::OK);
    }
    let (status, _) = server
        .post("/v1/chat/completions", r#"{"model":"none","messages":[{"role":"user","content":"Hi"}]}"#)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let (_, body) = server.get("/metrics").await;

    let text = String::from_utf8_lossy(&body);
    let labels = r#"gen_ai_operation_name="chat",gen_ai_request_model="echo",gen_ai_provider_name="echo""#;
    let duration = "gen_ai_client_operation_duration_seconds";
    for line in [
        format!("# TYPE {duration} histogram"),
        format!("{duration}_bucket{{{labels},le=\"0.01\"}}"),
        format!("{duration}_bucket{{{labels},le=\"81.92\"}} 2"),
        format!("{duration}_count{{{labels}}} 2"),
        format!(
            "{duration}_count{{gen_ai_operation_name=\"chat\",gen_ai_request_model=\"unknown\",error_type=\"model-not-found\"}} 1"
        ),
        format!("gen_ai_client_operation_time_to_first_chunk_seconds_count{{{labels}}} 1"),
        format!("gen_ai_server_time_to_first_token_seconds_bucket{{{labels},le=\"0.001\"}}"),
        format!("gen_ai_client_token_usage_bucket{{{labels},gen_ai_token_type=\"output\",le=\"4\"}} 2"),
        format!("gen_ai_client_token_usage_count{{{labels},gen_ai_token_type=\"input\"}} 2"),
    ] {
        assert!(text.lines().any(|known| known.starts_with(&line)), "{line} in\n{text}");
    }
}
