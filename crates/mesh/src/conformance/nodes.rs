//! The rules of the [`NodeSource`] port. The source must name at least one node, and nothing may change it meanwhile.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::NodeConfig;
use crate::model::Origin;
use crate::port::{NodeChange, NodeSource};

/// The first thing that a source says is a node that is there.
pub async fn what_is_there_is_inserted_first(source: impl NodeSource<NodeConfig>) {
    let mut source = pin!(source);

    let first = timeout(Duration::from_secs(10), source.next()).await.expect("the source says nothing");

    let Some(Ok(NodeChange::Insert(node))) = first else { panic!("the source does not begin with a node") };
    node.check().expect("the settings of a node are in their ranges");
}

/// Its nodes are said to be from there, and not from the settings.
pub async fn node_has_the_name_of_its_source(source: impl NodeSource<NodeConfig>) {
    let mut source = pin!(source);

    let first = timeout(Duration::from_secs(10), source.next()).await.expect("the source says nothing");

    let Some(Ok(NodeChange::Insert(node))) = first else { panic!("the source does not begin with a node") };
    assert_ne!(node.origin, Origin::STATIC, "the source does not name itself");
}

/// A node that stays as it is is not said again.
pub async fn node_is_inserted_once_while_nothing_changes(source: impl NodeSource<NodeConfig>) {
    let mut source = pin!(source);
    let mut names = HashSet::new();

    let end = Instant::now() + Duration::from_secs(2);
    while let Ok(Some(change)) = timeout_at(end, source.next()).await {
        match change.expect("the source knows") {
            NodeChange::Insert(node) => {
                assert!(names.insert(node.name.clone()), "{} is said twice", node.name)
            }
            NodeChange::Remove(name) => panic!("{name} is removed, and was there"),
        }
    }
    assert!(!names.is_empty(), "the source names no node");
}
