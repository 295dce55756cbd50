//! The bearer keys of the server.

use maily_errors::Secret;
use maily_mesh::Tenant;
use serde::Deserialize;

/// A bearer key that opens every route: `"SECRET"`, or `{ secret = "SECRET", tenant = "acme" }`. It is read and never
/// written.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
#[serde(from = "Written")]
pub struct Key {
    /// What a caller presents, 16 characters or more.
    pub secret: Secret<String>,
    /// Whose memories and kept answers it has, with all below: `default` if it does not say, and with `*` those of
    /// everybody.
    pub tenant: Tenant,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Secret(Secret<String>),
    Key {
        secret: Secret<String>,
        #[serde(default)]
        tenant: Tenant,
    },
}

impl Key {
    /// The tenant of a key that may name any.
    pub const ANY: &str = "*";

    /// Creates a key of the tenant `default`.
    pub fn new(secret: impl Into<String>) -> Self {
        Self { secret: Secret::new(secret.into()), tenant: Tenant::default() }
    }

    /// Sets whose memories and kept answers it has.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Returns what is wrong with it.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let bytes = self.tenant.as_str().len();
        if self.secret.expose().len() < 16 {
            return Some("a key has 16 characters or more");
        }
        (!(1..=Tenant::MAX_BYTES).contains(&bytes)).then_some("a tenant has 1 to 256 bytes")
    }
}

impl From<Written> for Key {
    fn from(written: Written) -> Self {
        let (secret, tenant) = match written {
            Written::Secret(secret) => (secret, Tenant::default()),
            Written::Key { secret, tenant } => (secret, tenant),
        };
        Self { secret, tenant }
    }
}
