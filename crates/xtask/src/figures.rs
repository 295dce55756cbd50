//! Figures: what was measured, one JSON line each, in `target/figures/AREA.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::project::Project;

/// One measured figure. For every unit of time, less is better.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    /// Which core: `errors`, `mesh`, ...
    pub(crate) area: String,
    /// What was measured.
    pub(crate) what: String,
    /// In which unit.
    pub(crate) unit: String,
    /// Our median; absent when only a peer is named.
    pub(crate) ours: Option<f64>,
    /// The peer's median from the same minutes; absent when it could not be had.
    pub(crate) peer: Option<f64>,
    /// Who the peer is, or why it could not be had.
    pub(crate) peer_name: Option<String>,
    /// The worst value of ours that is still good enough.
    pub(crate) bar: Option<f64>,
    /// Whether ours is good enough; absent without a bar.
    pub(crate) holds: Option<bool>,
}

/// Replaces the figures of an area that have a peer (`peers`), or those that have none.
pub(crate) fn save(project: &Project, area: &str, peers: bool, new: &[Figure]) -> Result<PathBuf, String> {
    let path = project.target.join("figures").join(format!("{area}.jsonl"));
    let old = fs::read_to_string(&path).unwrap_or_default();
    let kept = parse(&old).into_iter().filter(|figure| figure.peer_name.is_some() != peers);
    let mut text = String::new();
    for figure in kept.chain(new.iter().cloned()) {
        text += &serde_json::to_string(&figure).map_err(|err| err.to_string())?;
        text.push('\n');
    }
    fs::create_dir_all(project.target.join("figures")).map_err(|err| err.to_string())?;
    fs::write(&path, text).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok(path)
}

/// Reads the lines that are figures; others are what programs say beside.
pub(crate) fn parse(text: &str) -> Vec<Figure> {
    text.lines().filter_map(|line| serde_json::from_str(line.trim()).ok()).collect()
}

/// Prints figures as a table.
pub(crate) fn print(figures: &[Figure]) {
    println!("{:<44}{:>12}{:>12}{:>8}  {:<8}{:<6}peer", "what", "ours", "peer", "ratio", "unit", "holds");
    for figure in figures {
        let ratio = match (figure.ours, figure.peer) {
            (Some(ours), Some(peer)) if peer > 0.0 => format!("{:.2}", ours / peer),
            _ => String::new(),
        };
        println!(
            "{:<44}{:>12}{:>12}{ratio:>8}  {:<8}{:<6}{}",
            figure.what,
            number(figure.ours),
            number(figure.peer),
            figure.unit,
            figure.holds.map_or("", |holds| if holds { "yes" } else { "NO" }),
            figure.peer_name.as_deref().unwrap_or_default(),
        );
    }
}

/// Says how many bars are held, which are not, and what was left out because it is not there.
///
/// A bar that stands beside several peers is one, and is held if it is held beside all.
pub(crate) fn summary(figures: &[Figure]) -> String {
    let with = |holds: bool| figures.iter().filter(move |figure| figure.holds == Some(holds));
    let missed: BTreeMap<&str, &Figure> = with(false).map(|figure| (&*figure.what, figure)).collect();
    let held: BTreeSet<&str> = with(true).map(|figure| &*figure.what).collect();
    let held = held.iter().filter(|what| !missed.contains_key(*what)).count();
    let mut text = format!("bars: {held} held, {} not held", missed.len());
    for Figure { what, unit, ours, bar, .. } in missed.into_values() {
        text += &format!("\n    not held: {what}: {}, and at most {} {unit}", number(*ours), number(*bar));
    }
    for Figure { what, peer_name, .. } in figures.iter().filter(|it| it.ours.is_none() && it.peer.is_none()) {
        text += &format!("\n    left out: {what}: {}", peer_name.as_deref().unwrap_or("no reason is known"));
    }
    text
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_survives_its_line() {
        let line = r#"{"area":"errors","what":"bare error","unit":"ns","ours":1.5,"peer":80.0,"peer_name":"anyhow 1","bar":80.0,"holds":true}"#;

        let figures = parse(&format!("warming up\n{line}\n"));

        assert_eq!(figures.len(), 1);
        assert_eq!(serde_json::to_string(&figures[0]).unwrap(), line);
    }

    #[test]
    fn bar_is_held_if_it_is_held_beside_every_peer() {
        let line = |what: &str, holds: &str| {
            format!(
                r#"{{"area":"mesh","what":"{what}","unit":"us","ours":2,"peer":4,"peer_name":"p","bar":1.5,"holds":{holds}}}"#
            )
        };
        let missing = r#"{"area":"mesh","what":"nginx","unit":"","ours":null,"peer":null,"peer_name":"needs root","bar":null,"holds":null}"#;
        let lines = [
            line("CPU", "true"),
            line("start", "true"),
            line("CPU", "false"),
            line("p50", "null"),
            line("CPU", "true"),
            missing.to_owned(),
        ];

        let said = summary(&parse(&lines.join("\n")));

        assert_eq!(
            said,
            "bars: 1 held, 1 not held\n    not held: CPU: 2.00, and at most 1.50 us\n    left out: nginx: needs root"
        );
    }

    #[test]
    fn number_shows_three_digits_or_more() {
        assert_eq!(number(Some(1.234)), "1.23");
        assert_eq!(number(Some(1234.5)), "1234");
        assert_eq!(number(None), "-");
    }
}
