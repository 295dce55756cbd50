//! One person at the canvas: an ordinary Yjs client over a real WebSocket.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use maily_errors::{Code, Error};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message as Frame;
use yrs::sync::awareness::AwarenessUpdateEntry;
use yrs::sync::{AwarenessUpdate, Message, SyncMessage};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{
    Doc, GetString, Map, MapPrelim, MapRef, OffsetKind, Options, ReadTxn, Text, TextPrelim, Transact,
    TransactionMut, Update,
};

use super::client::{Client, Socket};

/// A Yjs client. Dropping it closes its socket.
#[derive(Debug)]
pub(crate) struct Editor {
    doc: Doc,
    roots: Roots,
    outbox: mpsc::Sender<Message>,
    seen: watch::Receiver<Seen>,
    pump: AbortHandle,
}

/// The maps of a campaign document. They are looked up once: a look-up opens a transaction of its own, and would
/// wait for ever for the one that is open.
#[derive(Debug)]
struct Roots {
    elements: MapRef,
    layers: MapRef,
    meta: MapRef,
}

/// How far the client is: synchronized once, and how many updates of others it has applied since.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    synced: bool,
    updates: u64,
}

/// An element of the canvas, as the journey draws it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) z: &'a str,
    pub(crate) geom: [f64; 4],
    pub(crate) text: Option<&'a str>,
    pub(crate) properties: &'a [(&'a str, &'a str)],
    pub(crate) size: f64,
}

impl Editor {
    /// Connects, and returns when the client has what the server had.
    pub(crate) async fn connect(client: &Client, document: &str) -> Result<Self, Error> {
        let socket = client.connect(&format!("/v1/canvas/sync/{document}")).await?;
        let doc = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        let root = |name: &str| doc.get_or_insert_map(name);
        let roots = Roots { elements: root("elements"), layers: root("layers"), meta: root("meta") };
        let (outbox, inbox) = mpsc::channel(64);
        let (sender, seen) = watch::channel(Seen::default());
        let pump = tokio::spawn(pump(socket, doc.clone(), inbox, sender)).abort_handle();
        let editor = Self { doc, roots, outbox, seen, pump };

        let hello = SyncMessage::SyncStep1(editor.doc.transact().state_vector());
        editor.send(Message::Sync(hello)).await?;
        editor.wait(|seen| seen.synced).await?;
        Ok(editor)
    }

    /// Shows the others who is here and where the pointer is.
    pub(crate) async fn appear(&self, name: &str, color: &str, cursor: [u32; 2]) -> Result<(), Error> {
        let [x, y] = cursor;
        let state = json!({ "user": { "name": name, "color": color }, "cursor": { "x": x, "y": y } });
        let entry = AwarenessUpdateEntry { clock: 1, json: state.to_string().into() };
        let clients = HashMap::from([(self.doc.client_id(), entry)]);
        self.send(Message::Awareness(AwarenessUpdate { clients })).await
    }

    /// Draws an element, or replaces the one of the same id.
    pub(crate) async fn draw(&self, element: Element<'_>) -> Result<(), Error> {
        self.edit(|roots, txn| {
            let map = roots.elements.insert(txn, element.id, MapPrelim::default());
            map.insert(txn, "kind", element.kind);
            map.insert(txn, "layer", "base");
            map.insert(txn, "z", element.z);
            map.insert(txn, "geom", element.geom.map(yrs::Any::from).to_vec());
            map.insert(txn, "size", element.size);
            for (key, value) in element.properties {
                map.insert(txn, *key, *value);
            }
            if let Some(text) = element.text {
                map.insert(txn, "text", TextPrelim::new(text));
            }
        })
        .await
    }

    /// Names the document and gives it one layer.
    pub(crate) async fn set_up(&self, title: &str) -> Result<(), Error> {
        self.edit(|roots, txn| {
            let Roots { meta, layers, .. } = roots;
            meta.insert(txn, "title", title);
            meta.insert(txn, "width", 600.0);
            meta.insert(txn, "height", 640.0);
            meta.insert(txn, "background", "#ffffff");
            let base = layers.insert(txn, "base", MapPrelim::default());
            base.insert(txn, "name", "Content");
            base.insert(txn, "z", "a0");
            base.insert(txn, "visible", true);
            base.insert(txn, "locked", false);
        })
        .await
    }

    /// Moves an element: one commit, as at the end of a drag.
    pub(crate) async fn move_to(&self, id: &str, geom: [f64; 4]) -> Result<(), Error> {
        self.edit(|roots, txn| {
            if let Some(yrs::Out::YMap(element)) = roots.elements.get(txn, id) {
                element.insert(txn, "geom", geom.map(yrs::Any::from).to_vec());
            }
        })
        .await
    }

