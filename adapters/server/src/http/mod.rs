//! The socket side: who may come in, what is served, and how it ends.

mod files;
mod guard;
mod lane;
mod listen;
mod measure;
mod pages;
mod patience;

pub use self::files::raise_file_limit;
pub use self::guard::Guard;
pub use self::listen::{Running, listen};
pub use self::measure::MeasureLayer;
pub use self::pages::{keep_up, pages, problem_fallback, problem_wrong_method};
