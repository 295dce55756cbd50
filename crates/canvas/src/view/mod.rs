//! What a scene looks like: as SVG, and as the HTML of an e-mail.
//!
//! Both are pure functions of a [`Scene`](crate::Scene): the same scene gives the same bytes.
//! Everything that people typed is escaped, and links and pictures were checked when the scene was read, so hostile
//! content shows as text.
//!
//! # Examples
//!
//! ```
//! use maily_canvas::{Scene, view};
//!
//! let scene = Scene { title: "Spring & <summer>".to_owned(), ..Scene::default() };
//! assert!(view::html(&scene).contains("<title>Spring &amp; &lt;summer&gt;</title>"));
//! assert!(view::svg(&scene, &[]).starts_with("<svg "));
//! ```

mod escape;
mod html;
mod rows;
mod svg;
#[cfg(test)]
mod tests;

pub use self::html::html;
pub use self::svg::svg;
