//! Reading a document as a scene.

use std::collections::BTreeMap;
use std::str::FromStr;

use maily_errors::{Code, Error};
use yrs::{Any, GetString, Map, MapRef, Number, Out, ReadTxn};

use super::model::{Element, ElementKind, Layer, Scene};
use super::value::{Geom, ItemId, Why};

/// Reads the scene of a document.
///
/// # Errors
///
/// [`Code::SceneInvalid`] with one violation for each wrong value: the pointer names the element.
pub(crate) fn read<T: ReadTxn>(txn: &T) -> Result<Scene, Error> {
    let mut reader = Reader { txn, wrong: Vec::new() };
    let scene = reader.scene();
    if reader.wrong.is_empty() {
        return Ok(scene);
    }
    let error = Error::from(Code::SceneInvalid).with_operation("scene::read");
    Err(reader
        .wrong
        .into_iter()
        .take(MAX_VIOLATIONS)
        .fold(error, |error, (pointer, why)| error.with_violation(pointer, why)))
}

struct Reader<'a, T> {
    txn: &'a T,
    wrong: Vec<(String, Why)>,
}

impl<T: ReadTxn> Reader<'_, T> {
    fn scene(&mut self) -> Scene {
        let mut scene = Scene::default();
        if let Some(meta) = self.txn.get_map("meta") {
            let at = "/meta";
            scene.title = self.text(&meta, at, "title").unwrap_or_default();
            scene.width = self.number(&meta, at, "width", 1.0, 10_000.0).unwrap_or(scene.width);
            scene.height = self.number(&meta, at, "height", 1.0, 100_000.0).unwrap_or(scene.height);
            scene.background = self.parsed(&meta, at, "background").unwrap_or(scene.background);
        }
        let mut layers = self.layers();
        for element in self.elements() {
            // The layer of a late element may just have been removed: the element is not lost with it.
            let layer = layers.entry(element.layer.clone()).or_insert_with(|| unnamed(&element.layer));
            layer.elements.push(element);
        }
        scene.layers = layers.into_values().collect();
        scene.layers.sort_by(|a, b| (&a.z, &a.id).cmp(&(&b.z, &b.id)));
        for layer in &mut scene.layers {
            layer.elements.sort_by(|a, b| (&a.z, &a.id).cmp(&(&b.z, &b.id)));
        }
        scene
    }

    fn layers(&mut self) -> BTreeMap<ItemId, Layer> {
        let mut layers = BTreeMap::new();
        for (id, at, map) in self.items("layers", Scene::MAX_LAYERS) {
            let layer = Layer {
                name: self.text(&map, &at, "name").unwrap_or_else(|| id.as_str().to_owned()),
                z: self.text(&map, &at, "z").unwrap_or_default(),
                visible: self.flag(&map, &at, "visible").unwrap_or(true),
                locked: self.flag(&map, &at, "locked").unwrap_or(false),
                elements: Vec::new(),
                id: id.clone(),
            };
            layers.insert(id, layer);
        }
        layers
    }

    fn elements(&mut self) -> Vec<Element> {
        let mut elements = Vec::new();
        for (id, at, map) in self.items("elements", Scene::MAX_ELEMENTS) {
            let kind = self.text(&map, &at, "kind").unwrap_or_default();
            let Some(kind) = ElementKind::from_name(&kind) else {
                self.wrong.push((format!("{at}/kind"), "kind is text, image, button, shape or divider"));
                continue;
            };
            let Some(geom) = self.geom(&map, &at) else { continue };
            let Some(layer) = self.parsed(&map, &at, "layer") else {
                self.wrong.push((format!("{at}/layer"), "an element has a layer"));
                continue;
            };
            elements.push(Element {
                kind,
                layer,
                geom,
                z: self.text(&map, &at, "z").unwrap_or_default(),
                text: self.text(&map, &at, "text").unwrap_or_default(),
                src: self.parsed(&map, &at, "src"),
                alt: self.text(&map, &at, "alt").unwrap_or_default(),
                href: self.parsed(&map, &at, "href"),
                fill: self.parsed(&map, &at, "fill"),
                color: self.parsed(&map, &at, "color"),
                size: self.number(&map, &at, "size", 1.0, 400.0),
                locked: self.flag(&map, &at, "locked").unwrap_or(false),
                id,
            });
        }
        elements
    }

    fn items(&mut self, root: &'static str, limit: usize) -> Vec<(ItemId, String, MapRef)> {
        let Some(map) = self.txn.get_map(root) else { return Vec::new() };
        let mut items = Vec::new();
        for (key, value) in map.iter(self.txn) {
            if items.len() >= limit {
                self.wrong.push((format!("/{root}"), "there are too many"));
                break;
            }
            let at = format!("/{root}/{}", pointer(key));
            match (ItemId::from_str(key), value) {
                (Ok(id), Out::YMap(map)) => items.push((id, at, map)),
                (Err(why), _) => self.wrong.push((at, why)),
                (Ok(_), _) => self.wrong.push((at, "it is not a map")),
            }
        }
        items
    }

    fn text(&mut self, map: &MapRef, at: &str, key: &str) -> Option<String> {
        let text = match map.get(self.txn, key)? {
            Out::YText(text) => text.get_string(self.txn),
            Out::Any(Any::String(text)) => (*text).to_owned(),
            Out::Any(Any::Null | Any::Undefined) => return None,
            _ => {
                self.wrong.push((format!("{at}/{key}"), "it is not a text"));
                return None;
            }
        };
        if text.len() > Scene::MAX_TEXT_BYTES && key != "src" {
            self.wrong.push((format!("{at}/{key}"), "a text has at most 100000 bytes"));
            return None;
        }
        Some(text)
    }

    fn parsed<V: FromStr<Err = Why>>(&mut self, map: &MapRef, at: &str, key: &str) -> Option<V> {
        let text = self.text(map, at, key).filter(|text| !text.is_empty())?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong.push((format!("{at}/{key}"), why));
                None
            }
        }
    }

    fn number(&mut self, map: &MapRef, at: &str, key: &str, low: f64, high: f64) -> Option<f64> {
        let value = match map.get(self.txn, key)? {
            Out::Any(Any::Null | Any::Undefined) => return None,
            Out::Any(Any::Number(number)) => Some(float(number)),
            _ => None,
        };
        let fits = value.filter(|value| (low..=high).contains(value));
        if fits.is_none() {
            self.wrong.push((format!("{at}/{key}"), "the number is not in its range"));
        }
        fits
    }

    fn flag(&mut self, map: &MapRef, at: &str, key: &str) -> Option<bool> {
        match map.get(self.txn, key)? {
            Out::Any(Any::Bool(flag)) => Some(flag),
            Out::Any(Any::Null | Any::Undefined) => None,
            _ => {
                self.wrong.push((format!("{at}/{key}"), "it is not true or false"));
                None
            }
        }
    }

    fn geom(&mut self, map: &MapRef, at: &str) -> Option<Geom> {
        let numbers = match map.get(self.txn, "geom") {
            Some(Out::Any(Any::Array(values))) => values
                .iter()
                .map(|value| if let Any::Number(n) = value { float(*n) } else { f64::NAN })
                .collect(),
            _ => Vec::new(),
        };
        let numbers = <[f64; 4]>::try_from(numbers).unwrap_or([f64::NAN; 4]);
        match Geom::try_from(numbers) {
            Ok(geom) => Some(geom),
            Err(why) => {
                self.wrong.push((format!("{at}/geom"), why));
                None
            }
        }
    }
}

fn unnamed(id: &ItemId) -> Layer {
    Layer {
        name: id.as_str().to_owned(),
        z: String::new(),
        visible: true,
        locked: false,
        elements: Vec::new(),
        id: id.clone(),
    }
}

fn float(number: Number) -> f64 {
    match number {
        Number::Float(value) => value,
        #[expect(clippy::cast_precision_loss, reason = "a pixel count; the range check comes after")]
        Number::Int(value) => value as f64,
    }
}

/// Escapes a key for a JSON Pointer (RFC 6901), and shortens a hostile one.
fn pointer(key: &str) -> String {
    key.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}

/// Most violations that one error names.
const MAX_VIOLATIONS: usize = 20;
