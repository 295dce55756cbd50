//! The scene as SVG.

use std::fmt::{self, Write};

use super::escape::{Escaped, Pixels};
use super::html::ink;
use crate::model::{Mark, Tone};
use crate::scene::{Color, Element, ElementKind, Scene};

/// Draws the scene as SVG, with the marks of overlays on it.
///
/// Texts are broken into lines by an estimate of their width, so that no font is needed. There is no script, no
/// style sheet and no outside file but pictures. Layers that are not visible are left out.
///
/// # Examples
///
/// ```
/// use maily_canvas::{Scene, view};
///
/// assert!(view::svg(&Scene::default(), &[]).contains(r#"viewBox="0 0 600 800""#));
/// ```
#[must_use]
pub fn svg(scene: &Scene, marks: &[Mark]) -> String {
    let mut out = String::with_capacity(4096);
    // Writing to a string does not fail.
    let _ = write_svg(&mut out, scene, marks);
    out
}

fn write_svg(out: &mut String, scene: &Scene, marks: &[Mark]) -> fmt::Result {
    let (width, height) = (Pixels(scene.width), Pixels(scene.height));
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
        Escaped(&scene.title),
        scene.background,
    )?;
    for layer in scene.layers.iter().filter(|layer| layer.visible) {
        writeln!(out, "<g id=\"layer-{}\">", Escaped(layer.id.as_str()))?;
        for element in &layer.elements {
            write_element(out, element, scene.background)?;
        }
        out.write_str("</g>\n")?;
    }
    for mark in marks {
        if let Some(element) = scene.visible().find(|element| element.id.as_str() == mark.element) {
            write_mark(out, element, mark)?;
        }
    }
    out.write_str("</svg>\n")
}

fn write_element(out: &mut String, element: &Element, behind: Color) -> fmt::Result {
    let geom = element.geom;
    let (x, y, w, h) = (Pixels(geom.x), Pixels(geom.y), Pixels(geom.w), Pixels(geom.h));
    let link = element.href.as_ref();
    if let Some(href) = link {
        write!(out, "<a href=\"{}\">", Escaped(href.as_str()))?;
    }
    match element.kind {
        ElementKind::Image => {
            if let Some(src) = &element.src {
                write!(
                    out,
                    "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" href=\"{}\" \
                     preserveAspectRatio=\"xMidYMid slice\"><title>{}</title></image>",
                    Escaped(src.as_str()),
                    Escaped(&element.alt),
                )?;
            }
        }
        ElementKind::Shape => {
            let fill = element.fill.unwrap_or(Color::new(0xe5, 0xe7, 0xeb));
            write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\"/>")?;
        }
        ElementKind::Divider => {
            let (ink, middle) = (ink(element, behind), Pixels(geom.y + geom.h / 2.0));
            let (right, thick) = (Pixels(geom.x + geom.w), Pixels(geom.h.clamp(1.0, 8.0)));
            write!(
                out,
                "<line x1=\"{x}\" y1=\"{middle}\" x2=\"{right}\" y2=\"{middle}\" stroke=\"{ink}\" \
                 stroke-width=\"{thick}\"/>"
            )?;
        }
        ElementKind::Button => {
            let fill = element.fill.unwrap_or(Color::new(0x1d, 0x4e, 0xd8));
            write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"6\" fill=\"{fill}\"/>")?;
            write_text(out, element, ink(element, fill), true)?;
        }
        ElementKind::Text => {
            if let Some(fill) = element.fill {
                write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\"/>")?;
            }
            write_text(out, element, ink(element, behind), false)?;
        }
    }
    out.write_str(if link.is_some() { "</a>\n" } else { "\n" })
}

fn write_text(out: &mut String, element: &Element, ink: Color, centred: bool) -> fmt::Result {
    let geom = element.geom;
    let size = element.size.unwrap_or(16.0);
    let lines = wrap(&element.text, geom.w, size);
    let x = if centred { geom.x + geom.w / 2.0 } else { geom.x };
    let height = lines.len() as f64 * size * LINE;
    let top = if centred { geom.y + ((geom.h - height) / 2.0).max(0.0) } else { geom.y };
    write!(
        out,
        "<text font-family=\"Helvetica,Arial,sans-serif\" font-size=\"{}\" fill=\"{ink}\" text-anchor=\"{}\">",
        Pixels(size),
        if centred { "middle" } else { "start" },
    )?;
    for (index, line) in lines.iter().enumerate() {
        // The base line is about four fifths of the size below the top of a line.
        let y = top + index as f64 * size * LINE + size;
        write!(out, "<tspan x=\"{}\" y=\"{}\">{}</tspan>", Pixels(x), Pixels(y), Escaped(line))?;
    }
    out.write_str("</text>")
}

/// Breaks a text into lines of about this width. A word that is too long stays whole.
fn wrap(text: &str, width: f64, size: f64) -> Vec<String> {
    let room = (width / (size * ADVANCE)).max(1.0);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut length = 0;
        for word in paragraph.split(' ') {
            let word_length = word.chars().count();
            if length > 0 && (length + 1 + word_length) as f64 > room {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
        }
        lines.push(line);
    }
    lines
}

fn write_mark(out: &mut String, element: &Element, mark: &Mark) -> fmt::Result {
    // The sign says it too, for those who do not see the colour.
    let (color, sign) = match mark.tone {
        Tone::Bad => (Color::new(0xb9, 0x1c, 0x1c), "✗"),
        Tone::Good => (Color::new(0x15, 0x80, 0x3d), "✓"),
        Tone::Neutral => (Color::new(0x4b, 0x55, 0x63), "•"),
    };
    let (x, y) = (element.geom.x + element.geom.w, element.geom.y);
    writeln!(
        out,
        "<g data-mark=\"{}\"><title>{label}</title><circle cx=\"{}\" cy=\"{}\" r=\"10\" fill=\"{color}\"/>\
         <text x=\"{}\" y=\"{}\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"12\" fill=\"#ffffff\" \
         text-anchor=\"middle\">{sign}</text></g>",
        Escaped(&mark.element),
        Pixels(x),
        Pixels(y),
        Pixels(x),
        Pixels(y + 4.0),
        label = Escaped(&mark.label),
    )
}

/// Height of a line, in sizes.
const LINE: f64 = 1.4;

/// Mean width of a character, in sizes. Measured over English text in Helvetica.
const ADVANCE: f64 = 0.5;
