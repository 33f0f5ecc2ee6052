//! Starting and ending: everything that lives long is made, named and waited for here.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chatfriends_engine::{EngineError, Readiness};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::brains::Brains;
use crate::catalogue::Catalogue;
use crate::check;
use crate::commands::Audit;
use crate::compaction::Compactor;
use crate::context::Context;
use crate::dialogue::Dialogues;
use crate::disclosure::Disclosure;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::identity::Platform;
use crate::inbox::Inbox;
use crate::intake::Resumed;
use crate::invitations::Invitations;
use crate::lanes::Lanes;
use crate::memory::{Memory, MemoryLimits};
use crate::metrics;
use crate::moves::Moves;
use crate::platforms::health::Health;
use crate::platforms::keeper::keep;
use crate::platforms::telegram::webhook::Webhook;
use crate::platforms::{discord, telegram};
use crate::reasons::Reasons;
use crate::rules::PlaceRules;
use crate::safety;
use crate::service_manager;
use crate::settings::{self, Settings};
use crate::store::Store;
use crate::store::disk::DiskStore;
use crate::studio::Studio;
use crate::tally::Tally;
use crate::turn;
use crate::web::Web;

/// The whole shutdown takes no longer than this; what did not finish is named.
const SHUTDOWN: Duration = Duration::from_secs(10);
/// Replies that still run after this long are stopped where they stand.
const GRACE: Duration = Duration::from_secs(6);

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub async fn daemon(settings: Settings) -> Result<(), Failure> {
    metrics::install();
    let listen = settings.listen;
    let web = Web::bind(listen).await.map_err(|source| Failure::Address {
        address: listen,
        source,
    })?;
    let address = web
        .address()
        .context("the system does not tell the address")?;
    let ctx = open(settings).await?;
    for (level, fault) in ctx.settings.strangers(&ctx.catalogue.now()) {
        tracing::warn!(%level, fault, "A route names somebody of whom there is no file; where nobody of that name is made by command, the default persona answers.");
    }
    tracing::info!(%address, "Listening; the model gets ready.");

    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, "web", web.run(Arc::clone(&ctx), stop.clone()));
    spawn(
        &mut tasks,
        "personas",
        ctx.catalogue.clone().watch(stop.clone()),
    );
    spawn(
        &mut tasks,
        "check",
        check_personas(Arc::clone(&ctx), stop.clone()),
    );
    spawn(
        &mut tasks,
        "inbox",
        prune_inbox(Arc::clone(&ctx), stop.clone()),
    );
    spawn(
        &mut tasks,
        "service manager",
        service_manager::keep_told(Arc::clone(&ctx), stop.clone()),
    );
    let keeper = ctx.disk.clone().keep(stop.clone());
    spawn(&mut tasks, "store", async move {
        keeper.await;
        anyhow::Ok(())
    });
    if let Some(settings) = ctx.settings.discord.clone() {
        let adapter = move |ctx, stop| {
            let settings = settings.clone();
            async move {
                let client = discord::client()
                    .build()
                    .context("an HTTP client for Discord could not be made")?;
                discord::run(settings, client, ctx, stop).await;
                Ok(())
            }
        };
        spawn_adapter(&mut tasks, Platform::Discord, &ctx, &stop, adapter);
    }
    if let Some(settings) = ctx.settings.telegram.clone() {
        let adapter = move |ctx, stop| telegram::run(settings.clone(), ctx, stop);
        spawn_adapter(&mut tasks, Platform::Telegram, &ctx, &stop, adapter);
    }
    welcome(address);

    let ended_early = tokio::select! {
        signal = told_to_stop() => {
            tracing::info!(signal, "Stopping.");
            None
        }
        // No task ends by itself.
        failure = first_failure(&mut tasks) => Some(failure),
    };

    stop.cancel();
    let rest = async {
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
        finish(&ctx).await;
    };
    tokio::pin!(rest);
    if timeout(GRACE, &mut rest).await.is_err() {
        // What was said so far is then kept with its message.
        ctx.lanes.close();
        if timeout(SHUTDOWN - GRACE, rest).await.is_err() {
            tracing::warn!(
                seconds = SHUTDOWN.as_secs(),
                "Some replies did not end in time and were cut off; what was taken is stored."
            );
        }
    }
    match ended_early {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Makes the parts that turns work with; the engine gets ready in the background.
///
/// # Errors
/// When the store or a file that is needed cannot be opened.
pub async fn open(settings: Settings) -> Result<Arc<Context>, Failure> {
    let disk = DiskStore::open(&settings.store_path, settings.store_cache_mib).await?;
    let store: Arc<dyn Store> = Arc::new(disk.clone());
    tokio::task::spawn_blocking(safety::prepare);
    let (catalogue, faults) = Catalogue::open(&settings.personas_path);
    for fault in faults {
        tracing::warn!(%fault, "A persona file is broken and not used.");
    }
    let brains = Brains::start(
        &settings.brain,
        &settings.engine,
        &settings.store_path,
        settings.limits.reply,
    )?;
    let memory = Memory::new(Arc::clone(&store), MemoryLimits::default());
    let rules = PlaceRules::open(
        Arc::clone(&store),
        settings.routes.clone(),
        settings.default_persona.clone(),
    )
    .await?;
    let moves = Moves::open(Arc::clone(&store)).await?;
    Ok(Arc::new(Context {
        gate: Gate::new(settings.limits),
        lanes: Lanes::default(),
        turns: TaskTracker::new(),
        catalogue,
        studio: Studio::open(Arc::clone(&store)).await?,
        dialogues: Dialogues::open(Arc::clone(&store)).await?,
        rules,
        tally: Tally::default(),
        audit: Audit::new(Arc::clone(&store)),
        health: Health::default(),
        inbox: Inbox::new(Arc::clone(&store)),
        resumed: Resumed::default(),
        moves,
        invitations: Invitations::new(Arc::clone(&store)),
        webhook: Webhook::new(Arc::clone(&store)),
        disclosure: Disclosure::new(Arc::clone(&store)),
        store,
        disk,
        brains,
        compaction: Compactor::new(memory.clone(), settings.summariser, settings.summary_tokens),
        memory,
        reasons: Reasons::default(),
        settings,
    }))
}

/// Waits for the turns that run and what they left behind, then ends the engines. No more turns may come.
pub async fn finish(ctx: &Context) {
    ctx.turns.close();
    ctx.turns.wait().await;
    ctx.compaction.finish().await;
    ctx.brains.stop().await;
}

/// How often old records of the inbox are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

type Ended = (&'static str, anyhow::Result<()>);

fn spawn<E: Into<anyhow::Error>>(
    tasks: &mut JoinSet<Ended>,
    name: &'static str,
    task: impl Future<Output = Result<(), E>> + Send + 'static,
) {
    tasks.spawn(async move { (name, task.await.map_err(Into::into)) });
}

/// An adapter that fails ends nothing but itself.
fn spawn_adapter<Adapter>(
    tasks: &mut JoinSet<Ended>,
    platform: Platform,
    ctx: &Arc<Context>,
    stop: &CancellationToken,
    adapter: impl Fn(Arc<Context>, CancellationToken) -> Adapter + Send + Sync + 'static,
) where
    Adapter: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let (ctx, stop) = (Arc::clone(ctx), stop.clone());
    spawn(tasks, platform.word(), async move {
        let start = || adapter(Arc::clone(&ctx), stop.clone());
        keep(platform, &ctx.health, &stop, start).await;
        anyhow::Ok(())
    });
}

async fn first_failure(tasks: &mut JoinSet<Ended>) -> Failure {
    match tasks.join_next().await {
        Some(Ok((name, Ok(())))) => {
            Failure::Other(anyhow::anyhow!("the {name} task ended by itself"))
        }
        Some(Ok((name, Err(error)))) => {
            Failure::Other(error.context(format!("the {name} task failed")))
        }
        Some(Err(panic)) => {
            Failure::Other(anyhow::Error::new(panic).context("a task ended in a panic"))
        }
        None => std::future::pending().await,
    }
}

fn report(ended: Result<Ended, tokio::task::JoinError>) {
    match ended {
        Ok((_, Ok(()))) => {}
        Ok((name, Err(error))) => tracing::error!(
            task = name,
            error = format!("{error:#}"),
            "A task failed while stopping."
        ),
        Err(panic) => tracing::error!(%panic, "A task ended in a panic."),
    }
}

/// Tells the operator where to go.
#[expect(
    clippy::print_stdout,
    reason = "the address is what the operator started the program for"
)]
fn welcome(address: SocketAddr) {
    let port = address.port();
    println!("\nchatfriends is at http://{address}/");
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "chatfriends".to_owned());
    // Whoever starts a second program has not set what this one was started with.
    let same = if address.to_string() == settings::DEFAULT_LISTEN {
        String::new()
    } else {
        format!("CHATFRIENDS__WEB__LISTEN={address} ")
    };
    println!("  in a terminal, too:       {same}{program} chat");
    println!(
        "  from another machine:     ssh -L {port}:127.0.0.1:{port} THIS_MACHINE, then http://127.0.0.1:{port}/"
    );
    println!("  stop with Ctrl-C\n");
}

