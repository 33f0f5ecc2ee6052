//! Discord as it is reached without `discord.api_url`: at its own name, by TLS, through serenity's rate limiter.
//!
//! The program itself cannot be told that discord.com is here, so its library runs in the test with a client that knows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chatfriends::platforms::discord;
use chatfriends::run;
use chatfriends::settings::Settings;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;

use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_model::FakeModel;
use crate::support::{eventually, serving};

/// Stands before a server and speaks TLS as discord.com. Gives its address and its certificate.
async fn as_discord(server: &str) -> (SocketAddr, reqwest::Certificate) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["discord.com".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = serving::listen().await;
    let server = server.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let mut connection = acceptor.accept(connection).await.ok()?;
                let mut server = TcpStream::connect(server).await.ok()?;
                copy_bidirectional(&mut connection, &mut server).await.ok()
            });
        }
    });
    (address, reqwest::Certificate::from_der(cert.der()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn its_rate_limits_are_kept() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    discord.limits_messages(2, Duration::from_secs(3));
    let (address, certificate) = as_discord(discord.url()).await;
    let client = discord::client()
        .resolve("discord.com", address)
        .add_root_certificate(certificate)
        .no_proxy()
        .build()
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    let written = format!(
        "[store]\npath = {:?}\n[personas]\npath = {:?}\n[server]\nurl = {:?}\nmodel = \"fake\"\n[discord]\ntoken = {:?}\n",
        folder.path().join("data"),
        folder.path().join("personas"),
        model.url(),
        discord.token(),
    );
    std::fs::write(&file, written).unwrap();
    let settings = Settings::load(Some(&file)).unwrap();
    let bot = settings.discord.clone().unwrap();
    assert!(bot.api_url.is_none());
    let ctx = run::open(settings).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(discord::run(bot, client, Arc::clone(&ctx), stop.clone()));

    discord.until_connected().await;
    let general = discord.guild("club").channel("general");
    // One of them is turned away although nothing foretold it.
    discord
        .next("POST", "/channels/*/messages")
        .asks_to_wait(Duration::from_secs(1));
    for name in ["yun", "min", "jun"] {
        let person = discord.person(name);
        discord.private(&person).says(&person, "hello");
        general.says(&person, "Joey, are you there?");
    }
    general.until_count(3).await;
    assert_eq!(discord.early_retries(), 0);

    // Answers to interactions do not wait when everything else must.
    discord
        .next("POST", "/channels/*/messages")
        .asks_all_to_wait(Duration::from_secs(6));
    let posts = || {
        let requests = discord.requests();
        let posts = requests
            .iter()
            .filter(|line| line.starts_with("POST /channels/") && line.ends_with("/messages"));
        posts.count()
    };
    let before = posts();
    let yun = discord.person("yun");
    discord.private(&yun).says(&yun, "hello");
    eventually("it is told to wait", async || posts() > before).await;
    let used = general.commands(&yun, "help", json!({})).await;
    assert_eq!(used.response().await.kind, 4);

    stop.cancel();
    running.await.unwrap();
    run::finish(&ctx).await;
}
