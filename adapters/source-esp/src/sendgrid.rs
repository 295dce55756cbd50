//! Twilio SendGrid's event webhook.
//!
//! Source: SendGrid documentation, "Event Webhook Reference" and "Event Webhook Security Features"; the signing
//! scheme as in its own Go library, `helpers/eventwebhook`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use maily_analytics::model::{CampaignId, Event, EventId, EventKind, MessageId, Recipient, SourceName};
use maily_analytics::port::{Source, Webhook};
use maily_errors::Result;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use serde_json::{Map, Value};

use crate::error;

/// What is needed to take SendGrid's webhooks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendGridConfig {
    /// The verification key as SendGrid shows it: base64 of DER.
    pub public_key: String,
    /// How far the signed time may be from ours, in both directions. Default 10 minutes.
    pub window: SignedDuration,
}

/// Verifies and translates SendGrid's event webhooks.
///
/// A body has at most 4 MiB and 10,000 events; SendGrid itself sends at most 768 KiB.
#[derive(Clone, Debug)]
pub struct SendGrid {
    name: SourceName,
    key: VerifyingKey,
    window: SignedDuration,
}

impl SendGridConfig {
    /// Starts from the verification key.
    pub fn new(public_key: impl Into<String>) -> Self {
        Self { public_key: public_key.into(), window: SignedDuration::from_mins(10) }
    }

    /// Sets how far the signed time may be from ours.
    #[must_use]
    pub const fn with_window(mut self, window: SignedDuration) -> Self {
        self.window = window;
        self
    }

    /// Reads the key.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when it is not base64 of a P-256 key in DER.
    pub fn build(&self) -> Result<SendGrid> {
        let der = STANDARD
            .decode(self.public_key.trim())
            .map_err(|err| error::key("the verification key is not base64").with_source(err))?;
        let key = VerifyingKey::from_public_key_der(&der)
            .map_err(|err| error::key("the verification key is not a P-256 key").with_source(err))?;
        Ok(SendGrid { name: SourceName::new(SendGrid::SCHEME)?, key, window: self.window.abs() })
    }
}

impl SendGrid {
    /// The name of the provider in routes and events.
    pub const SCHEME: &str = "sendgrid";
    /// The header with the signature: base64 of DER.
    pub const SIGNATURE_HEADER: &str = "x-twilio-email-event-webhook-signature";
    /// The header with the signed time, in seconds since 1970.
    pub const TIMESTAMP_HEADER: &str = "x-twilio-email-event-webhook-timestamp";
    /// The largest body, in bytes.
    pub const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;
    /// The most events of one webhook.
    pub const EVENTS_LIMIT: usize = 10_000;

    /// The signature covers the timestamp header and the raw body, one after the other.
    fn verify(&self, webhook: &Webhook) -> Result<()> {
        let timestamp = header(&webhook.headers, Self::TIMESTAMP_HEADER)?;
        let signature = STANDARD
            .decode(header(&webhook.headers, Self::SIGNATURE_HEADER)?)
            .map_err(|_| error::signature("the signature is not base64"))?;
        let signature = DerSignature::try_from(&signature[..])
            .map_err(|_| error::signature("the signature is not DER"))?;
        let signed = [timestamp.as_bytes(), &webhook.body].concat();
        self.key
            .verify(&signed, &signature)
            .map_err(|_| error::signature("the signature does not match the body"))?;

        // Only now: a time that nobody signed says nothing.
        let signed_at: i64 =
            timestamp.parse().map_err(|_| error::signature("the timestamp is not a number of seconds"))?;
        let age = webhook.received.as_second().saturating_sub(signed_at);
        if age.unsigned_abs() > self.window.as_secs().unsigned_abs() {
            return Err(error::stale(age, self.window.as_secs()));
        }
        Ok(())
    }

    fn translate(&self, index: usize, mut fields: Map<String, Value>) -> Result<Event> {
        let mut text = |name: &'static str| match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(error::field(index, name, "text")),
        };
        let named = |name, expected| move |_| error::field(index, name, expected);
        let missing = |name| move || error::field(index, name, "not missing");

