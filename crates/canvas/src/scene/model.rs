//! The scene: what a document says, typed and in order.

use serde::{Deserialize, Serialize};

use super::value::{Color, Geom, ItemId, Link, Source};

/// A canvas with its layers, from back to front.
///
/// # Examples
///
/// ```
/// use maily_canvas::Scene;
///
/// let scene = Scene::default();
/// assert_eq!((scene.width, scene.height), (600.0, 800.0));
/// assert_eq!(scene.elements().count(), 0);
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// The title, which becomes the title of an exported page.
    pub title: String,
    /// Width in pixels, 1 to 10 000.
    pub width: f64,
    /// Height in pixels, 1 to 100 000.
    pub height: f64,
    /// The colour behind everything.
    pub background: Color,
    /// The layers, from back to front.
    pub layers: Vec<Layer>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            title: String::new(),
            width: 600.0,
            height: 800.0,
            background: Color::WHITE,
            layers: Vec::new(),
        }
    }
}

impl Scene {
    /// Most elements of a scene.
    pub const MAX_ELEMENTS: usize = 10_000;
    /// Most layers of a scene.
    pub const MAX_LAYERS: usize = 256;
    /// Most bytes of one text.
    pub const MAX_TEXT_BYTES: usize = 100_000;

    /// Iterates over all elements, from back to front.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.layers.iter().flat_map(|layer| &layer.elements)
    }

    /// Iterates over the elements of the layers that are visible, from back to front.
    pub fn visible(&self) -> impl Iterator<Item = &Element> {
        self.layers.iter().filter(|layer| layer.visible).flat_map(|layer| &layer.elements)
    }

    /// Finds an element.
    #[must_use]
    pub fn element(&self, id: &str) -> Option<&Element> {
        self.elements().find(|element| element.id.as_str() == id)
    }
}

/// A layer with its elements, from back to front.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its id.
    pub id: ItemId,
    /// Its name, at most 200 bytes.
    pub name: String,
    /// Its place among the layers: a fractional index.
    pub z: String,
    /// Whether it is drawn.
    pub visible: bool,
    /// Whether editors leave it alone.
    pub locked: bool,
    /// Its elements, from back to front.
    pub elements: Vec<Element>,
}

/// What an element is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// A text that is a link.
    Button,
    /// A line.
    Divider,
    /// A picture.
    Image,
    /// A filled rectangle.
    Shape,
    /// A text.
    Text,
}

impl ElementKind {
    /// Returns the name, as documents spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Divider => "divider",
            Self::Image => "image",
            Self::Shape => "shape",
            Self::Text => "text",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Button, Self::Divider, Self::Image, Self::Shape, Self::Text]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }

    pub(crate) const fn has_text(self) -> bool {
        matches!(self, Self::Button | Self::Text)
    }
}

/// One thing on the canvas.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Its id.
    pub id: ItemId,
    /// What it is.
    pub kind: ElementKind,
    /// The layer it is on.
    pub layer: ItemId,
    /// Where it is.
    pub geom: Geom,
    /// Its place within the layer: a fractional index.
    pub z: String,
    /// The text of a text or a button.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The picture of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<Source>,
    /// What a picture shows, for those who do not see it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alt: String,
    /// Where a button or an image leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub href: Option<Link>,
    /// The colour of the surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<Color>,
    /// The colour of the text or the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// The size of the text, in pixels, 1 to 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<f64>,
    /// Whether editors leave it alone.
    #[serde(default)]
    pub locked: bool,
}

/// An element that is about to be inserted.
///
/// # Examples
///
/// ```
/// use maily_canvas::scene::{ElementKind, Geom, NewElement};
///
/// let title = NewElement::new(ElementKind::Text, Geom::new(24.0, 24.0, 552.0, 48.0))
///     .with_text("Spring sale")
///     .with_size(32.0);
/// assert_eq!(title.text, "Spring sale");
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct NewElement {
    /// Its id; a fresh one if there is none.
    #[serde(default)]
    pub id: Option<ItemId>,
    /// The layer it goes on; a first layer named `Content` if there is none.
    #[serde(default)]
    pub layer: Option<ItemId>,
    /// What it is.
    pub kind: ElementKind,
    /// Where it is.
    pub geom: Geom,
    /// The text of a text or a button.
    #[serde(default)]
    pub text: String,
    /// The picture of an image.
    #[serde(default)]
    pub src: Option<Source>,
    /// What a picture shows, for those who do not see it.
    #[serde(default)]
    pub alt: String,
    /// Where a button or an image leads.
    #[serde(default)]
    pub href: Option<Link>,
    /// The colour of the surface.
    #[serde(default)]
    pub fill: Option<Color>,
    /// The colour of the text or the line.
    #[serde(default)]
    pub color: Option<Color>,
    /// The size of the text, in pixels, 1 to 400.
    #[serde(default)]
    pub size: Option<f64>,
}

impl NewElement {
    /// Creates an element that goes in front of its layer.
    #[must_use]
    pub const fn new(kind: ElementKind, geom: Geom) -> Self {
        Self {
            id: None,
            layer: None,
            kind,
            geom,
            text: String::new(),
            src: None,
            alt: String::new(),
            href: None,
            fill: None,
            color: None,
            size: None,
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(mut self, id: ItemId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the layer, which must exist.
    #[must_use]
    pub fn with_layer(mut self, layer: ItemId) -> Self {
        self.layer = Some(layer);
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Sets the picture and what it shows.
    #[must_use]
    pub fn with_image(mut self, src: Source, alt: impl Into<String>) -> Self {
        self.src = Some(src);
        self.alt = alt.into();
        self
    }

    /// Sets where it leads.
    #[must_use]
    pub fn with_link(mut self, href: Link) -> Self {
        self.href = Some(href);
        self
    }

    /// Sets the colour of the surface.
    #[must_use]
    pub const fn with_fill(mut self, fill: Color) -> Self {
        self.fill = Some(fill);
        self
    }

    /// Sets the colour of the text or the line.
    #[must_use]
    pub const fn with_color(mut self, color: Color) -> Self {
        self.color = Some(color);
        self
    }

    /// Sets the size of the text, in pixels.
    #[must_use]
    pub const fn with_size(mut self, size: f64) -> Self {
        self.size = Some(size);
        self
    }
}
