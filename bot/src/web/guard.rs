//! Keeps other web sites' scripts out. A browser on this machine reaches loopback for any page it shows, so the address alone protects nothing.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Refuses requests that a browser sends for another site, and requests under a foreign name that was pointed at this machine.
pub(super) async fn same_site_only(request: Request, next: Next) -> Response {
    match trusted(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(reason) => (StatusCode::FORBIDDEN, format!("refused: {reason}\n")).into_response(),
    }
}

fn trusted(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST);
    if let Some(host) = host
        && !names_this_machine(host)
    {
        return Err(
            "open the page by its IP address or as localhost; other names could be another site's",
        );
    }
    // Browsers send Origin with every request that can change something; programs send none.
    match (text(header::ORIGIN), host) {
        (None, _) => Ok(()),
        (Some(origin), Some(host))
            if origin.split_once("://").is_some_and(|(_, of)| of == host) =>
        {
            Ok(())
        }
        (Some(_), _) => Err("the request comes from another site's page"),
    }
}

/// Addresses cannot be another site's names, and `localhost` is resolved by the browser itself.
fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>, accepted: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        assert_eq!(trusted(&headers).is_ok(), accepted, "{host} {origin:?}");
    }

    #[test]
    fn only_this_machine_s_own_page_may_ask() {
        check("127.0.0.1:8787", None, true);
        check("localhost:8787", Some("http://localhost:8787"), true);
        check("[::1]:8787", Some("http://[::1]:8787"), true);
        check("127.0.0.1:8787", Some("http://elsewhere.example"), false);
        check("127.0.0.1:8787", Some("null"), false);
        // A foreign name that resolves to loopback.
        check("elsewhere.example:8787", None, false);
        check("elsewhere.example", Some("http://elsewhere.example"), false);
    }
}
