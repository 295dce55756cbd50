//! Pods that come and go, and an API server that does not always answer.
#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Instant;

use self::support::{ApiServer, Mood, Source, event, next, quietly_until, slice, watching};

async fn two() -> (ApiServer, Source) {
    let server =
        ApiServer::start(&[slice("s1", 7, &[("a", "10.0.0.1", true), ("b", "10.0.0.2", true)])]).await;
    let mut source: Source = Box::pin(server.config().build().unwrap());
    assert_eq!([next(&mut source).await, next(&mut source).await], ["+a", "+b"]);
    (server, source)
}

#[tokio::test]
async fn pod_that_comes_ends_and_goes_is_followed() {
    let (server, mut source) = two().await;
    watching(&server, &mut source, 1).await;

    let start = Instant::now();
    let changed =
        slice("s1", 8, &[("a", "10.0.0.1", false), ("b", "10.0.0.2", true), ("c", "10.0.0.3", true)]);
    server.say(event("MODIFIED", &changed));
    assert_eq!([next(&mut source).await, next(&mut source).await], ["-a", "+c"]);
    println!("a change was known after {:?}", start.elapsed());

    server.say(event("ADDED", &slice("s2", 9, &[("d", "10.0.0.4", true)])));
    assert_eq!(next(&mut source).await, "+d");
    server.say(event(
        "BOOKMARK",
        // An API server writes the zero value of every field that has no `omitempty`.
        r#"{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"resourceVersion":"20"},"addressType":"","endpoints":null,"ports":null}"#,
    ));
    server.say(event("DELETED", &slice("s1", 21, &[])));
    let mut gone = [next(&mut source).await, next(&mut source).await];
    gone.sort();
    assert_eq!(gone, ["-b", "-c"]);

    let asked = server.requests();
    assert!(asked[1].contains("&resourceVersion=101 "), "{}", asked[1]);
}

#[tokio::test]
async fn watch_that_ends_goes_on_from_the_last_version_and_nothing_is_said_twice() {
    let (server, mut source) = two().await;
    watching(&server, &mut source, 1).await;
    server.say(event("ADDED", &slice("s2", 55, &[("c", "10.0.0.3", true)])));
    assert_eq!(next(&mut source).await, "+c");

    for end in ["", "cut"] {
        let before = server.requests().len();
        server.say(end);
        if end == "cut" {
            assert_eq!(next(&mut source).await, "nodes-unreachable");
        }
        watching(&server, &mut source, before).await;
        assert!(server.requests().last().unwrap().contains("&resourceVersion=55 "));
    }
}

#[tokio::test]
async fn version_that_is_too_old_begins_a_new_list() {
    let (server, mut source) = two().await;
    watching(&server, &mut source, 1).await;

    server.list(&[slice("s9", 70, &[("b", "10.0.0.2", true), ("z", "10.0.0.9", true)])]);
    server.say(event("ERROR", r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 7 (60)","reason":"Expired","code":410}"#));

    assert_eq!([next(&mut source).await, next(&mut source).await], ["-a", "+z"]);
}

#[tokio::test]
async fn server_that_is_away_keeps_the_nodes_and_is_said_once() {
    let (server, mut source) = two().await;
    watching(&server, &mut source, 1).await;

    server.set(Mood::Status(503));
    server.say("cut");
    assert_eq!(next(&mut source).await, "nodes-unreachable");
    let before = server.requests().len();
    quietly_until(&mut source, "it was asked twice more", || server.requests().len() >= before + 2).await;

    server.set(Mood::Status(410));
    server.list(&[slice("s1", 90, &[("b", "10.0.0.2", true)])]);
    let before = server.requests().len();
    quietly_until(&mut source, "it was told that its version is too old", || {
        server.requests().len() > before
    })
    .await;
    server.set(Mood::Well);
    let mut change = next(&mut source).await;
    while change == "nodes-unreachable" {
        change = next(&mut source).await;
    }
    assert_eq!(change, "-a");
}

#[tokio::test]
async fn account_that_may_not_see_the_slices_is_told_so() {
    let server = ApiServer::start(&[]).await;
    std::fs::write(server.file("token"), "another").unwrap();
    let mut source: Source = Box::pin(server.config().build().unwrap());
    assert_eq!(next(&mut source).await, "nodes-refused");

    // Kubernetes renews tokens: the next request has the new one.
    server.list(&[slice("s1", 7, &[("a", "10.0.0.1", true)])]);
    std::fs::write(server.file("token"), "the-token").unwrap();
    assert_eq!(next(&mut source).await, "+a");
}

#[tokio::test]
async fn server_of_another_authority_gets_no_token() {
    let (server, other) = (ApiServer::start(&[]).await, ApiServer::start(&[]).await);
    let mut config = server.config();
    config.ca_file = other.file("ca.crt");
    let mut source: Source = Box::pin(config.build().unwrap());

    assert_eq!(next(&mut source).await, "nodes-unreachable");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn lines_that_are_none_end_the_watch_and_not_the_nodes() {
    let (server, mut source) = two().await;
    watching(&server, &mut source, 1).await;
    for line in ["no json", r#"{"type":"ADDED","object":{"metadata":{"name":"x"}}}"#] {
        let before = server.requests().len();
        server.say(line);
        assert_eq!(next(&mut source).await, "nodes-malformed", "{line}");
        watching(&server, &mut source, before).await;
    }
    server.say(event("ADDED", &slice("s2", 60, &[("c", "10.0.0.3", true)])));
    assert_eq!(next(&mut source).await, "+c");
}

#[tokio::test]
async fn settings_of_the_pods_reach_the_nodes() {
    use futures_util::StreamExt;
    use maily_mesh::NodeChange;

    let server = ApiServer::start(&[slice("s1", 7, &[("a", "10.0.0.1", true)])]).await;
    let mut config = server.config();
    config.path = "/api/v1".to_owned();
    config.port = Some("http".to_owned());
    let mut source: Source = Box::pin(config.build().unwrap());

    let Some(Ok(NodeChange::Insert(node))) = source.next().await else { panic!("a node") };

    assert_eq!((&*node.url, node.zone.as_deref()), ("http://10.0.0.1:8000/api/v1", Some("z1")));
    assert_eq!(node.models.len(), 1);
}

#[tokio::test]
async fn silent_server_is_left_and_asked_again() {
    let server = ApiServer::start(&[slice("s1", 7, &[("a", "10.0.0.1", true)])]).await;
    server.set(Mood::Silent);
    let mut source: Source = Box::pin(server.config().build().unwrap());

    let start = Instant::now();
    assert_eq!(next(&mut source).await, "nodes-unreachable");
    println!("a silent server was left after {:?}", start.elapsed());
    server.set(Mood::Well);
    assert_eq!(next(&mut source).await, "+a");
}