        let id = text("sg_event_id")?.ok_or_else(missing("sg_event_id"))?;
        let kind = kind(text("event")?.ok_or_else(missing("event"))?);
        let recipient = text("email")?.ok_or_else(missing("email"))?;
        let message = text("sg_message_id")?;
        let campaign = text("campaign")?.or(text("singlesend_id")?).or(text("marketing_campaign_id")?);
        let time = seconds(&fields.remove("timestamp").ok_or_else(missing("timestamp"))?)
            .ok_or_else(|| error::field(index, "timestamp", "seconds since 1970"))?;
        let machine = fields.remove("sg_machine_open").is_some_and(|value| is_true(&value));
        let campaign = campaign.or_else(|| category(&fields)).filter(|name| !name.is_empty());
        if fields.len() > Event::EXTRA_LIMIT {
            return Err(error::too_large("fields of an event", fields.len(), Event::EXTRA_LIMIT));
        }
        let name = "1 to 256 bytes without control characters";
        Ok(Event {
            source: self.name.clone(),
            id: EventId::new(id).map_err(named("sg_event_id", name))?,
            kind,
            time,
            recipient: Recipient::new(recipient).map_err(named("email", name))?,
            message: message
                .as_deref()
                .map(whole_message)
                .transpose()
                .map_err(named("sg_message_id", name))?,
            campaign: campaign.map(CampaignId::new).transpose().map_err(named("category", name))?,
            machine,
            extra: fields,
        })
    }
}

impl Source for SendGrid {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn read(&self, webhook: &Webhook) -> Result<Vec<Event>> {
        // The size first: it bounds the work of everything below, the hash of the signature included.
        if webhook.body.len() > Self::BODY_LIMIT_BYTES {
            return Err(error::too_large("bytes", webhook.body.len(), Self::BODY_LIMIT_BYTES));
        }
        self.verify(webhook)?;
        let events: Vec<Map<String, Value>> = serde_json::from_slice(&webhook.body).map_err(error::body)?;
        if events.len() > Self::EVENTS_LIMIT {
            return Err(error::too_large("events", events.len(), Self::EVENTS_LIMIT));
        }
        events.into_iter().enumerate().map(|(index, fields)| self.translate(index, fields)).collect()
    }
}

/// Returns the one value of a header. Two values are refused: which one was signed?
fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| error::signature("a header of the signature is missing"))?;
    if values.next().is_some() {
        return Err(error::signature("a header of the signature stands twice"));
    }
    value.to_str().map_err(|_| error::signature("a header of the signature is not text"))
}

fn kind(word: String) -> EventKind {
    match word.as_str() {
        "processed" => EventKind::Sent,
        "delivered" => EventKind::Delivered,
        "open" => EventKind::Open,
        "click" => EventKind::Click,
        "bounce" => EventKind::Bounce,
        "spamreport" => EventKind::Complaint,
        "unsubscribe" | "group_unsubscribe" => EventKind::Unsubscribe,
        // `dropped`, `deferred` and `group_resubscribe` have no word of ours, nor has what comes next year. A word
        // that is one of ours by chance must not become it: SendGrid has no `sent` and no `conversion`.
        _ => EventKind::Unknown(word),
    }
}

/// Seconds since 1970, as a number or, in older accounts, as text.
fn seconds(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    Timestamp::from_second(seconds).ok()
}

/// `true`, or the same as text, as several libraries pass it on.
fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}

/// The first category, which is where senders put the name of a campaign. It stays among the extra fields.
fn category(fields: &Map<String, Value>) -> Option<String> {
    match fields.get("category")? {
        Value::String(name) => Some(name.clone()),
        Value::Array(names) => names.first()?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// The part before the first `.` names the message; the rest names the delivery, and differs between the events of
/// one message. Events without a delivery, such as `processed`, have none.
fn whole_message(id: &str) -> Result<MessageId> {
    MessageId::new(id.split_once('.').map_or(id, |(message, _)| message))
}
