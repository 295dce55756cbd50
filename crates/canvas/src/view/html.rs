//! The scene as the HTML of an e-mail.

use std::fmt::{self, Write};

use super::escape::{Escaped, Pixels};
use super::rows::{Row, rows};
use crate::scene::{Color, Element, ElementKind, Scene};

/// Writes the scene as the HTML of an e-mail.
///
/// What mail programs agree on: tables, inline styles, no script, no outside file but pictures. On a narrow screen
/// the columns of a row go below each other. Text and the colour behind it are always set together, so that a
/// program that darkens pages changes both or none. Layers that are not visible are left out.
///
/// Runs in O(n log n) for n elements.
///
/// # Examples
///
/// ```
/// use maily_canvas::{Scene, view};
///
/// let page = view::html(&Scene::default());
/// assert!(page.starts_with("<!doctype html>"));
/// assert!(page.contains(r#"role="presentation""#));
/// ```
#[must_use]
pub fn html(scene: &Scene) -> String {
    let mut page = String::with_capacity(4096);
    // Writing to a string does not fail.
    let _ = write_page(&mut page, scene);
    page
}

fn write_page(out: &mut String, scene: &Scene) -> fmt::Result {
    let width = Pixels(scene.width.round());
    let ground = scene.background;
    write!(
        out,
        "<!doctype html>\n<html lang=\"und\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body style=\"margin:0;padding:0;background-color:{ground}\" bgcolor=\"{ground}\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n<tr>\
         <td align=\"center\" bgcolor=\"{ground}\" style=\"background-color:{ground}\">\n\
         <table role=\"presentation\" class=\"page\" width=\"{width}\" cellpadding=\"0\" cellspacing=\"0\" \
         border=\"0\" style=\"width:100%;max-width:{width}px\">\n",
        Escaped(&scene.title)
    )?;
    let mut bottom = 0.0;
    for row in rows(scene) {
        gap(out, row.top - bottom, row.behind)?;
        bottom = row.bottom;
        write_row(out, scene, &row)?;
    }
    out.write_str("</table>\n</td></tr>\n</table>\n</body>\n</html>\n")
}

fn gap(out: &mut String, height: f64, behind: Color) -> fmt::Result {
    if height < 1.0 {
        return Ok(());
    }
    let height = Pixels(height.min(MAX_GAP).round());
    writeln!(
        out,
        "<tr><td height=\"{height}\" bgcolor=\"{behind}\" style=\"height:{height}px;line-height:{height}px;\
         font-size:0;background-color:{behind}\">&nbsp;</td></tr>"
    )
}

fn write_row(out: &mut String, scene: &Scene, row: &Row<'_>) -> fmt::Result {
    let behind = row.behind;
    write!(
        out,
        "<tr><td bgcolor=\"{behind}\" style=\"background-color:{behind}\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>"
    )?;
    let mut right = 0.0;
    for element in &row.columns {
        let left = element.geom.x.max(0.0);
        if left - right >= 1.0 {
            let width = percent(left - right, scene.width);
            write!(out, "<td class=\"gap\" width=\"{width}%\" style=\"font-size:0\">&nbsp;</td>")?;
        }
        let width = percent(element.geom.w, scene.width);
        write!(out, "<td class=\"col\" width=\"{width}%\" valign=\"top\" style=\"width:{width}%\">")?;
        write_element(out, element, behind)?;
        out.write_str("</td>")?;
        right = left + element.geom.w;
    }
    if scene.width - right >= 1.0 {
        let width = percent(scene.width - right, scene.width);
        write!(out, "<td class=\"gap\" width=\"{width}%\" style=\"font-size:0\">&nbsp;</td>")?;
    }
    out.write_str("</tr></table></td></tr>\n")
}

fn write_element(out: &mut String, element: &Element, behind: Color) -> fmt::Result {
    match element.kind {
        ElementKind::Text => {
            let (size, ink) = (Pixels(element.size.unwrap_or(16.0)), ink(element, behind));
            let ground = element.fill.unwrap_or(behind);
            write!(
                out,
                "<div style=\"font-family:{FONT};font-size:{size}px;line-height:1.4;color:{ink};\
                 background-color:{ground};word-break:break-word\">"
            )?;
            lines(out, &element.text)?;
            out.write_str("</div>")
        }
        ElementKind::Button => {
            let fill = element.fill.unwrap_or(Color::new(0x1d, 0x4e, 0xd8));
            let (size, ink) = (Pixels(element.size.unwrap_or(16.0)), ink(element, fill));
            write!(
                out,
                "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>\
                 <td align=\"center\" bgcolor=\"{fill}\" style=\"background-color:{fill};border-radius:6px\">"
            )?;
            let style = format!(
                "display:block;padding:12px 20px;font-family:{FONT};font-size:{size}px;color:{ink};\
                 background-color:{fill};border-radius:6px;text-decoration:none"
            );
            match &element.href {
                Some(href) => write!(out, "<a href=\"{}\" style=\"{style}\">", Escaped(href.as_str()))?,
                None => write!(out, "<span style=\"{style}\">")?,
            }
            lines(out, &element.text)?;
            out.write_str(if element.href.is_some() { "</a>" } else { "</span>" })?;
            out.write_str("</td></tr></table>")
        }
        ElementKind::Image => {
            let Some(src) = &element.src else { return Ok(()) };
            if let Some(href) = &element.href {
                write!(out, "<a href=\"{}\">", Escaped(href.as_str()))?;
            }
            let width = Pixels(element.geom.w.round());
            write!(
                out,
                "<img src=\"{}\" alt=\"{}\" width=\"{width}\" border=\"0\" \
                 style=\"display:block;width:100%;max-width:{width}px;height:auto;border:0\">",
                Escaped(src.as_str()),
                Escaped(&element.alt),
            )?;
            out.write_str(if element.href.is_some() { "</a>" } else { "" })
        }
        ElementKind::Shape => {
            let (fill, height) =
                (element.fill.unwrap_or(behind), Pixels(element.geom.h.min(MAX_GAP).round()));
            write!(out, "<div style=\"height:{height}px;font-size:0;background-color:{fill}\">&nbsp;</div>")
        }
        ElementKind::Divider => {
            let (ink, height) = (ink(element, behind), Pixels(element.geom.h.clamp(1.0, 8.0)));
            write!(
                out,
                "<div style=\"border-top:{height}px solid {ink};font-size:0;line-height:0\">&nbsp;</div>"
            )
        }
    }
}

fn lines(out: &mut String, text: &str) -> fmt::Result {
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            out.write_str("<br>")?;
        }
        write!(out, "{}", Escaped(line))?;
    }
    Ok(())
}

/// The colour of the text: its own, or the one that can be read on what is behind it.
pub(crate) fn ink(element: &Element, behind: Color) -> Color {
    let ground = element.fill.unwrap_or(behind);
    let readable = if ground.is_dark() { Color::WHITE } else { Color::new(0x1a, 0x1a, 0x1a) };
    element.color.unwrap_or(readable)
}

fn percent(part: f64, whole: f64) -> Pixels {
    Pixels((part / whole * 100.0).clamp(0.0, 100.0))
}

const FONT: &str = "Helvetica,Arial,sans-serif";

/// A gap larger than this is a mistake on the canvas, not in the mail, in pixels.
const MAX_GAP: f64 = 2_000.0;

const STYLE: &str = "img{-ms-interpolation-mode:bicubic}\
    @media (max-width:480px){.page{width:100%!important}\
    .col{display:block!important;width:100%!important;box-sizing:border-box}\
    .col img{max-width:100%!important}.gap{display:none!important}}";
