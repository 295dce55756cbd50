//! What is on a canvas: layers, elements, their order, and typed edits.
//!
//! The document is three root maps:
//!
//! | root | holds |
//! |---|---|
//! | `elements` | id → map { `kind`, `layer`, `geom` = \[x, y, w, h\], `z`, `text` (shared text), `src`, `alt`, `href`, `fill`, `color`, `size`, `locked` } |
//! | `layers` | id → map { `name`, `z`, `visible`, `locked` } |
//! | `meta` | { `title`, `width`, `height`, `background` } |
//!
//! `geom` is one value, so that two people who drag the same element never tear it. `z` is a fractional index
//! ([`between`]); what is in front is decided by (layer `z`, element `z`, id). A drag that is still going on is
//! presence, and becomes one edit when it ends.

mod edit;
mod model;
mod order;
mod read;
mod value;

pub use self::edit::Meta;
pub use self::model::{Element, ElementKind, Layer, NewElement, Scene};
pub use self::order::between;
pub use self::value::{Color, Geom, ItemId, Link, Source};

pub(crate) use self::edit::set_meta;
pub(crate) use self::edit::{
    append_text, insert_element, insert_layer, move_element, remove_element, set_text,
};
pub(crate) use self::read::read;
