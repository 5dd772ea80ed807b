//! Errors as JavaScript sees them: plain objects `{kind, message, hint}`.

use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use wasm_bindgen::JsValue;

#[derive(Serialize)]
struct PlainError<'a> {
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

/// The object to throw for an error.
pub(super) fn throw(error: &Error) -> JsValue {
    let plain = PlainError {
        kind: match error.kind() {
            ErrorKind::Input => "input",
            ErrorKind::Bundle => "bundle",
            ErrorKind::Device => "device",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Internal => "internal",
        },
        message: error.message(),
        hint: error.next_step(),
    };
    plain
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .unwrap_or_else(|_| JsValue::from_str(error.message()))
}

/// Turns a crate's result into one that JavaScript can be thrown.
pub(super) trait Thrown<T> {
    /// The same result with its error as a JavaScript object.
    fn thrown(self) -> Result<T, JsValue>;
}

impl<T> Thrown<T> for Result<T> {
    fn thrown(self) -> Result<T, JsValue> {
        self.map_err(|e| throw(&e))
    }
}
