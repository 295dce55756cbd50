//! `cargo xtask bench`: our own figures.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::Outcome;
use crate::figures::{self, Figure};
use crate::nearest::nearest;
use crate::project::Project;
use crate::shell::Log;

/// Runs the benches of the named areas, or all.
pub(crate) fn run(project: &Project, args: &[String]) -> Outcome {
    let known = crate::stages::sources(&project.root.join("benches"))?;
    let areas = choose(&known, args)?;
    for area in areas {
        let start = SystemTime::now();
        let log = Log::create(project.logs().join(format!("bench-{area}.log")))?;
        let mut command = project.cargo();
        command.args(["bench", "--package", "maily", "--all-features", "--bench", area]);
        let label = format!("cargo bench {area}");
        log.run(&label, &mut command)?.success(&label)?;
        let found = measured(&project.target.join("criterion"), area, start)?;
        let path = figures::save(project, area, false, &found)?;
        figures::print(&found);
        println!("{} figures in {}\n", found.len(), path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the areas that are named, or all.
pub(crate) fn choose<'a>(known: &'a [String], args: &'a [String]) -> Result<Vec<&'a String>, String> {
    if let Some(unknown) = args.iter().find(|arg| !known.contains(arg)) {
        return Err(nearest("area", unknown, known.iter().map(String::as_str)));
    }
    Ok(if args.is_empty() { known.iter().collect() } else { args.iter().collect() })
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// Reads what criterion wrote below a folder since `start`.
fn measured(folder: &Path, area: &str, start: SystemTime) -> Result<Vec<Figure>, String> {
    let mut found = Vec::new();
    collect(folder, area, start, &mut found)?;
    found.sort_by(|left, right| left.what.cmp(&right.what));
    Ok(found)
}

fn collect(folder: &Path, area: &str, start: SystemTime, found: &mut Vec<Figure>) -> Result<(), String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if path.ends_with("new") {
            found.extend(figure(&path, area, start)?);
        } else {
            collect(&path, area, start, found)?;
        }
    }
    Ok(())
}

fn figure(folder: &Path, area: &str, start: SystemTime) -> Result<Option<Figure>, String> {
    let path = folder.join("estimates.json");
    // A file system may round its times down.
    let fresh = |time: SystemTime| time + Duration::from_secs(1) >= start;
    if !fs::metadata(&path).and_then(|data| data.modified()).is_ok_and(fresh) {
        return Ok(None);
    }
    let estimates: Estimates = json(&path)?;
    let benchmark: Benchmark = json(&folder.join("benchmark.json"))?;
    Ok(Some(Figure {
        area: area.to_owned(),
        what: benchmark.full_id,
        unit: "ns".to_owned(),
        ours: Some(estimates.median.point_estimate),
        peer: None,
        peer_name: None,
        bar: None,
        holds: None,
    }))
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let text = fs::read_to_string(path).map_err(|err| format!("{}: {err}", path.display()))?;
    serde_json::from_str(&text).map_err(|err| format!("{}: {err}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criterion_files_become_figures_once() {
        let folder = std::env::temp_dir().join(format!("maily-bench-{}", std::process::id()));
        let new = folder.join("error/bare/new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("benchmark.json"), r#"{"group_id":"error","full_id":"error/bare"}"#).unwrap();
        fs::write(new.join("estimates.json"), r#"{"median":{"point_estimate":1.25}}"#).unwrap();

        let fresh = measured(&folder, "errors", SystemTime::UNIX_EPOCH);
        let stale = measured(&folder, "errors", SystemTime::now() + Duration::from_secs(60));
        fs::remove_dir_all(&folder).unwrap();

        let fresh = fresh.unwrap();
        assert_eq!((fresh.len(), fresh[0].ours), (1, Some(1.25)));
        assert_eq!(fresh[0].what, "error/bare");
        assert!(stale.unwrap().is_empty());
    }

    #[test]
    fn unknown_area_is_answered_with_the_nearest() {
        let known = ["errors".to_owned(), "mesh".to_owned()];

        assert!(choose(&known, &["eror".to_owned()]).unwrap_err().contains("`errors`"));
    }
}
