//! Reads the body of a request: gathers everything that is wrong with it, as Discord does, and notes fields that nobody knows.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;

pub(super) struct Form {
    body: Map<String, Value>,
    errors: Value,
    /// Discord ignores fields that it does not know; here they are faults.
    pub(super) unknown: Vec<String>,
}

impl Form {
    /// Takes an object with these fields.
    pub(super) fn of(body: Option<&Value>, known: &[&str]) -> Result<Self, Refusal> {
        let body = match body {
            Some(Value::Object(fields)) => fields.clone(),
            None => Map::new(),
            Some(_) => {
                let errors = said(
                    "DICT_TYPE_CONVERT",
                    "Only dictionaries may be used in a DictType",
                );
                return Err(invalid(&errors));
            }
        };
        let mut form = Self {
            body,
            errors: json!({}),
            unknown: Vec::new(),
        };
        form.knows("", &Value::Object(form.body.clone()), known);
        Ok(form)
    }

    /// Notes the fields of an object that are not among these.
    pub(super) fn knows(&mut self, path: &str, object: &Value, known: &[&str]) {
        let Some(fields) = object.as_object() else {
            return self.wrong(
                path,
                "DICT_TYPE_CONVERT",
                "Only dictionaries may be used in a DictType",
            );
        };
        let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
        self.unknown
            .extend(unknown.map(|name| format!("{path}.{name}")));
    }

    /// A field, `Null` if it is not there.
    pub(super) fn get(&self, name: &str) -> &Value {
        self.body.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.body.contains_key(name)
    }

    /// A text of the body that may be left out.
    pub(super) fn text(&mut self, name: &str, most: usize) -> Option<String> {
        let value = self.get(name).clone();
        if value.is_null() {
            return None;
        }
        self.text_in(name, &value, 0, most)
    }

    /// A text somewhere in the body; its length counts code points.
    pub(super) fn text_in(
        &mut self,
        path: &str,
        value: &Value,
        least: usize,
        most: usize,
    ) -> Option<String> {
        // Discord takes numbers for texts, but a client that sends one has a fault of its own.
        let Some(text) = value.as_str() else {
            match value.is_null() {
                true => self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required"),
                false => self.wrong(
                    path,
                    "STRING_TYPE_CONVERT",
                    "Could not interpret value as string.",
                ),
            }
            return None;
        };
        let length = text.chars().count();
        if length >= least && length <= most {
            return Some(text.to_owned());
        }
        if least == 0 {
            let message = format!("Must be {most} or fewer in length.");
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", &message);
        } else if length == 0 {
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required");
        } else {
            let message = format!("Must be between {least} and {most} in length.");
            self.wrong(path, "BASE_TYPE_BAD_LENGTH", &message);
        }
        None
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        let value = self.get(name).clone();
        if !value.is_null() && !value.is_boolean() {
            self.wrong(
                name,
                "BOOLEAN_TYPE_CONVERT",
                "Must be either true or false.",
            );
        }
        value == true
    }

    /// The elements of a list that may be left out.
    pub(super) fn list_in(&mut self, path: &str, value: &Value, most: usize) -> Vec<Value> {
        match value {
            Value::Null => Vec::new(),
            Value::Array(elements) => {
                if elements.len() > most {
                    let message = format!("Must be {most} or fewer in length.");
                    self.wrong(path, "BASE_TYPE_MAX_LENGTH", &message);
                }
                elements.clone()
            }
            _ => {
                self.wrong(
                    path,
                    "LIST_TYPE_CONVERT",
                    "Only iterables may be used in a ListType",
                );
                Vec::new()
            }
        }
    }

    /// Says what is wrong at a path such as `components.0.label`.
    pub(super) fn wrong(&mut self, path: &str, code: &str, message: &str) {
        let place = path
            .split('.')
            .filter(|part| !part.is_empty())
            .fold(&mut self.errors, |place, part| &mut place[part]);
        *place = said(code, message);
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.errors != json!({})
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self.is_wrong() {
            true => Err(invalid(&self.errors)),
            false => Ok(()),
        }
    }
}

fn said(code: &str, message: &str) -> Value {
    json!({ "_errors": [{ "code": code, "message": message }] })
}

fn invalid(errors: &Value) -> Refusal {
    let mut refusal = Refusal::new(400, 50_035, "Invalid Form Body");
    refusal.body["errors"] = errors.clone();
    refusal
}
