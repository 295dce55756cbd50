//! Every decision has the same shape, and is found from the index.

use super::tree::{self, Tree};

/// The headings of a decision, in order.
const HEADINGS: [&str; 6] =
    ["## Question", "## Decision", "## Measured", "## Alternatives", "## Consequences", "## Wrong when"];

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let index = tree.text("docs/adr/README.md").unwrap_or_default();
    for (path, text) in tree.files() {
        let Some(name) = path.strip_prefix("docs/adr/").filter(|name| *name != "README.md") else { continue };
        if !index.contains(&format!("({name})")) {
            found.push(format!("docs/adr/README.md does not list {name}"));
        }
        let number = name.split('-').next().unwrap_or_default();
        if !text.starts_with(&format!("# ADR-{number}: ")) {
            found.push(format!("{path} does not begin with `# ADR-{number}: `"));
        }
        let mut headings = text.lines().filter(|line| line.starts_with("## "));
        if !HEADINGS.iter().all(|wanted| headings.next().is_some_and(|line| line.starts_with(wanted))) {
            found.push(format!("{path} lacks a heading, or has them in another order"));
        }
    }
    found
}

#[test]
fn every_decision_is_listed_and_complete() {
    tree::holds(violations);
}

#[test]
fn decision_that_is_incomplete_is_found() {
    let complete = format!("# ADR-0001: A\n{}\n", HEADINGS.join("\n"));
    let tree = Tree::of([
        ("docs/adr/README.md", "[A](0001-a.md)"),
        ("docs/adr/0001-a.md", complete.as_str()),
        ("docs/adr/0002-b.md", "# ADR-0003: B\n## Question\n"),
    ]);

    assert_eq!(
        violations(&tree),
        [
            "docs/adr/README.md does not list 0002-b.md",
            "docs/adr/0002-b.md does not begin with `# ADR-0002: `",
            "docs/adr/0002-b.md lacks a heading, or has them in another order",
        ],
    );
}
