//! Problem documents, as a description of an interface names them.

/// The `components` of an `OpenAPI` 3.1 description: `schemas` and `responses`, as JSON. Generated from the catalogue.
///
/// `Problem` is any answer that is an error. `Problem404`, and so on for each status of the catalogue, is an answer
/// with that status: its codes are enumerated, with an example of each.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, OPENAPI_COMPONENTS};
///
/// let components: serde_json::Value = serde_json::from_str(OPENAPI_COMPONENTS)?;
/// let codes = &components["schemas"]["Problem404"]["allOf"][1]["properties"]["code"]["enum"];
/// assert!(codes.as_array().is_some_and(|codes| codes.contains(&Code::ModelNotFound.name().into())));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub const OPENAPI_COMPONENTS: &str = include_str!("../openapi.json");
