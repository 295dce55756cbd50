//! Ours beside others: `peers AREA` prints one JSON line for each comparison.

mod areas;
mod component;
mod contest;
mod random;

use std::process::ExitCode;

fn main() -> ExitCode {
    for area in std::env::args().skip(1) {
        match area.as_str() {
            "errors" => areas::errors::run(),
            "failover" => areas::failover::run(),
            "local" => areas::local::run(),
            "mesh" => areas::mesh::run(),
            "recall" => areas::recall::run(),
            "redis" => areas::redis::run(),
            "trust" => areas::trust::run(),
            unknown => {
                eprintln!("there is no area `{unknown}`");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
