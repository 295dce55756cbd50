//! `cargo xtask assets`: the files of the local models, with a progress bar.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::assets::{self, Progress};
use crate::project::Project;
use crate::shell::clock;

/// Fetches what is missing, or with `--check` only names it.
pub(crate) fn run(project: &Project, args: &[String]) -> Outcome {
    if !args.iter().any(|arg| arg == "--check") {
        return models(project).map(|()| ExitCode::SUCCESS);
    }
    let missing = assets::missing(&project.cache)?;
    for file in &missing {
        println!("missing: {file}");
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fetches what is missing and prints one line.
pub(crate) fn models(project: &Project) -> Result<(), String> {
    let start = Instant::now();
    let mut bar = Bar::new();
    let fetched = assets::fetch(&project.cache, |progress| bar.draw(progress));
    bar.clear();
    let fetched = fetched?;
    let what = match fetched.fetched {
        0 => format!("there, in {}", fetched.folder.display()),
        count => format!("{count} files fetched into {}", fetched.folder.display()),
    };
    println!("{:<10}{what:<44}{:>12}", "models", clock(start.elapsed()));
    Ok(())
}

/// A line that is drawn over on a terminal, and repeated now and then elsewhere.
struct Bar {
    terminal: bool,
    drawn: Option<Instant>,
}

impl Bar {
    fn new() -> Self {
        Self { terminal: stdout().is_terminal(), drawn: None }
    }

    fn draw(&mut self, progress: Progress<'_>) {
        let pause = if self.terminal { Duration::ZERO } else { Duration::from_secs(10) };
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < pause) {
            return;
        }
        self.drawn = Some(Instant::now());
        let text = line(progress);
        if self.terminal {
            print!("\r\x1b[K{text}");
            // A terminal that cannot be written to shows nothing; the fetch goes on.
            stdout().flush().ok();
        } else {
            println!("    {text}");
        }
    }

    fn clear(&self) {
        if self.terminal && self.drawn.is_some() {
            print!("\r\x1b[K");
        }
    }
}

/// Shows `[#####               ]  25 %  24.1 of 98.4 MB  model.gguf`.
fn line(progress: Progress<'_>) -> String {
    let Progress { file, done, total } = progress;
    let share = done.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
    let filled = usize::try_from(share).unwrap_or(100) * WIDTH / 100;
    let megabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
    format!(
        "[{}{}] {share:>3} %  {} of {} MB  {file}",
        "#".repeat(filled),
        " ".repeat(WIDTH - filled),
        megabytes(done),
        megabytes(total),
    )
}

/// Characters of a full bar.
const WIDTH: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_shows_share_and_megabytes() {
        let half = line(Progress { file: "model.gguf", done: 49_250_000, total: 98_500_000 });

        assert_eq!(half, "[##########          ]  50 %  49.2 of 98.5 MB  model.gguf");
    }

    #[test]
    fn empty_file_is_complete() {
        let full = line(Progress { file: "empty", done: 0, total: 0 });

        assert_eq!(full, "[####################] 100 %  0.0 of 0.0 MB  empty");
    }
}
