//! A request as it came: method, path, query and body.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri, header};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::world::Id;
use crate::support::multipart;

pub(super) struct Call {
    pub(super) method: String,
    /// What follows `/api/v10`, decoded.
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) authorization: Option<String>,
    pub(super) agent: String,
    content_type: String,
    bytes: Bytes,
}

impl Call {
    /// `None` when the path is of no API that we know.
    pub(super) fn read(
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Option<Self> {
        let path = uri.path().strip_prefix("/api/v10/")?;
        let header = |name| {
            let value = headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let query = uri.query().unwrap_or_default();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name), decoded(value))
            });
        Some(Self {
            method: method.to_string(),
            segments: path.split('/').map(decoded).collect(),
            query: query.collect(),
            authorization: header(header::AUTHORIZATION),
            agent: header(header::USER_AGENT).unwrap_or_default(),
            content_type: header(header::CONTENT_TYPE).unwrap_or_default(),
            bytes,
        })
    }

    pub(super) fn path(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let mut all = self.query.iter();
        all.find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn query_id(&self, name: &str) -> Option<Id> {
        self.query(name)?.parse().ok()
    }

    pub(super) fn body(&self) -> Result<Option<Value>, Refusal> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let invalid = || Refusal::new(400, 50_109, "The request body contains invalid JSON.");
        if let Some((_, boundary)) = self
            .content_type
            .split_once("multipart/form-data; boundary=")
        {
            return self.body_with_files(boundary).ok_or_else(invalid).map(Some);
        }
        if !self.content_type.starts_with("application/json") {
            return Err(invalid());
        }
        serde_json::from_slice(&self.bytes)
            .map(Some)
            .map_err(|_| invalid())
    }

    /// The JSON of a body, its attachments as Discord tells of them. `None` when it has none, or does not name exactly the files that came.
    fn body_with_files(&self, boundary: &str) -> Option<Value> {
        let (files, fields): (Vec<_>, Vec<_>) = multipart::parts(boundary, &self.bytes)
            .into_iter()
            .partition(|part| part.file.is_some());
        let json = fields.iter().find(|part| part.field == "payload_json")?;
        let mut body: Value = serde_json::from_slice(&json.bytes).ok()?;
        let message = match body.get("data") {
            Some(_) => &mut body["data"],
            None => &mut body,
        };
        let attachments = message["attachments"].as_array()?;
        if attachments.len() != files.len() {
            return None;
        }
        let told = attachments.iter().map(|named| {
            let field = format!("files[{}]", named["id"]);
            let file = files.iter().find(|part| part.field == field)?;
            let name = named["filename"].as_str()?;
            Some(json!({
                "id": named["id"].to_string(),
                "filename": name,
                "size": file.bytes.len(),
                "url": format!("https://cdn.discordapp.com/attachments/1/1/{name}"),
                "proxy_url": format!("https://media.discordapp.net/attachments/1/1/{name}"),
                // For tests alone; Discord has it at the address.
                "content": String::from_utf8_lossy(&file.bytes),
            }))
        });
        message["attachments"] = told.collect::<Option<Value>>()?;
        Some(body)
    }

    /// For faults.
    pub(super) fn shown(&self) -> String {
        let body = String::from_utf8_lossy(&self.bytes);
        let body: String = body.chars().take(2500).collect();
        format!("{} {} {body}", self.method, self.path())
    }

    /// Whether the path has this shape; `*` stands for one part.
    pub(super) fn is_like(&self, method: &str, pattern: &str) -> bool {
        let parts: Vec<&str> = pattern.trim_matches('/').split('/').collect();
        let fits = |(part, segment): (&&str, &String)| *part == "*" || part == segment;
        (method == "*" || method == self.method)
            && parts.len() == self.segments.len()
            && parts.iter().zip(&self.segments).all(fits)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'%' => {
                let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                    return text.to_owned();
                };
                bytes.push(u8::try_from(high * 16 + low).expect("two digits are a byte"));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
