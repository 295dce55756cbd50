//! Token streams over WebSocket: `GET /v1/mesh/stream`.
//!
//! The client sends one body per message: chat completions, or the format that the address names, as in
//! `/v1/mesh/stream?format=responses` (`chat`, `completions`, `messages`, `responses`). It may also say `tenant`, one of the
//! caller's tenants, `priority` (`interactive`, `standard`, `batch`), `timeout_ms`, which an answer may take at most, and
//! `betas`, as `anthropic-beta` has them, which is read as well.
//! The server answers with
//! JSON text frames that are the same for every format, token by token whether or not the body says `"stream": true`:
//!
//! - `{"type":"token","text":".."}` for each piece of text, `{"type":"thought","text":".."}` of what the model thinks before,
//! - `{"type":"call","index":0,"id":"..","name":".."}` when it begins to call a tool, and
//!   `{"type":"arguments","index":0,"json":".."}` for each piece of what it calls it with,
//! - `{"type":"resumed","after":17,"node":"..","attempt":2}` where another node goes on with an answer that broke off, behind
//!   17 pieces of text,
//! - `{"type":"done","text":"..","finish":"stop","usage":{..},"node":"..","attempt":1,"recalled":[..]}` once, with `thoughts` and
//!   `tool_calls` if there are any, or
//! - `{"type":"error","problem":{..}}` once; the socket stays open for the next prompt.
//!
//! Prompts on one socket are answered one after the other. `{"type":"cancel"}` stops the answer under
//! way, and so does closing the socket: the work at the node is cancelled.
//!
//! When the server drains, an answer under way is finished and then the socket is closed with 1001; a prompt that
//! comes meanwhile is refused with `draining`.

use std::num::NonZero;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Query};
use axum::routing::get;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue};
use maily_errors::{Code, Error, Result, TraceContext};
use maily_mesh::wire::Resumed;
use maily_mesh::{Answer, Betas, Caller, Delta, Format, Mesh, Priority, Prompt, Tenant};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::sockets::{Message, Socket, Sockets, Upgrade};

/// Creates the route of token streams.
pub fn router(mesh: Mesh, sockets: Sockets) -> Router {
    let stream = async move |upgrade: Upgrade,
                             headers: HeaderMap,
                             caller: Option<Extension<Caller>>,
                             Query(options): Query<Options>| {
        let trace = TraceContext::current().or_else(|| TraceContext::from_headers(&headers));
        let opening = Opening {
            trace,
            trace_state: TraceContext::state_from_headers(&headers),
            caller: caller.map(|Extension(caller)| caller),
            betas: betas(&headers, &options),
            options,
        };
        let mesh = mesh.clone();
        sockets.serve(upgrade, "mesh", move |socket| serve(socket, mesh, opening))
    };
    Router::new().route("/v1/mesh/stream", get(stream))
}

/// What the address says; the server's key may stand there too.
#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    format: Format,
    tenant: Option<Tenant>,
    #[serde(default)]
    priority: Priority,
    timeout_ms: Option<NonZero<u32>>,
    #[serde(default)]
    betas: String,
}

/// All betas that the opening names, in one list.
fn betas(headers: &HeaderMap, options: &Options) -> String {
    let lines = headers.get_all(Betas::HEADER).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.fold(options.betas.clone(), |list, line| list + "," + &line)
}

/// What the opening of a socket says of every prompt on it.
struct Opening {
    trace: Option<TraceContext>,
    trace_state: Option<HeaderValue>,
    caller: Option<Caller>,
    /// As they were said: a list that is wrong is told to each prompt.
    betas: String,
    options: Options,
}

impl Opening {
    fn sign(&self, prompt: Prompt) -> Result<Prompt> {
        let prompt = self.trace.into_iter().fold(prompt, Prompt::with_trace);
        let prompt = self.trace_state.iter().cloned().fold(prompt, Prompt::with_trace_state);
        let wait = self.options.timeout_ms.map(|millis| Duration::from_millis(millis.get().into()));
        let prompt =
            wait.into_iter().fold(prompt, |prompt, wait| prompt.with_deadline(Instant::now() + wait));
        let prompt =
            prompt.with_priority(self.options.priority).with_betas(Betas::new(self.betas.split(','))?);
        prompt.with_caller(self.caller.as_ref(), self.options.tenant.clone())
    }
}

async fn serve(mut socket: Socket, mesh: Mesh, opening: Opening) {
    let format = opening.options.format;
    while let Some(message) = socket.recv().await {
        let answered = match message.and_then(|message| read(&message, format)) {
            Err(err) => socket.send_unread(&err).await,
            // A cancel that came too late: there is nothing to stop any more.
            Ok(None) => Ok(()),
            Ok(Some(prompt)) => match opening.sign(prompt) {
                Err(err) => socket.send_error(&err).await,
                Ok(_) if socket.draining().is_cancelled() => socket.send_error(&draining()).await,
                Ok(prompt) => answer(&mut socket, &mesh, prompt, format).await,
            },
        };
        if answered.is_err() {
            break;
        }
    }
}

