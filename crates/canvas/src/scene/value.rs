//! The values of a scene, checked when they are made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a value; becomes a violation that names the element.
pub(crate) type Why = &'static str;

macro_rules! text {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns it as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Why> {
                Self::check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Why> {
                Self::check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

text! {
    /// The id of an element or a layer: 1 to 64 ASCII letters, digits, `-`, `_`, `.` or `:`.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_canvas::scene::ItemId;
    ///
    /// assert!("hero-image".parse::<ItemId>().is_ok());
    /// assert!("\"><script>".parse::<ItemId>().is_err());
    /// ```
    ItemId
}

text! {
    /// Where a link leads: `https:`, `http:`, `mailto:` or `tel:`, at most 2 048 bytes, no control character.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_canvas::scene::Link;
    ///
    /// assert!("https://example.com/?a=1".parse::<Link>().is_ok());
    /// assert!("java\tscript:alert(1)".parse::<Link>().is_err());
    /// ```
    Link
}

text! {
    /// Where an image is: `https:`, `cid:`, or a PNG, JPEG, GIF or WebP `data:` URL in base64 of at most 2 MiB.
    ///
    /// An SVG as `data:` URL is refused: it can carry a script.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_canvas::scene::Source;
    ///
    /// assert!("cid:hero@maily".parse::<Source>().is_ok());
    /// assert!("data:image/svg+xml;base64,PHN2Zz4=".parse::<Source>().is_err());
    /// ```
    Source
}

impl ItemId {
    fn check(text: &str) -> Result<(), Why> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if !text.is_empty() && text.len() <= MAX_ID_BYTES && text.bytes().all(allowed) {
            return Ok(());
        }
        Err("an id has 1 to 64 letters, digits, -, _, . or :")
    }
}

impl Link {
    fn check(text: &str) -> Result<(), Why> {
        let schemes = ["https://", "http://", "mailto:", "tel:"];
        if text.len() <= MAX_LINK_BYTES && is_clean(text) && has_scheme(text, &schemes) {
            return Ok(());
        }
        Err("a link is https:, http:, mailto: or tel:, of at most 2048 bytes")
    }
}

impl Source {
    fn check(text: &str) -> Result<(), Why> {
        let schemes = [
            "https://",
            "cid:",
            "data:image/png;base64,",
            "data:image/jpeg;base64,",
            "data:image/gif;base64,",
            "data:image/webp;base64,",
        ];
        if text.len() <= MAX_SOURCE_BYTES && is_clean(text) && has_scheme(text, &schemes) {
            return Ok(());
        }
        Err("an image is https:, cid: or a base64 data: URL of a png, jpeg, gif or webp, of at most 2 MiB")
    }
}

fn is_clean(text: &str) -> bool {
    text.chars().all(|char| !char.is_control() && !char.is_whitespace())
}

fn has_scheme(text: &str, schemes: &[&str]) -> bool {
    let starts =
        |scheme: &&str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    schemes.iter().any(starts)
}

/// A colour: `#rrggbb`.
///
/// # Examples
///
/// ```
/// use maily_canvas::scene::Color;
///
/// let color: Color = "#FF8000".parse()?;
/// assert_eq!(color.to_string(), "#ff8000");
/// assert!("red; }".parse::<Color>().is_err());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color([u8; 3]);

impl Color {
    /// Black.
    pub const BLACK: Self = Self([0, 0, 0]);
    /// White.
    pub const WHITE: Self = Self([255, 255, 255]);

    /// Creates a colour from red, green and blue.
    #[must_use]
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Returns whether white text reads better on it than black.
    ///
    /// Source: WCAG 2.2, relative luminance, with gamma 2.2; the middle of the contrast to black and to white.
    #[must_use]
    pub fn is_dark(self) -> bool {
        let [red, green, blue] = self.0.map(|part| (f64::from(part) / 255.0).powf(2.2));
        0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Color {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Why> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = value.ok_or("a colour is #rrggbb")?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for Color {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Why> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

/// Where an element is, in pixels: left, top, width, height. Travels as one array.
///
/// Each is a finite number from -100 000 to 100 000; width and height are not negative.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "[f64; 4]", into = "[f64; 4]")]
pub struct Geom {
    /// Distance of the left edge from the left of the canvas.
    pub x: f64,
    /// Distance of the top edge from the top of the canvas.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Geom {
    /// Creates a place.
    #[must_use]
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    pub(crate) fn check(self) -> Result<Self, Why> {
        let Self { x, y, w, h } = self;
        let fits = [x, y, w, h].iter().all(|value| value.is_finite() && value.abs() <= MAX_PIXELS);
        if fits && w >= 0.0 && h >= 0.0 {
            return Ok(self);
        }
        Err("geom is [x, y, w, h], each from -100000 to 100000, w and h not negative")
    }
}

impl TryFrom<[f64; 4]> for Geom {
    type Error = &'static str;

    fn try_from([x, y, w, h]: [f64; 4]) -> Result<Self, Why> {
        Self { x, y, w, h }.check()
    }
}

impl From<Geom> for [f64; 4] {
    fn from(geom: Geom) -> Self {
        [geom.x, geom.y, geom.w, geom.h]
    }
}

const MAX_ID_BYTES: usize = 64;
const MAX_LINK_BYTES: usize = 2_048;
const MAX_SOURCE_BYTES: usize = 2 * 1024 * 1024;
const MAX_PIXELS: f64 = 100_000.0;
