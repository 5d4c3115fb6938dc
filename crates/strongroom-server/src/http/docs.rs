//! `/openapi.json`, and `/docs`, a page with its text. The page loads nothing.

use super::headers::JSON;
use crate::openapi::openapi as description;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde_json::Value;
use std::fmt::Write;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(description);
static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());
static PAGE: LazyLock<String> = LazyLock::new(|| page_of(&DOCUMENT));

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;\
background:#fff}code{font:.9em ui-monospace,monospace;background:#f2f2f2;padding:.1em .3em;border-radius:3px}\
h2{margin-top:2.5rem;border-bottom:1px solid #ccc}h2 code{background:none;font-size:1em}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #e4e4e4}\
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}code{background:#2a2a2a}}";

/// The description as JSON.
pub(super) async fn openapi() -> impl IntoResponse {
    (JSON, TEXT.as_str())
}

/// The description as a page.
pub(super) async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE.as_str()))
}

fn page_of(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Strongroom</title><style>{STYLE}</style><h1>Strongroom {}</h1><p>{}</p>\
         <p>As JSON: <a href=\"/openapi.json\"><code>/openapi.json</code></a>.</p>",
        text(&document["info"]["version"]),
        text(&document["info"]["description"]),
    );
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            write_operation(&mut page, path, method, operation);
        }
    }
    page.push_str("<h1>Shapes</h1>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        write_schema(&mut page, name, schema);
    }
    page
}

fn write_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let signed = if operation["security"].is_array() { " Signed, by the two sign-in headers." } else { "" };
    let _ = write!(
        page,
        "<h2 id=\"{}\"><code>{} {}</code></h2><p><b>{}.</b> {}{signed}</p><table>",
        text(&operation["operationId"]),
        method.to_uppercase(),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let place = text(&parameter["in"]);
        row(
            page,
            &format!("<code>{}</code> ({place})", text(&parameter["name"])),
            &text(&parameter["description"]),
        );
    }
    if let Some(shape) = shape_of(&operation["requestBody"]["content"]["application/json"]["schema"]) {
        row(page, "body", &shape);
    }
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let shape =
            shape_of(&answer["content"]["application/json"]["schema"]).filter(|_| status.starts_with('2'));
        let shape = shape.map_or(String::new(), |shape| format!(": {shape}"));
        row(page, &escape(status), &format!("{}{shape}", text(&answer["description"])));
    }
    page.push_str("</table>");
}

fn write_schema(page: &mut String, name: &str, schema: &Value) {
    let _ = write!(
        page,
        "<h2 id=\"{0}\"><code>{0}</code></h2><p>{1}</p><table>",
        escape(name),
        text(&schema["description"])
    );
    for (field, shape) in schema["properties"].as_object().into_iter().flatten() {
        let required =
            schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field));
        let optional = if required { "" } else { "?" };
        let link = shape_of(shape).or_else(|| shape_of(&shape["items"])).unwrap_or_default();
        row(page, &format!("<code>{}{optional}</code> {link}", escape(field)), &text(&shape["description"]));
    }
    page.push_str("</table>");
}

fn row(page: &mut String, head: &str, content: &str) {
    let _ = write!(page, "<tr><th>{head}</th><td>{content}</td></tr>");
}

/// A link to the named shape that a schema refers to, if it does.
fn shape_of(schema: &Value) -> Option<String> {
    let direct = schema["$ref"].as_str();
    let among = || schema["oneOf"].as_array()?.iter().find_map(|schema| schema["$ref"].as_str());
    let name = direct.or_else(among)?.rsplit('/').next()?;
    Some(format!("<a href=\"#{0}\"><code>{0}</code></a>", escape(name)))
}

/// A text of the document in HTML, with the parts between backticks as code.
fn text(value: &Value) -> String {
    let escaped = escape(value.as_str().unwrap_or_default());
    let parts = escaped.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
