//! `pilothouse api`: what a daemon serves, for programs.

use super::exit::{Ended, Exit};

/// The OpenAPI document, as `/v1/openapi.json` gives it, with line breaks.
///
/// # Errors
/// It cannot be written as text.
pub fn api() -> Result<String, Ended> {
    let document = crate::api::server::document();
    let text = serde_json::to_string_pretty(&document);
    let text = text.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    Ok(text + "\n")
}
