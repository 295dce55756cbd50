//! Typed edits of a document. Each checks first and changes after, so that an error leaves the document as it was.

use maily_errors::{Code, Error};
use serde::{Deserialize, Serialize};
use yrs::{
    Any, GetString, Map, MapPrelim, MapRef, Out, ReadTxn, Text, TextPrelim, TextRef, TransactionMut, WriteTxn,
};

use super::between;
use super::model::{NewElement, Scene};
use super::value::{Color, Geom, ItemId, Why};

/// What is known of the whole canvas; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Meta {
    /// The title.
    pub title: Option<String>,
    /// Width in pixels, 1 to 10 000.
    pub width: Option<f64>,
    /// Height in pixels, 1 to 100 000.
    pub height: Option<f64>,
    /// The colour behind everything.
    pub background: Option<Color>,
}

pub(crate) fn set_meta(txn: &mut TransactionMut<'_>, meta: &Meta) -> Result<(), Error> {
    if let Some(title) = &meta.title {
        check_text(title, "/meta/title")?;
    }
    range(meta.width, 1.0, 10_000.0, "/meta/width")?;
    range(meta.height, 1.0, 100_000.0, "/meta/height")?;
    let map = txn.get_or_insert_map("meta");
    if let Some(title) = &meta.title {
        map.try_update(txn, "title", title.as_str());
    }
    if let Some(width) = meta.width {
        map.try_update(txn, "width", width);
    }
    if let Some(height) = meta.height {
        map.try_update(txn, "height", height);
    }
    if let Some(background) = meta.background {
        map.try_update(txn, "background", background.to_string());
    }
    Ok(())
}

pub(crate) fn insert_layer(
    txn: &mut TransactionMut<'_>,
    id: Option<ItemId>,
    name: &str,
) -> Result<ItemId, Error> {
    check_text(name, "/layers")?;
    let layers = txn.get_or_insert_map("layers");
    if layers.len(txn) as usize >= Scene::MAX_LAYERS {
        return Err(invalid("/layers", "there are too many"));
    }
    let id = id.map_or_else(fresh, Ok)?;
    if layers.contains_key(txn, id.as_str()) {
        return Err(
            Error::new(Code::Conflict, "the layer exists already").with_operation("scene::insert_layer")
        );
    }
    let z = between(front(txn, &layers, None).as_deref(), None);
    let fields: [(&str, Any); 4] =
        [("name", name.into()), ("z", z.into()), ("visible", true.into()), ("locked", false.into())];
    layers.insert(txn, id.as_str(), MapPrelim::from(fields));
    Ok(id)
}

pub(crate) fn insert_element(txn: &mut TransactionMut<'_>, new: NewElement) -> Result<ItemId, Error> {
    let id = new.id.map_or_else(fresh, Ok)?;
    let at = format!("/elements/{id}");
    new.geom.check().map_err(|why| invalid(&format!("{at}/geom"), why))?;
    range(new.size, 1.0, 400.0, &format!("{at}/size"))?;
    check_text(&new.text, &format!("{at}/text"))?;
    check_text(&new.alt, &format!("{at}/alt"))?;
    let elements = txn.get_or_insert_map("elements");
    if elements.len(txn) as usize >= Scene::MAX_ELEMENTS {
        return Err(invalid("/elements", "there are too many"));
    }
    if elements.contains_key(txn, id.as_str()) {
        return Err(
            Error::new(Code::Conflict, "the element exists already").with_operation("scene::insert_element")
        );
    }
    let layer = layer(txn, new.layer, &at)?;
    let z = between(front(txn, &elements, Some(&layer)).as_deref(), None);

    let element = elements.insert(txn, id.as_str(), MapPrelim::default());
    element.insert(txn, "kind", new.kind.as_str());
    element.insert(txn, "layer", layer.as_str());
    element.insert(txn, "z", z);
    put_geom(txn, &element, new.geom);
    if new.kind.has_text() {
        element.insert(txn, "text", TextPrelim::new(new.text));
    }
    if let Some(src) = new.src {
        element.insert(txn, "src", src.as_str());
    }
    if !new.alt.is_empty() {
        element.insert(txn, "alt", new.alt);
    }
    if let Some(href) = new.href {
        element.insert(txn, "href", href.as_str());
    }
    if let Some(fill) = new.fill {
        element.insert(txn, "fill", fill.to_string());
    }
    if let Some(color) = new.color {
        element.insert(txn, "color", color.to_string());
    }
    if let Some(size) = new.size {
        element.insert(txn, "size", size);
    }
    Ok(id)
}

pub(crate) fn set_text(txn: &mut TransactionMut<'_>, id: &ItemId, text: &str) -> Result<(), Error> {
    check_text(text, &format!("/elements/{id}/text"))?;
    let shared = shared_text(txn, id)?;
    let old = shared.get_string(txn);
    // What stays the same at both ends stays the same item, so that the cursors of others stay where they are.
    let head = common(old.chars(), text.chars());
    let tail = common(old[head..].chars().rev(), text[head..].chars().rev());
    let (removed, added) = (&old[head..old.len() - tail], &text[head..text.len() - tail]);
    let at = utf16(&old[..head]);
    shared.remove_range(txn, at, utf16(removed));
    shared.insert(txn, at, added);
    Ok(())
}

