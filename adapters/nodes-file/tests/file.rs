//! A file that changes, also badly.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use maily_mesh::{NodeChange, NodeConfig, NodeSource};
use maily_nodes_file::FileNodesConfig;
use tempfile::TempDir;
use tokio::time::timeout;

type Source = Pin<Box<dyn NodeSource<NodeConfig>>>;

const TWO: &str = "[[nodes]]\nname = \"a\"\nurl = \"echo:\"\n\n[[nodes]]\nname = \"b\"\nurl = \"echo:\"\nmodels = [\"m\"]\n";

fn file(name: &str, text: &str) -> (TempDir, PathBuf, Source) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    write(&path, text);
    let source = FileNodesConfig::new(&path).with_interval(Duration::from_millis(20)).build();
    (folder, path, Box::pin(source))
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// The next change, as `+name`, `-name` or the code of the error.
async fn next(source: &mut Source) -> String {
    match timeout(Duration::from_secs(10), source.next()).await.expect("a change in time").unwrap() {
        Ok(NodeChange::Insert(node)) => format!("+{}", node.name),
        Ok(NodeChange::Remove(name)) => format!("-{name}"),
        Ok(_) => "?".to_owned(),
        Err(err) => err.code().name().to_owned(),
    }
}

#[tokio::test]
async fn change_of_the_file_is_followed_and_nothing_else_is_said() {
    let (_folder, path, mut source) = file("nodes.toml", TWO);
    assert_eq!([next(&mut source).await, next(&mut source).await], ["+a", "+b"]);

    write(&path, &TWO.replace("\"m\"", "\"m\", \"n\"").replace("name = \"a\"", "name = \"c\""));

    let mut changes = [next(&mut source).await, next(&mut source).await, next(&mut source).await];
    changes.sort();
    assert_eq!(changes, ["+b", "+c", "-a"]);
    assert!(timeout(Duration::from_millis(300), source.next()).await.is_err());
}

#[tokio::test]
async fn half_written_file_keeps_the_nodes_and_says_so_once() {
    let (_folder, path, mut source) = file("nodes.toml", TWO);
    assert_eq!([next(&mut source).await, next(&mut source).await], ["+a", "+b"]);

    for half in [&TWO[..TWO.len() - 8], "", "[[nodes]]\nname = \"a\"\n"] {
        write(&path, half);
        assert_eq!(next(&mut source).await, "config-invalid", "{half:?}");
    }
    assert!(timeout(Duration::from_millis(300), source.next()).await.is_err());

    write(&path, TWO);
    assert!(timeout(Duration::from_millis(300), source.next()).await.is_err(), "nothing has changed");
}

#[tokio::test]
async fn file_that_is_gone_or_too_large_keeps_the_nodes() {
    let (_folder, path, mut source) = file("nodes.json", r#"{"nodes":[{"name":"a","url":"echo:"}]}"#);
    assert_eq!(next(&mut source).await, "+a");

    std::fs::remove_file(&path).unwrap();
    assert_eq!(next(&mut source).await, "config-unreadable");
    let limit = usize::try_from(FileNodesConfig::MAX_BYTES).unwrap();
    let list = r#"{"nodes":[{"name":"b","url":"echo:"}]}"#;
    let padded = |length: usize| list.to_owned() + &" ".repeat(length - list.len());
    write(&path, &padded(limit));
    assert_eq!([next(&mut source).await, next(&mut source).await], ["-a", "+b"]);
    write(&path, &padded(limit + 1));
    assert_eq!(next(&mut source).await, "config-unreadable");
}

#[tokio::test]
async fn list_that_is_wrong_says_where() {
    let twice = "[[nodes]]\nname = \"a\"\nurl = \"echo:\"\n[[nodes]]\nname = \"a\"\nurl = \"echo:\"\n";
    let weight = "[[nodes]]\nname = \"a\"\nurl = \"echo:\"\nweight = 1000.0\n";
    let field = "[[nodes]]\nname = \"a\"\nurl = \"echo:\"\nwait = 1\n";
    for text in [twice, weight, field] {
        let (_folder, _, mut source) = file("nodes.toml", text);
        assert_eq!(next(&mut source).await, "config-invalid", "{text}");
    }
    let (_folder, _, mut source) = file("nodes.toml", field);
    let Some(Err(err)) = source.next().await else { panic!("an error") };
    assert!(format!("{err:?}").contains("wait"), "{err:?}");
}