/// Checks every persona against its model before anyone talks to it, at the start, after each edit, and when an engine is new.
async fn check_personas(ctx: Arc<Context>, stop: CancellationToken) -> anyhow::Result<()> {
    let check = async {
        if let Some(warning) = check::default_beyond_training(&ctx.settings) {
            tracing::warn!(
                warning,
                "The context is larger than the default model's own."
            );
        }
        let mut told = false;
        while let Err(error) = ctx.brains.ready().await {
            if !told {
                // The engine knows the file, and not where its name stands.
                let fault = check::default_fault(&ctx.settings);
                let error = fault.unwrap_or_else(|| error.to_string());
                let library = ctx.catalogue.now();
                let personas = library.iter().filter(|it| it.model.is_none()).count();
                tracing::error!(
                    error,
                    personas,
                    "The default model cannot answer, nor can the personas without one of their own; the page is up and says so."
                );
                told = true;
            }
            // A server that is away may come back, and personas on models of their own need no other.
            if !matches!(error, EngineError::Gone(_)) {
                break;
            }
        }
        let mut lives = ctx.brains.lives();
        loop {
            lives.mark_unchanged();
            ctx.brains.keep(&ctx.catalogue.now());
            check_all(&ctx).await;
            tokio::select! {
                () = ctx.catalogue.edited() => {}
                // The engines hold the other end as long as the daemon lives.
                Ok(()) = lives.changed() => {}
                never = warm_all(&ctx) => never,
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        never = check => never,
    }
}

/// Names each persona that does not work, with the remedy. Of a model that is not running only its file is looked at. What is wrong with the
/// default model is told by whoever waited for it, once for all that need it.
async fn check_all(ctx: &Context) {
    let library = ctx.catalogue.now();
    let has_no_default = matches!(
        ctx.brains.readiness(),
        Readiness::Failed(_) | Readiness::NoRoom(_)
    );
    let (mut online, mut without_a_model) = (0, 0);
    for persona in library.iter() {
        if has_no_default && persona.model.is_none() {
            without_a_model += 1;
            continue;
        }
        let checked = if ctx.brains.runs(persona) {
            let seat = ctx.brains.seat(persona).await;
            seat.map(drop).map_err(|error| error.to_string())
        } else {
            check::persona_files(persona, &ctx.settings).map(drop)
        };
        match checked {
            Ok(()) => online += 1,
            Err(error) => {
                tracing::error!(persona = %persona.id, %error, "A persona cannot go online.");
            }
        }
    }
    if without_a_model > 0 {
        tracing::warn!(
            online,
            without_a_model,
            "Personas wait for the default model."
        );
    } else {
        tracing::info!(online, "Personas are online.");
    }
}

/// Lets the engines that run compute what the personas' prompts begin with, and returns never.
async fn warm_all(ctx: &Context) -> ! {
    let started = tokio::time::Instant::now();
    let mut read = 0;
    let library = ctx.catalogue.now();
    let mut personas: Vec<_> = library.iter().filter(|it| ctx.brains.runs(it)).collect();
    // Where not all can be kept, whoever most people meet first is.
    personas.sort_by_key(|it| it.id != ctx.settings.default_persona);
    for persona in personas {
        match turn::warm(ctx, persona).await {
            Ok(kept) => read += usize::from(kept),
            // Whoever talks with it waits a little longer then, and what is wrong has been told.
            Err(error) => {
                tracing::debug!(persona = %persona.id, %error, "A persona could not be read ahead.");
            }
        }
    }
    if read > 0 {
        let seconds = started.elapsed().as_secs_f32();
        tracing::info!(read, seconds, "The engine has read the personas.");
    }
    std::future::pending().await
}

/// Lets go, a few times a day, of what was answered long ago.
async fn prune_inbox(ctx: Arc<Context>, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        match ctx.inbox.prune().await {
            Ok(0) => {}
            Ok(many) => tracing::debug!(many, "Old records of the inbox are gone."),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Old records of the inbox could not be removed; it is tried again."
            ),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

/// SIGINT and SIGTERM alike.
async fn told_to_stop() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened to");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    }
    #[cfg(not(unix))]
    {
        drop(tokio::signal::ctrl_c().await);
        "Ctrl-C"
    }
}
