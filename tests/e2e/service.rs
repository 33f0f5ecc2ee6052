//! The daemon as a service of systemd, played by a socket of ours; and the command that health checks call.

use std::time::Duration;

use tokio::net::UnixDatagram;

use crate::support::fake_model::{FakeModel, Nobody};
use crate::support::home::Home;
use crate::support::in_time;

/// What is told up to and with something that contains `words`, a line each.
async fn told_until(manager: &UnixDatagram, words: &str) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let mut bytes = [0; 1_024];
        let length = in_time(words, manager.recv(&mut bytes))
            .await
            .expect("the socket can be read");
        let text = String::from_utf8(bytes[..length].to_vec()).expect("it is text");
        told.extend(text.lines().map(str::to_owned));
        if text.contains(words) {
            return told;
        }
    }
}

#[tokio::test]
async fn systemd_hears_that_it_is_ready_lives_and_stops() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let socket = home.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let home = home.with_manager(&socket, Duration::from_millis(200));
    let daemon = home.start().await;
    assert_eq!(told_until(&manager, "READY=1").await, ["READY=1"]);
    told_until(&manager, "STATUS=ready").await;
    // Not only once.
    for _ in 0..3 {
        told_until(&manager, "WATCHDOG=1").await;
    }
    let (status, _) = daemon.stop().await;
    assert_eq!(status.code(), Some(0));
    told_until(&manager, "STOPPING=1").await;
}

#[tokio::test]
async fn a_health_check_asks_the_daemon() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let home = home.set("web.listen", daemon.address());
    let said = home.run(&["healthcheck"]).await.sound();
    assert!(said.contains(r#""store":"ready""#), "{said}");
    daemon.stop().await;
    let nobody = home.run(&["healthcheck"]).await;
    assert_eq!(nobody.code, 1);
    assert!(nobody.stdout.contains("nobody answers"), "{nobody:?}");

    let away = Nobody::new();
    let home = Home::at_server(&away.url());
    let daemon = home.start_without_waiting().await;
    let unready = home
        .set("web.listen", daemon.address())
        .run(&["healthcheck"])
        .await;
    assert_eq!(unready.code, 1);
    assert!(unready.stdout.contains(r#""engine":"#), "{unready:?}");
}
