use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body, if it is JSON; else a string.
    pub body: Value,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let (url, kind) = (response.url().clone(), crate::server::header(&response, "content-type"));
        let method = crate::client::method(&response);
        let text = response.text().await.unwrap();
        crate::contract::check(&method, &url, status.as_u16(), &kind, &text);
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.is_success(), "{self:?}");
        self
    }

    /// A refusal with this status and this reason, as a problem.
    #[track_caller]
    pub fn refused(self, status: u16, reason: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.body["reason"].as_str()), (status, Some(reason)), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        if matches!(status, 429 | 503) {
            assert!(self.header("retry-after").is_some(), "{self:?}");
        }
        self
    }

    /// A refusal that names `field`.
    #[track_caller]
    pub fn refused_field(self, field: &str) -> Self {
        let answer = self.expect(400);
        let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
        let named = errors.iter().any(|error| error["field"].as_str().is_some_and(|named| named.starts_with(field)));
        assert!(named, "{field} is not named in {answer:?}");
        answer
    }

    /// A member that is a string.
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The names of the body's members, in order.
    pub fn members(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.body.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}