pub(crate) fn append_text(txn: &mut TransactionMut<'_>, id: &ItemId, text: &str) -> Result<(), Error> {
    let shared = shared_text(txn, id)?;
    // UTF-16 units are at most as many as bytes, so this is never too strict by more than the script demands.
    if shared.len(txn) as usize + text.len() > Scene::MAX_TEXT_BYTES {
        return Err(invalid(&format!("/elements/{id}/text"), TOO_LONG));
    }
    shared.push(txn, text);
    Ok(())
}

pub(crate) fn move_element(txn: &mut TransactionMut<'_>, id: &ItemId, geom: Geom) -> Result<(), Error> {
    let geom = geom.check().map_err(|why| invalid(&format!("/elements/{id}/geom"), why))?;
    let element = find(txn, id)?;
    put_geom(txn, &element, geom);
    Ok(())
}

pub(crate) fn remove_element(txn: &mut TransactionMut<'_>, id: &ItemId) -> Result<(), Error> {
    find(txn, id)?;
    let elements = txn.get_or_insert_map("elements");
    elements.remove(txn, id.as_str());
    Ok(())
}

fn layer(txn: &mut TransactionMut<'_>, wanted: Option<ItemId>, at: &str) -> Result<ItemId, Error> {
    let layers = txn.get_or_insert_map("layers");
    match wanted {
        Some(id) if layers.contains_key(txn, id.as_str()) => Ok(id),
        Some(_) => Err(invalid(&format!("{at}/layer"), "there is no such layer")),
        None => match front_id(txn, &layers) {
            Some(id) => Ok(id),
            // A fixed id: two people who begin at once begin on the same layer.
            None => insert_layer(txn, Some("content".parse().map_err(|why| invalid(at, why))?), "Content"),
        },
    }
}

fn put_geom(txn: &mut TransactionMut<'_>, element: &MapRef, geom: Geom) {
    let numbers: Vec<Any> = <[f64; 4]>::from(geom).into_iter().map(Any::from).collect();
    element.insert(txn, "geom", Any::from(numbers));
}

fn find<T: ReadTxn>(txn: &T, id: &ItemId) -> Result<MapRef, Error> {
    let element = txn.get_map("elements").and_then(|elements| elements.get(txn, id.as_str()));
    match element {
        Some(Out::YMap(element)) => Ok(element),
        _ => Err(Error::new(Code::NotFound, "there is no such element")
            .with_operation("scene::edit")
            .with_violation(format!("/elements/{id}"), "there is no such element")),
    }
}

fn shared_text(txn: &mut TransactionMut<'_>, id: &ItemId) -> Result<TextRef, Error> {
    let element = find(txn, id)?;
    match element.get(txn, "text") {
        Some(Out::YText(text)) => Ok(text),
        None => Ok(element.insert(txn, "text", TextPrelim::new(""))),
        Some(_) => Err(invalid(&format!("/elements/{id}/text"), "it is not a shared text")),
    }
}

/// The highest `z` of a map of items, of one layer if it is given.
fn front<T: ReadTxn>(txn: &T, items: &MapRef, layer: Option<&ItemId>) -> Option<String> {
    let on_layer =
        |item: &MapRef| layer.is_none_or(|id| text_of(txn, item, "layer").as_deref() == Some(id.as_str()));
    items
        .iter(txn)
        .filter_map(|(_, value)| match value {
            Out::YMap(item) if on_layer(&item) => text_of(txn, &item, "z"),
            _ => None,
        })
        .max()
}

fn front_id<T: ReadTxn>(txn: &T, layers: &MapRef) -> Option<ItemId> {
    let ranked = layers.iter(txn).filter_map(|(key, value)| match value {
        Out::YMap(item) => Some((text_of(txn, &item, "z").unwrap_or_default(), key.parse().ok()?)),
        _ => None,
    });
    ranked.max().map(|(_, id)| id)
}

fn text_of<T: ReadTxn>(txn: &T, item: &MapRef, key: &str) -> Option<String> {
    match item.get(txn, key) {
        Some(Out::Any(Any::String(text))) => Some((*text).to_owned()),
        _ => None,
    }
}

fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

fn utf16(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

fn fresh() -> Result<ItemId, Error> {
    format!("e{:016x}", rand::random::<u64>()).parse().map_err(|why| invalid("/id", why))
}

fn check_text(text: &str, at: &str) -> Result<(), Error> {
    if text.len() <= Scene::MAX_TEXT_BYTES { Ok(()) } else { Err(invalid(at, TOO_LONG)) }
}

fn range(value: Option<f64>, low: f64, high: f64, at: &str) -> Result<(), Error> {
    if value.is_none_or(|value| (low..=high).contains(&value)) {
        return Ok(());
    }
    Err(invalid(at, "the number is not in its range"))
}

fn invalid(at: &str, why: Why) -> Error {
    Error::from(Code::SceneInvalid).with_operation("scene::edit").with_violation(at, why)
}

const TOO_LONG: Why = "a text has at most 100000 bytes";
