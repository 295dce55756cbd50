//! Who sent a request.

use maily_errors::{Code, Error, Public, Result};

use super::{KeyName, Prompt, Tenant};

/// Who sent a request, as whoever let it in knows: whose limits hold, and whose memories and kept answers it may have.
///
/// Routes find it in the extensions of a request. A request without one is trusted: it may name any tenant.
///
/// # Examples
///
/// ```
/// use maily_errors::Code;
/// use maily_mesh::{Caller, Tenant};
///
/// let caller = Caller::new("acme").with_key("team-a");
/// assert_eq!(Tenant::of(Some(&caller), None)?.as_str(), "acme");
/// assert_eq!(Tenant::of(Some(&caller), Some("acme/ann".into()))?.as_str(), "acme/ann");
/// assert_eq!(Tenant::of(Some(&caller), Some("other".into())).unwrap_err().code(), Code::TenantNotAllowed);
/// assert_eq!(Tenant::of(None, Some("other".into()))?.as_str(), "other");
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Caller {
    /// Whose limits hold; none if nobody's do.
    pub key: Option<KeyName>,
    /// Whose memories and kept answers it has, with those of all tenants [below](Tenant::holds).
    pub tenant: Tenant,
}

impl Caller {
    /// Creates a caller without limits.
    pub fn new(tenant: impl Into<Tenant>) -> Self {
        Self { key: None, tenant: tenant.into() }
    }

    /// Sets whose limits hold.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<KeyName>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl Tenant {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Returns the tenant of a request: the one that it names, else that of its caller, else `default`.
    ///
    /// # Errors
    ///
    /// - [`Code::TenantNotAllowed`] when the caller names a tenant that is not its own.
    /// - [`Code::Invalid`] for a name over 256 bytes.
    pub fn of(caller: Option<&Caller>, named: Option<Self>) -> Result<Self> {
        let Some(named) = named else {
            return Ok(caller.map_or_else(Self::default, |caller| caller.tenant.clone()));
        };
        if named.as_str().len() > Self::MAX_BYTES {
            return Err(Error::new(Code::Invalid, "the name of the tenant is too long")
                .with_operation("mesh::tenant")
                .with_context("limit_bytes", Public(Self::MAX_BYTES)));
        }
        match caller.filter(|caller| !caller.tenant.holds(&named)) {
            None => Ok(named),
            Some(caller) => Err(Error::new(Code::TenantNotAllowed, "the tenant is another one's")
                .with_operation("mesh::tenant")
                .with_context("own", Public(caller.tenant.as_str()))),
        }
    }

    /// Returns whether another tenant is this one or below it: `acme` holds `acme/ann`, and not `acme-2`.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let rest = other.as_str().strip_prefix(self.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Prompt {
    /// Sets whose limits hold, and whose memories may be recalled.
    ///
    /// # Errors
    ///
    /// As [`Tenant::of`].
    pub fn with_caller(mut self, caller: Option<&Caller>, named: Option<Tenant>) -> Result<Self> {
        if caller.is_some() || named.is_some() {
            self.head.tenant = Tenant::of(caller, named)?;
        }
        self.head.key = caller.and_then(|caller| caller.key.clone());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_holds_itself_and_what_lies_below() {
        for (own, other, holds) in [
            ("a", "a", true),
            ("a", "a/b/c", true),
            ("a/b", "a/b/c", true),
            ("a", "a/", true),
            ("a", "ab", false),
            ("a/b", "a", false),
            ("a", "", false),
            ("a", "A", false),
            ("a", "/a", false),
        ] {
            assert_eq!(Tenant::from(own).holds(&other.into()), holds, "{own} {other}");
        }
    }

    #[test]
    fn name_is_as_long_as_it_may_be_and_no_longer() {
        let named = |bytes| Tenant::of(None, Some("t".repeat(bytes).into())).map_err(|err| err.code());

        assert!(named(256).is_ok());
        assert_eq!(named(257), Err(Code::Invalid));
    }

    #[test]
    fn prompt_of_a_caller_is_its_tenants_and_counts_for_its_key() {
        let caller = Caller::new("acme").with_key("team-a");
        let prompt = || Prompt::text("m", "Hi").unwrap();

        let own = prompt().with_caller(Some(&caller), None).unwrap();
        let other = prompt().with_caller(Some(&caller), Some("else".into()));
        let trusted = prompt().with_caller(None, Some("else".into())).unwrap();

        assert_eq!((own.head.tenant.as_str(), own.head.key.unwrap().as_str()), ("acme", "team-a"));
        assert_eq!(other.unwrap_err().code(), Code::TenantNotAllowed);
        assert_eq!((trusted.head.tenant.as_str(), trusted.head.key), ("else", None));
    }
}
