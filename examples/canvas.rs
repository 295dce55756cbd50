//! A client over the wire and the process itself edit one canvas at once.
//!
//! `cargo run --example canvas --features canvas`

use maily::canvas::model::Caller;
use maily::canvas::scene::{ElementKind, Geom, NewElement};
use maily::canvas::sync::Frame;
use maily::canvas::{Canvas, Join, Session};
use maily::errors::Error;
use tower::ServiceExt;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let canvas = Canvas::in_memory();
    let document = canvas.open(&"spring-campaign".parse()?).await?;

    // A client over the wire: what a WebSocket carries are exactly these frames.
    let client = canvas.clone().oneshot(Join::new("spring-campaign".parse()?, Caller::default())).await?;
    assert!(matches!(next(&client).await?, Frame::SyncStep1(_)));

    // The process itself edits too; the copy appears word by word, as a model writes it.
    let title = NewElement::new(ElementKind::Text, Geom::new(24.0, 24.0, 552.0, 48.0)).with_size(32.0);
    let id = document.insert_element(title).await?;
    for word in ["Spring ", "sale ", "🌱"] {
        document.append_text(&id, word).await?;
    }

    // Each edit was stored, and then sent to the client: one update for each.
    for _ in 0..4 {
        assert!(matches!(next(&client).await?, Frame::Update(_)));
    }
    let scene = document.scene().await?;
    assert_eq!(scene.element(id.as_str()).map(|element| element.text.as_str()), Some("Spring sale 🌱"));
    assert!(document.export_html().await?.contains("Spring sale 🌱"));
    assert!(document.export_svg(Vec::new()).await?.starts_with("<svg "));
    Ok(())
}

async fn next(client: &Session) -> Result<Frame, Error> {
    let frame = client.recv().await.transpose()?;
    Frame::decode(frame.unwrap_or_default())
}
