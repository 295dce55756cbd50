//! A row of features, as it stands in JSON.

use std::collections::BTreeMap;

use maily_analytics::Features;
use maily_analytics::subject::{self, Context};
use maily_errors::Result;
use serde::Deserialize;
use utoipa::ToSchema;

/// What is known about one thing: numbers, choices, and a subject line that is taken apart. At most 1,024 features.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Row {
    /// Numbers by name.
    numbers: BTreeMap<String, f32>,
    /// Choices by name, such as `plan`: `free`.
    categories: BTreeMap<String, String>,
    /// A subject line of at most 998 bytes.
    subject: Option<String>,
    /// The name that a personal subject would use.
    recipient_name: Option<String>,
    /// A name for the group of recipients.
    audience: Option<String>,
    /// The local hour of sending, 0 to 23.
    hour: Option<u8>,
}

impl Row {
    /// Makes the features. An error names the row by `pointer`.
    pub(super) fn features(self, pointer: &str) -> Result<Features> {
        self.build().map_err(|err| err.with_violation(pointer, "features that can be used"))
    }

    fn build(self) -> Result<Features> {
        let Self { numbers, categories, subject, recipient_name, audience, hour } = self;
        let context = Context { recipient_name, audience, hour };
        let mut row = match subject {
            Some(subject) => subject::features(&subject, &context)?,
            None => Features::new(),
        };
        for (name, value) in numbers {
            row = row.with(&name, value)?;
        }
        for (name, choice) in categories {
            row = row.with_category(&name, &choice)?;
        }
        Ok(row)
    }
}
