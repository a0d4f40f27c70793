//! A client whose answers know which method was asked with: the document is held against them by it.

use http::{HeaderName, HeaderValue, Method};
use reqwest::{Body, Response};
use serde::Serialize;

/// As reqwest's own.
#[derive(Debug, Clone)]
pub struct Client(pub reqwest::Client);

/// As reqwest's own.
#[must_use]
#[derive(Debug)]
pub struct RequestBuilder(reqwest::RequestBuilder);

/// Noted on every answer.
#[derive(Debug, Clone)]
struct AskedWith(Method);

impl Client {
    pub fn request(&self, method: Method, url: impl reqwest::IntoUrl) -> RequestBuilder {
        RequestBuilder(self.0.request(method, url))
    }

    pub fn get(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    pub fn post(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }
}

impl RequestBuilder {
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        Self(self.0.header(name, value))
    }

    pub fn bearer_auth(self, token: impl std::fmt::Display) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub fn body(self, body: impl Into<Body>) -> Self {
        Self(self.0.body(body))
    }

    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        Self(self.0.json(body))
    }

    pub async fn send(self) -> reqwest::Result<Response> {
        let (client, request) = self.0.build_split();
        let request = request?;
        let method = request.method().clone();
        let mut response = client.execute(request).await?;
        response.extensions_mut().insert(AskedWith(method));
        Ok(response)
    }
}

/// The method that was asked with.
#[track_caller]
pub fn method(response: &Response) -> Method {
    let AskedWith(method) = response.extensions().get().expect("an answer to a client of these tests");
    method.clone()
}
