//! Names, so that one kind is never taken for another.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Creates a name. It is compared byte by byte.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::new(name)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

name! {
    /// The name of a model, as a client writes it.
    ModelName
}
name! {
    /// The name of a node, as the configuration writes it.
    NodeName
}
name! {
    /// The name of a caller's key, for limits, metrics and logs: 1 to 64 bytes, never the secret itself.
    KeyName
}
name! {
    /// The name of an instance of the mesh among its peers: 1 to 32 bytes.
    InstanceName
}
name! {
    /// Whose memories these are. Two tenants never see each other's.
    Tenant
}
name! {
    /// The name of one memory.
    MemoryId
}

impl ModelName {
    /// The name that every mesh answers to: the first model of its first node.
    pub const DEFAULT: &'static str = "default";
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new("default")
    }
}