    /// Appends to the text of an element.
    pub(crate) async fn append(&self, id: &str, text: &str) -> Result<(), Error> {
        self.edit(|roots, txn| {
            let Some(yrs::Out::YMap(element)) = roots.elements.get(txn, id) else { return };
            if let Some(yrs::Out::YText(target)) = element.get(txn, "text") {
                target.push(txn, text);
            }
        })
        .await
    }

    /// Waits until both documents hold the same.
    pub(crate) async fn converge_with(&self, other: &Self) -> Result<usize, Error> {
        let same = || {
            let (mine, theirs) = (self.doc.transact(), other.doc.transact());
            mine.state_vector() == theirs.state_vector()
                && mine.encode_diff_v1(&yrs::StateVector::default())
                    == theirs.encode_diff_v1(&yrs::StateVector::default())
        };
        let (mut mine, mut theirs) = (self.seen.clone(), other.seen.clone());
        let waiting = async {
            while !same() {
                let changed = tokio::select! { end = mine.changed() => end, end = theirs.changed() => end };
                changed.map_err(|_| ended())?;
            }
            Ok::<_, Error>(())
        };
        tokio::time::timeout(PATIENCE, waiting).await.map_err(|_| Error::from(Code::Timeout))??;
        Ok(self.roots.elements.len(&self.doc.transact()) as usize)
    }

    /// Returns the text of an element as this client sees it.
    pub(crate) fn text_of(&self, id: &str) -> Option<String> {
        let txn = self.doc.transact();
        let yrs::Out::YMap(element) = self.roots.elements.get(&txn, id)? else { return None };
        let yrs::Out::YText(text) = element.get(&txn, "text")? else { return None };
        Some(text.get_string(&txn))
    }

    async fn edit(&self, change: impl FnOnce(&Roots, &mut TransactionMut<'_>)) -> Result<(), Error> {
        let update = {
            let mut txn = self.doc.transact_mut();
            change(&self.roots, &mut txn);
            txn.encode_update_v1()
        };
        self.send(Message::Sync(SyncMessage::Update(update))).await
    }

    async fn send(&self, message: Message) -> Result<(), Error> {
        self.outbox.send(message).await.map_err(|_| ended())
    }

    async fn wait(&self, condition: impl FnMut(&Seen) -> bool) -> Result<(), Error> {
        let mut seen = self.seen.clone();
        let waiting = tokio::time::timeout(PATIENCE, seen.wait_for(condition));
        waiting.await.map_err(|_| Error::from(Code::Timeout))?.map(drop).map_err(|_| ended())
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn pump(mut socket: Socket, doc: Doc, mut inbox: mpsc::Receiver<Message>, seen: watch::Sender<Seen>) {
    loop {
        let answer = tokio::select! {
            message = inbox.recv() => message,
            frame = socket.next() => match frame {
                Some(Ok(Frame::Binary(bytes))) => take(&doc, &bytes, &seen),
                Some(Ok(_)) => None,
                Some(Err(_)) | None => return,
            },
        };
        let Some(message) = answer else { continue };
        if socket.send(Frame::Binary(message.encode_v1().into())).await.is_err() {
            return;
        }
    }
}

/// Applies what the server sent, and returns what it wants to know.
fn take(doc: &Doc, frame: &[u8], seen: &watch::Sender<Seen>) -> Option<Message> {
    match Message::decode_v1(frame).ok()? {
        Message::Sync(SyncMessage::SyncStep1(theirs)) => {
            let missing = doc.transact().encode_diff_v1(&theirs);
            return Some(Message::Sync(SyncMessage::SyncStep2(missing)));
        }
        Message::Sync(SyncMessage::SyncStep2(update)) => {
            apply(doc, &update);
            seen.send_modify(|seen| seen.synced = true);
        }
        Message::Sync(SyncMessage::Update(update)) => {
            apply(doc, &update);
            seen.send_modify(|seen| seen.updates += 1);
        }
        _ => {}
    }
    None
}

fn apply(doc: &Doc, update: &[u8]) {
    match Update::decode_v1(update) {
        Ok(update) => {
            if let Err(err) = doc.transact_mut().apply_update(update) {
                tracing::warn!(%err, "the server sent an update that cannot be applied");
            }
        }
        Err(err) => tracing::warn!(%err, "the server sent an update that cannot be read"),
    }
}

fn ended() -> Error {
    Error::new(Code::Unavailable, "the canvas connection ended").with_operation("server::journey::editor")
}

const PATIENCE: Duration = Duration::from_secs(20);