/// Reads a prompt; `None` is a cancel.
fn read(message: &Message, format: Format) -> Result<Option<Prompt>> {
    #[derive(Deserialize)]
    struct Control<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
    }
    let bytes = match message {
        Message::Text(text) => bytes::Bytes::copy_from_slice(text.as_bytes()),
        Message::Binary(bytes) => bytes.clone(),
    };
    if serde_json::from_slice::<Control<'_>>(&bytes).is_ok_and(|control| control.kind == "cancel") {
        return Ok(None);
    }
    Prompt::parse_as(format, bytes).and_then(Prompt::with_stream).map(Some)
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Frame<'a> {
    Token { text: &'a str },
    Thought { text: &'a str },
    Call { index: u32, id: &'a str, name: &'a str },
    Arguments { index: u32, json: &'a str },
    Resumed(&'a Resumed),
    Done(Answer),
}

impl<'a> Frame<'a> {
    /// What is told of a step when it comes; the rest stands in the last frame.
    fn of(delta: &'a Delta) -> Option<Self> {
        match delta {
            Delta::Text(text) => Some(Self::Token { text }),
            Delta::Reasoning(text) => Some(Self::Thought { text }),
            Delta::ToolCall { index, id, name } => Some(Self::Call { index: *index, id, name }),
            Delta::ToolArguments { index, json } => Some(Self::Arguments { index: *index, json }),
            Delta::Resumed(resumed) => Some(Self::Resumed(resumed)),
            _ => None,
        }
    }
}

/// Answers one prompt; an error means that the socket has ended.
async fn answer(socket: &mut Socket, mesh: &Mesh, prompt: Prompt, format: Format) -> Result<()> {
    let mut completing = Box::pin(mesh.complete(prompt));
    let completion = loop {
        tokio::select! {
            completion = &mut completing => break completion,
            word = word(socket, format) => match word? {
                Word::Cancel => {
                    drop(completing);
                    return cancelled(socket).await;
                }
                word => word.refuse(socket).await?,
            },
        }
    };
    let completion = match completion {
        Ok(completion) => completion,
        Err(err) => return socket.send_error(&err).await,
    };
    let mut whole = Answer::of(&completion.head);
    let mut deltas = completion.into_deltas();
    loop {
        let delta = tokio::select! {
            delta = deltas.next() => delta,
            word = word(socket, format) => match word? {
                Word::Cancel => {
                    drop(deltas);
                    return cancelled(socket).await;
                }
                word => {
                    word.refuse(socket).await?;
                    continue;
                }
            },
        };
        match delta {
            Some(Ok(delta)) => {
                if let Some(frame) = Frame::of(&delta) {
                    socket.send_json(&frame).await?;
                }
                whole.add(delta);
            }
            Some(Err(err)) => return socket.send_error(&err).await,
            None => return socket.send_json(&Frame::Done(whole)).await,
        }
    }
}

/// What a client says while an answer is under way.
enum Word {
    Cancel,
    /// What cannot be answered now.
    Refused(Error),
    /// What cannot be read.
    Unread(Error),
}

impl Word {
    async fn refuse(self, socket: &mut Socket) -> Result<()> {
        match self {
            Self::Cancel => Ok(()),
            Self::Refused(err) => socket.send_error(&err).await,
            Self::Unread(err) => socket.send_unread(&err).await,
        }
    }
}

/// Waits for the next word. It sends nothing: the wait is dropped when the answer goes on, and what was taken from the
/// socket would be lost with it.
async fn word(socket: &mut Socket, format: Format) -> Result<Word> {
    let message = socket.recv_while_draining().await.ok_or_else(|| Error::from(Code::Canceled))?;
    Ok(match message.and_then(|message| read(&message, format)) {
        Err(err) => Word::Unread(err),
        Ok(None) => Word::Cancel,
        Ok(Some(_)) if socket.draining().is_cancelled() => Word::Refused(draining()),
        Ok(Some(_)) => {
            let busy = "an answer is under way; wait for it or cancel it";
            Word::Refused(Error::new(Code::Conflict, busy))
        }
    })
}

async fn cancelled(socket: &mut Socket) -> Result<()> {
    socket.send_error(&Error::new(Code::Canceled, "the answer was cancelled")).await
}

/// What was begun is answered; nothing else is.
fn draining() -> Error {
    Error::from(Code::Draining).with_operation("serve_ws::mesh")
}
