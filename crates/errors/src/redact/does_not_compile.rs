//! Ways for a secret to get out that do not compile. Each has a twin that differs in one place and compiles, so that
//! it fails for the reason that it names.

/// A secret as context:
///
/// ```compile_fail
/// use maily_errors::{Code, Error, Secret};
///
/// let key = Secret::new("hunter2");
/// let _ = Error::from(Code::Unauthorized).with_context("key", key);
/// ```
///
/// ```
/// use maily_errors::{Code, Error, Secret};
///
/// let key = Secret::new("hunter2");
/// let _ = Error::from(Code::Unauthorized).with_context("key", *key.expose());
/// ```
struct AsContext;

/// A secret that is declared public:
///
/// ```compile_fail
/// use maily_errors::{Code, Error, Public, Secret};
///
/// let key = Secret::new(7);
/// let _ = Error::from(Code::Unauthorized).with_context("key", Public(key));
/// ```
///
/// ```
/// use maily_errors::{Code, Error, Public, Secret};
///
/// let key = Secret::new(7);
/// let _ = Error::from(Code::Unauthorized).with_context("key", Public(*key.expose()));
/// ```
struct AsPublicContext;

/// A secret as text:
///
/// ```compile_fail
/// let key = maily_errors::Secret::new("hunter2");
/// let _ = format!("{}", key);
/// ```
///
/// ```
/// let key = maily_errors::Secret::new("hunter2");
/// let _ = format!("{}", key.expose());
/// ```
struct AsText;

/// A secret as a value of a span:
///
/// ```compile_fail
/// let key = maily_errors::Secret::new("hunter2");
/// let _ = tracing::info_span!("request", key = key);
/// ```
///
/// ```
/// let key = maily_errors::Secret::new("hunter2");
/// let _ = tracing::info_span!("request", key = *key.expose());
/// ```
struct InASpan;

/// A secret as a displayed value of an event:
///
/// ```compile_fail
/// let key = maily_errors::Secret::new("hunter2");
/// tracing::info!(key = %key, "asked");
/// ```
///
/// ```
/// let key = maily_errors::Secret::new("hunter2");
/// tracing::info!(key = %key.expose(), "asked");
/// ```
struct InAnEvent;

/// A secret as JSON:
///
/// ```compile_fail
/// let key = maily_errors::Secret::new("hunter2");
/// let _ = serde_json::to_string(&key);
/// ```
///
/// ```
/// let key = maily_errors::Secret::new("hunter2");
/// let _ = serde_json::to_string(key.expose());
/// ```
struct AsJson;

/// A secret as the source of an error:
///
/// ```compile_fail
/// use maily_errors::{Code, Error, Secret};
///
/// let key = Secret::new("hunter2");
/// let _ = Error::from(Code::Unauthorized).with_source(key);
/// ```
///
/// ```
/// use maily_errors::{Code, Error, Secret};
///
/// let key = Secret::new("hunter2");
/// let _ = Error::from(Code::Unauthorized).with_source(*key.expose());
/// ```
struct AsSource;

/// A secret in a violation:
///
/// ```compile_fail
/// use maily_errors::{Secret, Violation};
///
/// let key = Secret::new("hunter2");
/// let _ = Violation::new("/key", key);
/// ```
///
/// ```
/// use maily_errors::{Secret, Violation};
///
/// let key = Secret::new("hunter2");
/// let _ = Violation::new("/key", *key.expose());
/// ```
struct InAViolation;

/// Input as the message, which a response shows:
///
/// ```compile_fail
/// use maily_errors::{Code, Error};
///
/// let input = String::from("hunter2");
/// let _ = Error::new(Code::Invalid, &input);
/// ```
///
/// ```
/// use maily_errors::{Code, Error};
///
/// let input = String::from("hunter2");
/// let _ = Error::new(Code::Invalid, "it is not valid").with_context("input", &input);
/// ```
struct InputAsMessage;

/// Input as a key of the context:
///
/// ```compile_fail
/// use maily_errors::{Code, Error, Public};
///
/// let input = String::from("hunter2");
/// let _ = Error::from(Code::Invalid).with_context(&input, Public(1));
/// ```
///
/// ```
/// use maily_errors::{Code, Error, Public};
///
/// let input = String::from("hunter2");
/// let _ = Error::from(Code::Invalid).with_context("input", Public(input.len()));
/// ```
struct InputAsKey;
