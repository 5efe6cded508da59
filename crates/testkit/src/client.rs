//! A client at the REST face, and a reader of the development mailbox.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::eventually;

/// The password of people in tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// What the face answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body, null when there was none.
    pub body: Value,
}

/// A client of one gateway, perhaps logged in.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
}

// === impl Answer ===

impl Answer {
    /// The answer, if it has this status.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the check is the use; few need the answer beyond it"
    )]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// The problem's code, or empty.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text of the body.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body)).to_owned()
    }

    /// A header, or empty.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

// === impl Client ===

impl Client {
    /// A client at this base address, not logged in.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), http: reqwest::Client::new(), token: None }
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Sends a request with headers; the path is below `/api/v1`, or from the root when it starts with `//`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await
    }

    /// Sends a file of a type.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn upload(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        file: impl Into<Vec<u8>>,
    ) -> Answer {
        let request = self.request(method, path).header("content-type", media_type).body(file.into());
        answer(request).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = match path.strip_prefix("//") {
            Some(root) => format!("{}/{root}", self.base),
            None => format!("{}/api/v1{path}", self.base),
        };
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    /// The same; none where nobody answers, as while a process restarts.
    pub async fn try_post(&self, path: &str, body: Value) -> Option<Answer> {
        try_answer(self.request(Method::POST, path).json(&body)).await.ok()
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body), &[]).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// Registers a person with this e-mail address and [`PASSWORD`], and answers their account.
    pub async fn register(&self, email: &str) -> Value {
        let body = json!({ "name": "Ada Lovelace", "email": email, "password": PASSWORD });
        self.post("/users", body).await.expect(201).body
    }

    /// Logs in by e-mail and [`PASSWORD`]; the client that has the access token, and the whole answer.
    pub async fn login(&self, identifier: &str) -> (Client, Value) {
        let body = json!({ "identifier": identifier, "password": PASSWORD });
        let answer = self.post("/auth/login", body).await.expect(200);
        (self.with_token(&answer.text("access_token")), answer.body)
    }

    /// The messages in the mailbox to an address, newest first.
    ///
    /// # Panics
    /// When notify cannot be reached.
    pub async fn mailbox(&self, to: &str) -> Vec<Value> {
        self.try_mailbox(to).await.expect("the mailbox answers")
    }

    /// The same, or none while notify cannot be reached.
    async fn try_mailbox(&self, to: &str) -> Option<Vec<Value>> {
        let path = format!("//dev/mailbox/messages?to={}", to.replace('+', "%2B"));
        let answer = self.get(&path).await;
        (answer.status == 200).then(|| answer.body["items"].as_array().cloned().unwrap_or_default())
    }

    /// Waits for the newest message to an address once there are `count` of them.
    pub async fn mail(&self, to: &str, count: usize) -> Value {
        let what = format!("message {count} to {to}");
        eventually(&what, || async {
            let items = self.try_mailbox(to).await?;
            (items.len() >= count).then(|| items[0].clone())
        })
        .await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    try_answer(request).await.expect("an answer")
}

async fn try_answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(if text.is_empty() {
        Value::Null
    } else {
        Value::String(text)
    });
    Ok(Answer { status, headers, body })
}

/// The six digits on their own in a message.
///
/// # Panics
/// When there are none.
pub fn code_in(message: &Value) -> String {
    let text = message["text"].as_str().unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let code = words.into_iter().find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()));
    code.unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

/// The token of the link in a message.
///
/// # Panics
/// When there is none.
pub fn token_in(message: &Value) -> String {
    let text = message["text"].as_str().unwrap_or_default();
    let (_, rest) = text.split_once("token=").unwrap_or_else(|| panic!("no link in {text}"));
    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
        .next()
        .unwrap_or_default()
        .to_owned()
}
