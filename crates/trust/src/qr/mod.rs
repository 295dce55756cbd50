//! QR codes that lead to a certificate.
//!
//! The code holds a link, not the proof: `https://..` when the service has a public address, else a
//! `maily:` link. The root stands behind `#`, which a browser does not send, so a page can check what its
//! server shows.

use fast_qr::convert::svg::SvgBuilder;
use fast_qr::qr::QRBuilder;
use fast_qr::{ECL, QRCode};
use maily_errors::{Code, Error, Public};

use crate::certificate::Certificate;

/// The most bytes a link may have.
pub const MAX_LINK_BYTES: usize = 1_024;

/// Returns the link of a certificate: `BASE/ID#ROOT`, or `maily:ID#ROOT` without a base.
#[must_use]
pub fn link(base: Option<&str>, certificate: &Certificate) -> String {
    let (id, root) = (certificate.id(), certificate.root());
    match base {
        Some(base) => format!("{}/{id}#{root}", base.trim_end_matches('/')),
        None => format!("maily:{id}#{root}"),
    }
}

/// Draws a link as an SVG picture, black on white, error correction level M.
///
/// # Errors
///
/// [`Code::TooLarge`] over [`MAX_LINK_BYTES`].
///
/// # Examples
///
/// ```
/// let svg = maily_trust::qr::svg("maily:00ff")?;
/// assert!(svg.starts_with("<svg "));
/// # Ok::<(), maily_errors::Error>(())
/// ```
pub fn svg(link: &str) -> Result<String, Error> {
    Ok(SvgBuilder::default().to_str(&code(link)?))
}

/// Returns the modules, row by row, `true` is dark; and how many a row has.
///
/// # Errors
///
/// [`Code::TooLarge`] over [`MAX_LINK_BYTES`].
pub fn modules(link: &str) -> Result<(Vec<bool>, usize), Error> {
    let code = code(link)?;
    let dark = (0..code.size).flat_map(|row| code[row].iter().map(|module| module.value()));
    Ok((dark.collect(), code.size))
}

fn code(link: &str) -> Result<QRCode, Error> {
    let too_large = || {
        Error::new(Code::TooLarge, "the link does not fit a QR code")
            .with_operation("qr::svg")
            .with_context("limit_bytes", Public(MAX_LINK_BYTES))
    };
    if link.len() > MAX_LINK_BYTES {
        return Err(too_large());
    }
    QRBuilder::new(link).ecl(ECL::M).build().map_err(|_| too_large())
}

#[cfg(test)]
mod tests;
