//! The way to one server.

use std::io;
use std::sync::Arc;

use crate::connect::Target;
use crate::head::Headers;
use crate::patience::Patience;
use crate::pool::Pool;
use crate::request::Request;
use crate::sending::Sending;

/// The way to one server, with the connections that are idle. Clones share them.
///
/// A connection is made when a request finds no idle one, and is idle again once the last byte of its answer was
/// read. Requests do not wait for each other: there are as many connections as requests under way.
///
/// # Examples
///
/// ```
/// use std::future::poll_fn;
///
/// use maily_client_http1::{Client, Headers, Patience, Request, Target};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// #[derive(Default)]
/// struct ContentType(String);
///
/// impl Headers for ContentType {
///     fn see(&mut self, name: &str, value: &[u8]) {
///         if name.eq_ignore_ascii_case("content-type") {
///             self.0 = String::from_utf8_lossy(value).into_owned();
///         }
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
/// # let address = listener.local_addr().unwrap();
/// # tokio::spawn(async move {
/// #     let (mut socket, _) = listener.accept().await.unwrap();
/// #     let mut request = [0; 1024];
/// #     let count = socket.read(&mut request).await.unwrap();
/// #     assert_eq!(&request[..count], b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\ntext");
/// #     let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
/// #     socket.write_all(answer.as_bytes()).await.unwrap();
/// # });
/// let target = Target::of(&format!("http://{address}").parse().unwrap()).unwrap();
/// let client = Client::new(target, Patience::default());
/// let request = Request::new("PUT / HTTP/1.1\r\nhost: a\r\n", "content-length: 4\r\n\r\n", "text");
///
/// let (head, mut body) = client.send::<ContentType>(request).await.unwrap();
/// let piece = poll_fn(|cx| body.poll_piece(cx)).await.unwrap().unwrap();
///
/// assert_eq!((head.status.as_u16(), head.headers.0.as_str()), (200, "text/plain"));
/// assert_eq!((&*piece, body.is_whole()), (&b"ok"[..], true));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

/// What the clones of a client share, and every answer that is under way.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) target: Target,
    pub(crate) pool: Pool,
    pub(crate) patience: Patience,
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The connection ended inside the body.
    Cut(Option<io::Error>),
    /// The body is not framed as HTTP frames it.
    Framing(&'static str),
    /// The head is not HTTP.
    Head(&'static str),
    /// The connection ended before the head of the answer.
    HungUp(Option<io::Error>),
    /// The server is silent, in this phase: `headers` or `between chunks`.
    Silent(&'static str),
    /// There is no connection: nothing was sent.
    Unreachable(io::Error),
}

impl Client {
    /// Creates a client. It connects with the first request, not now.
    #[must_use]
    pub fn new(target: Target, patience: Patience) -> Self {
        Self { shared: Arc::new(Shared { target, pool: Pool::default(), patience }) }
    }

    /// Sends a request, and takes from the answer's head what `H` sees. Dropping the future hangs up.
    ///
    /// It goes out again, over a fresh connection and once, if it went over a connection that was used before and no
    /// byte of an answer came: then the server hung up while the connection was idle.
    #[must_use]
    pub fn send<H: Headers>(&self, request: Request) -> Sending<H> {
        Sending::new(self.shared.clone(), request)
    }

    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.shared.pool.len()
    }
}
