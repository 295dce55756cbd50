//! Routes of the trust core.

use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use maily_errors::{Code, Error, Result};
use maily_trust::canonical::MAX_MESSAGE_BYTES;
use maily_trust::canonical::PartKind;
use maily_trust::certificate::{CertificateId, PartRecord};
use maily_trust::model::Receipt;
use maily_trust::proof::Proof;
use maily_trust::{Trust, Verdict, qr};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::Raw;
use crate::reply::{Problem, Reply, declare_problems};

/// Makes the routes of one log: certify, verify, and what a reader may ask.
///
/// Messages have at most 26,214,400 bytes.
#[must_use]
pub fn router(trust: Trust) -> OpenApiRouter {
    let router = OpenApiRouter::new()
        .routes(routes!(certify))
        .routes(routes!(verify))
        .routes(routes!(certificate))
        .routes(routes!(certificate_qr))
        .routes(routes!(checkpoint))
        .routes(routes!(key))
        // The proof of an earlier time is replaced, so a certified message may come back.
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES + Proof::MAX_BYTES * 2))
        .with_state(trust);
    declare_problems("trust", router)
}

/// Certifies a message: answers with the same message and a `Maily-Proof` header in front.
#[utoipa::path(
    post,
    path = "/v1/trust/certificates",
    tag = "trust",
    operation_id = "trust_certify",
    request_body(content = Vec<u8>, content_type = "message/rfc822"),
    responses(
        (
            status = 201,
            description = "The certified message",
            body = Vec<u8>,
            content_type = "message/rfc822",
            headers(("maily-certificate" = String, description = "The name of the certificate")),
        ),
        Problem,
    ),
)]
async fn certify(State(trust): State<Trust>, Raw(message): Raw) -> Reply<impl IntoResponse> {
    let certified = trust.certify(message).await?;
    let id = certified.certificate().id().to_string();
    Ok((StatusCode::CREATED, [(CONTENT_TYPE, RFC822.to_owned()), (CERTIFICATE, id)], certified.message))
}

/// Verifies a message: every readable message gets a verdict, also one without a proof.
#[utoipa::path(
    post,
    path = "/v1/trust/verifications",
    tag = "trust",
    operation_id = "trust_verify",
    request_body(content = Vec<u8>, content_type = "message/rfc822"),
    responses((status = 200, description = "The verdict", body = schema::Verdict), Problem),
)]
async fn verify(State(trust): State<Trust>, Raw(message): Raw) -> Reply<Json<Verdict>> {
    trust.verify(message).await.map(Json).map_err(Problem::from)
}

/// Shows a certificate.
#[utoipa::path(
    get,
    path = "/v1/trust/certificates/{id}",
    tag = "trust",
    operation_id = "trust_certificate",
    params(("id" = String, Path, description = "32 hexadecimal digits")),
    responses((status = 200, description = "The certificate", body = CertificateBody), Problem),
)]
async fn certificate(State(trust): State<Trust>, Path(id): Path<String>) -> Reply<Json<CertificateBody>> {
    let proof = trust.proof(read_id(&id)?).await?;
    Ok(Json(CertificateBody::new(&proof, trust.link(proof.certificate()))))
}

/// Draws the QR code that leads to a certificate.
#[utoipa::path(
    get,
    path = "/v1/trust/certificates/{id}/qr.svg",
    tag = "trust",
    operation_id = "trust_certificate_qr",
    params(("id" = String, Path, description = "32 hexadecimal digits")),
    responses((status = 200, description = "The picture", body = String, content_type = "image/svg+xml"), Problem),
)]
async fn certificate_qr(State(trust): State<Trust>, Path(id): Path<String>) -> Reply<impl IntoResponse> {
    let certificate = trust.certificate(read_id(&id)?).await?;
    let svg = qr::svg(&trust.link(&certificate))?;
    // A certificate never changes.
    Ok(([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "public, max-age=31536000, immutable")], svg))
}

/// Returns the newest signed checkpoint, as C2SP tlog-checkpoint.
#[utoipa::path(
    get,
    path = "/v1/trust/checkpoint",
    tag = "trust",
    operation_id = "trust_checkpoint",
    responses((status = 200, description = "The signed note", body = String, content_type = "text/plain"), Problem),
)]
async fn checkpoint(State(trust): State<Trust>) -> Reply<String> {
    Ok(trust.checkpoint()?.to_note())
}

/// Returns the key to pin, as `name+hash+key`.
#[utoipa::path(
    get,
    path = "/v1/trust/key",
    tag = "trust",
    operation_id = "trust_key",
    responses((status = 200, description = "The key", body = String, content_type = "text/plain")),
)]
async fn key(State(trust): State<Trust>) -> String {
    format!("{}\n", trust.key())
}

