//! What every fake server stands on: a free port, and an end when it is dropped.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A free port of loopback.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has free ports");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    (listener, address)
}

/// Goes on in the background until the guard is dropped.
pub(crate) fn until_dropped<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(stop.clone().run_until_cancelled_owned(work));
    stop.drop_guard()
}
