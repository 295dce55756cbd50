//! From a free canvas to the rows and columns that an e-mail has.

use crate::scene::{Color, Element, ElementKind, Scene};

/// Elements that are beside each other.
pub(crate) struct Row<'a> {
    /// From left to right.
    pub(crate) columns: Vec<&'a Element>,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    /// The colour behind them: the frontmost shape that covers the row, or the canvas.
    pub(crate) behind: Color,
}

/// Cuts the visible elements into rows, from top to bottom.
///
/// Two elements are beside each other when they share at least half of the lower one's height. A shape that covers
/// others is what is behind them, and no column of its own.
pub(crate) fn rows(scene: &Scene) -> Vec<Row<'_>> {
    let visible: Vec<&Element> = scene.visible().collect();
    let is_behind = |shape: &Element| {
        shape.kind == ElementKind::Shape
            && visible.iter().any(|other| other.kind != ElementKind::Shape && covers(shape, other))
    };
    let (behind, mut columns): (Vec<&Element>, Vec<&Element>) =
        visible.iter().copied().partition(|element| is_behind(element));
    columns.sort_by(|a, b| a.geom.y.total_cmp(&b.geom.y).then(a.geom.x.total_cmp(&b.geom.x)));

    let mut rows: Vec<Row<'_>> = Vec::new();
    for element in columns {
        let (top, bottom) = (element.geom.y, element.geom.y + element.geom.h);
        match rows.last_mut() {
            Some(row)
                if row.bottom.min(bottom) - top
                    >= 0.5 * (bottom - top).min(row.bottom - row.top).max(1.0) =>
            {
                row.bottom = row.bottom.max(bottom);
                row.columns.push(element);
            }
            _ => rows.push(Row { columns: vec![element], top, bottom, behind: scene.background }),
        }
    }
    for row in &mut rows {
        row.columns.sort_by(|a, b| a.geom.x.total_cmp(&b.geom.x));
        let covering = behind.iter().rev().find(|shape| row.columns.iter().all(|other| covers(shape, other)));
        row.behind = covering.and_then(|shape| shape.fill).unwrap_or(row.behind);
    }
    rows
}

fn covers(shape: &Element, other: &Element) -> bool {
    let (a, b) = (shape.geom, other.geom);
    let slack = 1.0;
    a.x <= b.x + slack
        && a.y <= b.y + slack
        && a.x + a.w >= b.x + b.w - slack
        && a.y + a.h >= b.y + b.h - slack
}
