use maily_mesh::Formats;

/// A protocol over HTTP: what differs from one kind of server to the next.
pub trait Dialect: 'static {
    /// Where it happened, of an error inside an answer: `openai::body`.
    const BODY: &'static str;
    /// Where it happened, of an error in the settings: `openai::build`.
    const BUILD: &'static str;
    /// Where it happened, of an error before the answer: `openai::call`.
    const CALL: &'static str;
    /// What the server takes. A prompt in another format is refused before it is sent.
    const FORMATS: Formats;
    /// How the names of the fields with rate limits begin, in lower case. Clients get them.
    const RATE_LIMITS: &'static str;
    /// The name of the field with the server's number of the request, in lower case. Clients get it.
    const REQUEST_ID: &'static str;
}
