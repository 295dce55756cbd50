//! What the journey says to the server: plain HTTP and one token stream, as any other program would.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use maily_errors::{Code, Error, Problem, Secret};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A WebSocket of the server.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    server: SocketAddr,
    key: Option<Secret<String>>,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(crate) fn new(server: SocketAddr, key: Option<Secret<String>>) -> Self {
        Self { server, key, pool: Pool::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends JSON, and reads JSON.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Error> {
        let answer = self.send(Method::POST, path, "application/json", body.to_string()).await?;
        serde_json::from_slice(&answer).map_err(|err| unread(path).with_source(err))
    }

    /// Sends a message, and reads what comes back.
    pub(crate) async fn post_message(&self, path: &str, message: Vec<u8>) -> Result<Bytes, Error> {
        self.send(Method::POST, path, "message/rfc822", message).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Bytes, Error> {
        self.send(Method::GET, path, "*/*", Bytes::new()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        media: &str,
        body: impl Into<Bytes>,
    ) -> Result<Bytes, Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.server))
            .header(CONTENT_TYPE, media)
            .body(Full::new(body.into()))
            .map_err(|err| unread(path).with_source(err))?;
        let request = self.sign(request);
        let response = self.pool.request(request).await.map_err(|err| unread(path).with_source(err))?;
        let failed = !response.status().is_success();
        let body =
            response.into_body().collect().await.map_err(|err| unread(path).with_source(err))?.to_bytes();
        if failed {
            return Err(Problem::from_json(&body)
                .map_or_else(|err| err, Error::from)
                .with_context("path", path));
        }
        Ok(body)
    }

    /// Opens a WebSocket of the server.
    pub(crate) async fn connect(&self, path: &str) -> Result<Socket, Error> {
        let request = format!("ws://{}{path}", self.server).into_client_request();
        let request = self.sign(request.map_err(|err| unread(path).with_source(err))?);
        let connected = tokio_tungstenite::connect_async(request).await;
        connected.map(|(socket, _)| socket).map_err(|err| unread(path).with_source(err))
    }

    fn sign<B>(&self, mut request: Request<B>) -> Request<B> {
        let bearer = |key: &Secret<String>| HeaderValue::try_from(format!("Bearer {}", key.expose())).ok();
        if let Some(value) = self.key.as_ref().and_then(bearer) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    }

    /// Streams an answer of the mesh, token by token.
    pub(crate) async fn stream<F>(&self, prompt: &Value, mut each: F) -> Result<Value, Error>
    where
        F: AsyncFnMut(&str) -> Result<(), Error>,
    {
        const PATH: &str = "/v1/mesh/stream";
        let mut socket = self.connect(PATH).await?;
        let ask = Frame::text(prompt.to_string());
        socket.send(ask).await.map_err(|err| unread(PATH).with_source(err))?;
        while let Some(frame) = socket.next().await {
            let Frame::Text(text) = frame.map_err(|err| unread(PATH).with_source(err))? else { continue };
            let event: Value = serde_json::from_str(&text).map_err(|err| unread(PATH).with_source(err))?;
            match event["type"].as_str() {
                Some("token") => each(event["text"].as_str().unwrap_or_default()).await?,
                Some("done") => return Ok(event),
                Some("error") => {
                    let problem = event["problem"].to_string();
                    return Err(Problem::from_json(problem.as_bytes()).map_or_else(|err| err, Error::from));
                }
                _ => {}
            }
        }
        Err(Error::from(Code::StreamCut).with_operation("server::journey::client"))
    }
}

fn unread(path: &str) -> Error {
    Error::new(Code::Unavailable, "the server did not answer as expected")
        .with_operation("server::journey::client")
        .with_context("path", path)
}