fn read_id(id: &str) -> Result<CertificateId> {
    id.parse().map_err(|err: Error| {
        Error::new(Code::CertificateNotFound, "no certificate has this identifier")
            .with_operation("serve_http::trust")
            .with_source(err)
    })
}

const RFC822: &str = "message/rfc822";
const CERTIFICATE: HeaderName = HeaderName::from_static("maily-certificate");

/// A certificate with its place in the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = trust::Certificate)]
struct CertificateBody {
    /// The name: 32 hexadecimal digits.
    id: String,
    /// The key that signed, in hexadecimal digits.
    issuer: String,
    /// The name of the log.
    origin: String,
    /// When it was issued, in milliseconds since the Unix epoch.
    issued_at_ms: u64,
    /// The hash of the message in its exact tier.
    exact: String,
    /// The Merkle root over its parts.
    root: String,
    /// Its parts.
    parts: Vec<PartBody>,
    /// Its number in the log.
    index: u64,
    /// The size of the log that the newest checkpoint covers.
    log_size: u64,
    /// What the ledger said about that checkpoint.
    #[schema(value_type = Option<schema::Receipt>)]
    receipt: Option<Receipt>,
    /// The link in its QR code.
    link: String,
}

/// A part of a certified message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = trust::Part)]
struct PartBody {
    /// `attachment`, `from`, `html`, `inline_image`, `links`, `subject` or `text`.
    #[schema(value_type = String)]
    kind: PartKind,
    /// Its file name, or nothing.
    name: String,
    /// The first 16 bytes of its hash, in hexadecimal digits.
    digest: String,
    /// How many lines a text has.
    lines: u32,
}

impl CertificateBody {
    fn new(proof: &Proof, link: String) -> Self {
        let certificate = proof.certificate();
        let part = |part: &PartRecord| PartBody {
            kind: part.kind(),
            name: part.name().to_owned(),
            digest: part.digest().iter().map(|byte| format!("{byte:02x}")).collect(),
            lines: part.lines(),
        };
        Self {
            id: certificate.id().to_string(),
            issuer: certificate.issuer().to_string(),
            origin: proof.checkpoint().origin().to_owned(),
            issued_at_ms: certificate.issued_at_ms(),
            exact: certificate.exact().to_string(),
            root: certificate.root().to_string(),
            parts: certificate.parts().iter().map(part).collect(),
            index: proof.index(),
            log_size: proof.checkpoint().size(),
            receipt: proof.receipt().cloned(),
            link,
        }
    }
}

/// The JSON of the core's own values, for the description of the interface. A test compares the two.
mod schema {
    #![expect(dead_code, reason = "described here, made by the core")]

    use utoipa::ToSchema;

    /// What a message is worth, and why.
    #[derive(ToSchema)]
    #[schema(as = trust::Verdict)]
    pub(super) struct Verdict {
        /// `intact`, `intact_with_additions`, `changed`, `unproven` or `missing`.
        state: String,
        /// The verdict in one sentence.
        title: String,
        /// Whether the message is exactly what was sent, in the relaxed form of DKIM.
        exact: bool,
        /// Why the proof proves nothing: `another_history`, `another_key`, `not_in_log`, `proof_malformed`
        /// or `signature_invalid`.
        reason: Option<String>,
        /// What happened to each part.
        parts: Vec<PartVerdict>,
        /// Who certified what, and when.
        certificate: Option<Summary>,
    }

    /// What happened to one part.
    #[derive(ToSchema)]
    #[schema(as = trust::PartVerdict)]
    pub(super) struct PartVerdict {
        /// `attachment`, `from`, `html`, `inline_image`, `links`, `subject` or `text`.
        kind: String,
        /// Its file name, or nothing.
        name: String,
        /// `added`, `changed`, `extended`, `intact`, `moved` or `removed`.
        fate: String,
        /// Where: `where` is `added`, `in_front`, `line`, `lines_missing` or `value`.
        places: Vec<Place>,
    }

    /// A place in a part as it arrived; lines are counted from 1, without empty ones.
    #[derive(ToSchema)]
    #[schema(as = trust::Place)]
    pub(super) struct Place {
        /// What happened here.
        r#where: String,
        /// The last line before it.
        after: Option<u64>,
        /// The first line that differs.
        first: Option<u64>,
        /// The last line that differs.
        last: Option<u64>,
        /// What stands here now, at most 160 bytes.
        text: Option<String>,
    }

    /// Who certified what, and when.
    #[derive(ToSchema)]
    #[schema(as = trust::Summary)]
    pub(super) struct Summary {
        /// The name of the certificate.
        id: String,
        /// The name of the log.
        origin: String,
        /// The key that signed, in hexadecimal digits.
        issuer: String,
        /// Whether somebody vouches for that key.
        pinned: bool,
        /// When it was issued (RFC 3339).
        issued_at: Option<String>,
        /// Its number in the log.
        index: u64,
        /// The size of the log that the proof shows.
        log_size: u64,
        /// What the ledger said when the proof was made.
        receipt: Option<Receipt>,
    }

