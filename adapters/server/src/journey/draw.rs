//! Two people lay out one campaign, at once.

use maily_errors::Error;
use serde_json::json;

use super::client::Client;
use super::editor::{Editor, Element};
use super::message;
use super::stage::{Outcome, Stage};

/// The document that the journey draws; the console opens the same one.
pub(crate) const DOCUMENT: &str = "campaign";

/// The element that the mesh drafts into.
pub(crate) const COPY: &str = "copy";

/// What Ben writes before the model goes on.
pub(crate) const OPENING: &str = "Our summer sale is here! You get";

/// Two editors, one document.
#[derive(Debug)]
pub(crate) struct Editors {
    pub(crate) ada: Editor,
    pub(crate) ben: Editor,
}

pub(super) async fn run(_: &Stage<'_>, client: &Client) -> Result<Outcome<Editors>, Error> {
    let ada = Editor::connect(client, DOCUMENT).await?;
    let ben = Editor::connect(client, DOCUMENT).await?;

    ada.appear("Ada", "#0f6b5c", [120, 240]).await?;
    ben.appear("Ben", "#a8471f", [420, 530]).await?;
    ada.set_up("Summer campaign").await?;
    let picture = message::hero_data_url();
    let hero = Element { properties: &[("src", &picture), ("alt", "Sun over green hills")], ..HERO };
    let head = [hero, HEADLINE];
    let (by_ada, by_ben) = tokio::join!(draw(&ada, &head), draw(&ben, &FOOT));
    by_ada.and(by_ben)?;
    // Both move one element at once: the last write wins, the same for both.
    let (first, second) = tokio::join!(
        ada.move_to("button", [32.0, 520.0, 200.0, 48.0]),
        ben.move_to("button", [200.0, 520.0, 200.0, 48.0])
    );
    first.and(second)?;

    let elements = ada.converge_with(&ben).await?;
    let line = format!("Ada and Ben edited \"{DOCUMENT}\" at once and see the same {elements} elements");
    let data = json!({ "document": DOCUMENT, "elements": elements });
    Ok(Outcome { value: Editors { ada, ben }, lines: vec![line], data })
}

async fn draw(editor: &Editor, elements: &[Element<'_>]) -> Result<(), Error> {
    for element in elements {
        editor.draw(*element).await?;
    }
    Ok(())
}

const HERO: Element<'static> = Element {
    id: "hero",
    kind: "image",
    z: "a0",
    geom: [32.0, 32.0, 536.0, 160.0],
    text: None,
    properties: &[],
    size: 16.0,
};

const HEADLINE: Element<'static> = Element {
    id: "headline",
    kind: "text",
    z: "a1",
    geom: [32.0, 216.0, 536.0, 48.0],
    text: Some("Summer starts now ☀"),
    properties: &[("color", "#1f3d48")],
    size: 32.0,
};

const FOOT: [Element<'static>; 2] = [
    Element {
        id: COPY,
        kind: "text",
        z: "a2",
        geom: [32.0, 284.0, 536.0, 200.0],
        text: Some(OPENING),
        properties: &[("color", "#333333")],
        size: 16.0,
    },
    Element {
        id: "button",
        kind: "button",
        z: "a3",
        geom: [32.0, 500.0, 200.0, 48.0],
        text: Some("See the offer"),
        properties: &[("href", "https://campaign.example/offer"), ("fill", "#2a787e"), ("color", "#ffffff")],
        size: 16.0,
    },
];
