//! The comment that tells a reader of events where another node went on.

use serde::{Deserialize, Serialize};

use super::json::Object;
use crate::model::NodeName;

/// Where another node goes on with an answer that broke off at the one before.
///
/// On the wire it is a comment in front of the next event, which clients read over; whoever decodes the answer gets it as
/// [`Delta::Resumed`](crate::Delta::Resumed).
///
/// # Examples
///
/// ```
/// use maily_mesh::wire::Resumed;
///
/// let resumed = Resumed { after: 17, node: "gpu-2".into(), attempt: Some(2) };
///
/// let comment = resumed.comment();
/// assert_eq!(comment, ": mesh.resumed {\"after\":17,\"node\":\"gpu-2\",\"attempt\":2}\n");
/// assert_eq!(Resumed::read(comment.trim_start_matches(": ").trim_end()), Some(resumed));
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Resumed {
    /// How many pieces of text the reader has.
    #[serde(default)]
    pub after: u32,
    /// The node that goes on; empty if it has no name.
    #[serde(default = "unnamed")]
    pub node: NodeName,
    /// The attempt that it is, if somebody counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

impl Resumed {
    /// Writes the comment, with the end of its line.
    #[must_use]
    pub fn comment(&self) -> String {
        let json = Object::new().number("after", self.after).text("node", self.node.as_str());
        let json = self.attempt.into_iter().fold(json, |json, attempt| json.number("attempt", attempt));
        format!(": {NAME}{}\n", json.end())
    }

    /// Reads what a comment says behind its colon and blank; a comment of somebody else says nothing.
    #[must_use]
    pub fn read(comment: &str) -> Option<Self> {
        serde_json::from_str(comment.strip_prefix(NAME)?).ok()
    }

    /// Whether a comment may be one.
    pub(super) fn begins(comment: &str) -> bool {
        comment.starts_with(NAME)
    }
}

fn unnamed() -> NodeName {
    NodeName::new("")
}

const NAME: &str = "mesh.resumed ";