    /// What a ledger said about a checkpoint.
    #[derive(ToSchema)]
    #[schema(as = trust::Receipt)]
    pub(super) struct Receipt {
        /// The ledger: `log:NAME` or `eip155:CHAIN`.
        ledger: String,
        /// The number of the record, or of the block.
        position: u64,
        /// When it was anchored, in milliseconds since the Unix epoch.
        anchored_at_ms: u64,
        /// `reorged`, `pending`, `included`, `safe` or `finalized`.
        finality: String,
        /// What the ledger needs to find it again, in hexadecimal digits.
        locator: String,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::response::Response;
    use http::Request;
    use maily_trust::TrustConfig;
    use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    async fn app() -> OpenApiRouter {
        let signer = Ed25519Signer::generate("mail.example/log").unwrap();
        let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
        router(Trust::open(TrustConfig::default(), signer, journal, ledger).await.unwrap())
    }

    async fn send(app: &OpenApiRouter, method: &str, path: &str, body: impl Into<Body>) -> Response {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        axum::Router::from(app.clone()).oneshot(request).await.unwrap()
    }

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    const MAIL: &str = "From: a@b.example\r\nSubject: Hi\r\n\r\nNine sharp.\r\n";

    #[tokio::test]
    async fn message_is_certified_shown_and_verified() {
        let app = app().await;

        let certified = send(&app, "POST", "/v1/trust/certificates", MAIL).await;
        assert_eq!(certified.status(), StatusCode::CREATED);
        assert_eq!(certified.headers()[CONTENT_TYPE], "message/rfc822");
        let id = certified.headers()[CERTIFICATE].to_str().unwrap().to_owned();
        let message = text(certified).await;
        let intact = text(send(&app, "POST", "/v1/trust/verifications", message.clone()).await).await;
        let changed = message.replace("Nine", "Five");
        let changed = text(send(&app, "POST", "/v1/trust/verifications", changed).await).await;
        let shown = text(send(&app, "GET", &format!("/v1/trust/certificates/{id}"), "").await).await;
        let code = text(send(&app, "GET", &format!("/v1/trust/certificates/{id}/qr.svg"), "").await).await;
        let checkpoint = text(send(&app, "GET", "/v1/trust/checkpoint", "").await).await;
        let key = text(send(&app, "GET", "/v1/trust/key", "").await).await;

        assert!(intact.contains(r#""state":"intact""#), "{intact}");
        assert!(changed.contains(r#""state":"changed""#) && changed.contains("Five sharp."), "{changed}");
        assert!(shown.contains(&format!(r#""id":"{id}""#)), "{shown}");
        assert!(code.starts_with("<svg "));
        assert!(checkpoint.starts_with("mail.example/log\n1\n"));
        assert!(key.starts_with("mail.example/log+"));
    }

    #[tokio::test]
    async fn what_cannot_be_answered_is_a_problem() {
        let app = app().await;
        let id = "0".repeat(32);

        for (method, path, body, status, code) in [
            ("POST", "/v1/trust/certificates", "no mail", 400, "mail-malformed"),
            ("POST", "/v1/trust/verifications", "", 400, "mail-malformed"),
            ("GET", &format!("/v1/trust/certificates/{id}"), "", 404, "certificate-not-found"),
            ("GET", "/v1/trust/certificates/xyz/qr.svg", "", 404, "certificate-not-found"),
            ("GET", "/v1/trust/checkpoint", "", 400, "batch-empty"),
        ] {
            let response = send(&app, method, path, body).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert!(text(response).await.contains(code), "{path}");
        }
    }

    #[tokio::test]
    async fn message_over_its_limit_is_refused() {
        let mut message = MAIL.as_bytes().to_vec();
        message.resize(MAX_MESSAGE_BYTES + 1, b'x');

        let response = send(&app().await, "POST", "/v1/trust/certificates", message).await;

        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn described_fields_are_the_fields_of_the_answer() {
        let app = app().await;
        let message = text(send(&app, "POST", "/v1/trust/certificates", MAIL).await).await;
        let answer = send(&app, "POST", "/v1/trust/verifications", message.replace("Nine", "Five")).await;
        let answer: Value = serde_json::from_str(&text(answer).await).unwrap();
        let api = serde_json::to_value(app.get_openapi()).unwrap();
        let described =
            |name: &str| keys(&api["components"]["schemas"][format!("trust.{name}")]["properties"]);

        assert_eq!(keys(&answer), described("Verdict"));
        assert_eq!(keys(&answer["parts"][0]), described("PartVerdict"));
        assert_eq!(keys(&answer["certificate"]), described("Summary"));
        assert_eq!(keys(&answer["certificate"]["receipt"]), described("Receipt"));
    }

    fn keys(value: &Value) -> Vec<String> {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    }
}
