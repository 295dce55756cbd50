use std::time::Duration;

use maily_errors::Code;
use tokio::time::{advance, timeout};

use super::{LeaseRules, Leases};
use crate::balance::{Node, Nodes};
use crate::config::NodeConfig;
use crate::memory::{Scripted, Step};
use crate::registry::Registry;

fn leases(rules: LeaseRules) -> (Leases, Nodes) {
    let mut registry = Registry::default();
    for scheme in ["http", "file"] {
        registry.register(scheme, |_| Ok(Scripted::new([Step::Answer("Hi".into())])));
    }
    let nodes = Nodes::default();
    (Leases::new(nodes.clone(), registry, rules), nodes)
}

fn node(name: &str) -> NodeConfig {
    NodeConfig::new(name, "http://127.0.0.1:8000/v1").with_model("m")
}

fn names(nodes: &Nodes) -> Vec<String> {
    nodes.status().iter().map(|node| node.name.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn lease_that_is_renewed_lasts_and_another_one_ends() {
    let (leases, nodes) = leases(LeaseRules::default());
    leases.register(node("kept"), None).unwrap();
    leases.register(node("lost"), Some(Duration::from_secs(20))).unwrap();

    for _ in 0..4 {
        let _ = timeout(Duration::from_secs(15), leases.expire()).await;
        assert!(leases.register(node("kept"), None).unwrap().renewed);
    }

    assert_eq!(names(&nodes), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn renewal_and_change_of_settings_keep_what_is_known() {
    let (leases, nodes) = leases(LeaseRules::default());
    leases.register(node("n"), None).unwrap();
    assert!(nodes.drain("n"));

    assert!(leases.register(node("n"), None).unwrap().renewed);
    assert!(nodes.status()[0].draining);

    assert!(!leases.register(node("n").with_model("other"), None).unwrap().renewed);
    assert!(nodes.status()[0].draining);
    assert_eq!(nodes.status()[0].models.len(), 2);
    assert!(!leases.register(node("n").with_model("other").with_key("k"), None).unwrap().renewed);
}

#[tokio::test(start_paused = true)]
async fn name_of_another_source_is_not_taken_and_not_removed() {
    let (leases, nodes) = leases(LeaseRules::default());
    nodes.insert(Node::new("fixed", Scripted::new([Step::Hang])));

    assert_eq!(leases.register(node("fixed"), None).unwrap_err().code(), Code::NodeExists);
    assert_eq!(leases.remove("fixed").unwrap_err().code(), Code::NodeExists);
    assert_eq!(leases.remove("other").unwrap_err().code(), Code::NodeNotFound);
    leases.register(node("own"), None).unwrap();
    leases.remove("own").unwrap();
    assert_eq!(names(&nodes), ["fixed"]);
}

#[tokio::test(start_paused = true)]
async fn limits_hold_at_their_edge() {
    let (leases, _) = leases(LeaseRules { max_nodes: 2, ..LeaseRules::default() });
    let [least, most] = Leases::TIMES;
    let longest = "n".repeat(Leases::MAX_NAME_BYTES);

    leases.register(node(&longest), Some(least)).unwrap();
    leases.register(node("n"), Some(most)).unwrap();

    let refused = |name: &str, time| leases.register(node(name), time).unwrap_err().code();
    assert_eq!(refused("third", None), Code::Overloaded);
    assert_eq!(refused("n", Some(least - Duration::from_nanos(1))), Code::Invalid);
    assert_eq!(refused("n", Some(most + Duration::from_nanos(1))), Code::Invalid);
    assert_eq!(refused(&format!("{longest}n"), None), Code::Invalid);
    assert_eq!(refused("", None), Code::Invalid);
    assert_eq!(refused("a b", None), Code::Invalid);
    advance(Duration::from_secs(2)).await;
    let _ = timeout(Duration::ZERO, leases.expire()).await;
    leases.register(node("third"), None).unwrap();
}

#[tokio::test]
async fn url_that_is_none_of_a_node_is_refused() {
    let (leases, _) = leases(LeaseRules::default());
    for url in [
        "file:/etc/passwd",
        "echo:",
        "http:",
        "http://",
        "http://user:word@10.0.0.1/v1",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://0.0.0.0:80/v1",
        "http://[::]/v1",
        "http://224.0.0.1/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://169.254.43518/v1",
        "http://metadata.google.internal/v1",
        "http://metadata.google.internal./v1",
    ] {
        let err = leases.register(NodeConfig::new("n", url), None).unwrap_err();
        assert_eq!(err.code(), Code::NodeUrlRefused, "{url}");
    }
    for url in [
        "http://127.0.0.1:8000/v1",
        "http://10.1.2.3/v1",
        "http://[fd00::1]:80/v1",
        "http://gpu-1.models.svc/v1",
    ] {
        leases.register(NodeConfig::new("n", url), None).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn lease_that_ends_leaves_the_node_that_another_source_has_named_since() {
    let (leases, nodes) = leases(LeaseRules::default());
    leases.register(node("n"), None).unwrap();
    nodes.insert(Node::new("n", Scripted::new([Step::Hang])));

    let _ = timeout(LeaseRules::default().time * 2, leases.expire()).await;

    assert_eq!(names(&nodes), ["n"]);
}

#[tokio::test]
async fn lease_of_a_name_that_another_source_has_taken_over_is_neither_renewed_nor_changed() {
    let (leases, nodes) = leases(LeaseRules::default());
    leases.register(node("n"), None).unwrap();
    nodes.insert(Node::new("n", Scripted::new([Step::Hang])));

    assert_eq!(leases.remove("n").unwrap_err().code(), Code::NodeExists, "it stays");
    for again in [node("n"), NodeConfig::new("n", "http://10.9.9.9/v1")] {
        let err = leases.register(again, None).unwrap_err();
        assert_eq!(err.code(), Code::NodeExists);
    }
    nodes.remove("n");

    assert!(!leases.register(node("n"), None).unwrap().renewed, "it was not there");
    assert_eq!(names(&nodes), ["n"]);
}

#[tokio::test(start_paused = true)]
async fn lease_that_is_renewed_for_less_ends_earlier() {
    let (leases, nodes) = leases(LeaseRules::default());
    let [least, most] = Leases::TIMES;
    leases.register(node("n"), Some(most)).unwrap();
    let expiring = leases.clone();
    let expiring = tokio::spawn(async move { expiring.expire().await });
    advance(least).await;

    assert!(leases.register(node("n"), Some(least)).unwrap().renewed);
    tokio::time::sleep(least * 2).await;

    assert!(names(&nodes).is_empty());
    expiring.abort();
}
