//! From a file to nodes. Pure but for the one read.

use std::path::Path;

use maily_errors::{Code, Error, Result};
use maily_mesh::NodeConfig;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use crate::FileNodesConfig;

/// Without a default: a file that was cut off at its beginning is no file of no nodes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    nodes: Vec<NodeConfig>,
}

/// Reads the bytes of a file, up to the limit.
pub(crate) async fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        file.take(FileNodesConfig::MAX_BYTES + 1).read_to_end(&mut bytes).await
    };
    let unreadable = |message| {
        Error::new(Code::ConfigUnreadable, message)
            .with_operation("nodes_file::read")
            .with_context("path", path.display())
    };
    match read.await {
        Err(err) => Err(unreadable("the file of the nodes cannot be read").with_source(err)),
        Ok(_) if bytes.len() as u64 > FileNodesConfig::MAX_BYTES => {
            Err(unreadable("the file of the nodes is too large"))
        }
        Ok(_) => Ok(bytes),
    }
}

/// Decodes the nodes of a file.
pub(crate) fn nodes(path: &Path, bytes: &[u8]) -> Result<Vec<NodeConfig>> {
    let invalid = |line: usize, reason: String| {
        Error::new(Code::ConfigInvalid, "the file is no list of nodes")
            .with_operation("nodes_file::read")
            .with_context("path", path.display())
            .with_context("line", line)
            .with_context("reason", reason)
    };
    let list = if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        serde_json::from_slice::<List>(bytes).map_err(|err| invalid(err.line(), err.to_string()))?
    } else {
        let text = str::from_utf8(bytes).map_err(|err| invalid(0, err.to_string()))?;
        toml::from_str::<List>(text).map_err(|err| {
            let line =
                err.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            invalid(line, err.message().to_owned())
        })?
    };
    Ok(list.nodes)
}
