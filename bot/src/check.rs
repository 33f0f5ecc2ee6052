//! `chatfriends check`: everything that the daemon would use, looked at in turn. A model server is called; nothing is started, and nothing
//! stays written.

use std::io::ErrorKind;
use std::path::Path;

use chatfriends_engine::{Generate as _, Gguf};
use chatfriends_personas::{Library, Persona};

use crate::brains;
use crate::platforms::{discord, telegram};
use crate::settings::{Brain, EngineSettings, Settings};
use crate::starter;
use crate::store::disk::DiskStore;

/// Prints a line for each thing looked at; `false` when the daemon would not work with one of them.
///
/// The settings themselves were checked when they were read.
#[expect(clippy::print_stdout, reason = "the report is what was asked for")]
pub async fn check(settings: &Settings) -> bool {
    let mut sound = true;
    let mut report = |what: &str, found: Result<String, String>| match found {
        Ok(detail) => println!("ok      {what}: {detail}"),
        Err(fault) => {
            sound = false;
            println!("FAULT   {what}: {fault}");
        }
    };
    report("settings", Ok("all keys are known and in range".to_owned()));
    let in_use = DiskStore::is_in_use(&settings.store_path);
    report("store.path", store(&settings.store_path, in_use));
    report("web.listen", address(settings, in_use).await);
    report("default model", default_model(settings).await);
    report(
        "discord",
        match &settings.discord {
            None => Ok("not used: there is no DISCORD_TOKEN and no discord.token_file".to_owned()),
            Some(settings) => discord::look(settings).await,
        },
    );
    report(
        "telegram",
        match &settings.telegram {
            Some(telegram) => telegram::check(telegram).await,
            None => Ok(
                "not used: there is no TELEGRAM_BOT_TOKEN and no telegram.token_file".to_owned(),
            ),
        },
    );
    let loaded = Library::load(
        settings
            .personas_path
            .is_dir()
            .then_some(settings.personas_path.as_path()),
    );
    for fault in &loaded.faults {
        report("persona file", Err(fault.to_string()));
    }
    for persona in loaded.library.iter() {
        report(
            &format!("persona {}", persona.id),
            persona_files(persona, settings),
        );
    }
    let is_there = loaded.library.get(&settings.default_persona).is_some();
    report(
        "personas.default",
        if is_there {
            Ok(settings.default_persona.to_string())
        } else {
            Err(format!(
                "there is no persona {:?}",
                settings.default_persona.as_str()
            ))
        },
    );
    // No fault: the store, which knows those made by command, is not opened here.
    for (level, stranger) in settings.strangers(&loaded.library) {
        println!(
            "note    route at {level}: {stranger}; it works if it was made by command at that place"
        );
    }
    println!(
        "{}",
        match (sound, in_use) {
            (true, false) => "\nchatfriends would start.",
            (true, true) => "\nchatfriends is running, and would start again with these settings.",
            (false, _) => "\nMend the faults above, then check again.",
        }
    );
    sound
}

async fn address(settings: &Settings, in_use: bool) -> Result<String, String> {
    let address = settings.listen;
    match tokio::net::TcpListener::bind(address).await {
        Err(error) if in_use && error.kind() == ErrorKind::AddrInUse => {
            Ok(format!("a running chatfriends is at {address}"))
        }
        Ok(_) if in_use => Err(format!(
            "{address} is free, but another chatfriends holds the store; it has another address, or does not run as a daemon (stop it, or give this one a store.path of its own)"
        )),
        Ok(_) if address.ip().is_loopback() => Ok(format!("{address} is free")),
        Ok(_) => Ok(format!(
            "{address} is free; everybody who reaches it can talk and read what is remembered, so better keep to loopback and come through ssh -L"
        )),
        Err(error) => Err(format!(
            "{address}: {error}; another program may use it (set web.listen to another port)"
        )),
    }
}

fn store(path: &Path, in_use: bool) -> Result<String, String> {
    // The nearest folder that exists decides whether the rest can be made.
    let existing = path
        .ancestors()
        .find(|folder| folder.exists() || folder.as_os_str().is_empty())
        .unwrap_or(path);
    let existing = if existing.as_os_str().is_empty() {
        Path::new(".")
    } else {
        existing
    };
    let metadata =
        std::fs::metadata(existing).map_err(|error| format!("{}: {error}", existing.display()))?;
    if !metadata.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    // A file without a name shows what the mode bits do not, and leaves nothing.
    tempfile::tempfile_in(existing)
        .map_err(|error| format!("{} cannot be written: {error}", existing.display()))?;
    let note = if in_use {
        " (a running chatfriends holds it)"
    } else {
        ""
    };
    Ok(format!("{}{note}", path.display()))
}

async fn default_model(settings: &Settings) -> Result<String, String> {
    match &settings.brain {
        Brain::Starter => {
            let beyond = default_beyond_training(settings);
            let found = "the starter model, compiled in; scripts/README.md names better ones";
            Ok(with(found.to_owned(), beyond))
        }
        Brain::File(path) => match default_fault(settings) {
            Some(fault) => Err(fault),
            None => model(path, None, &settings.engine),
        },
        Brain::Server(choice) => {
            let answers = async { brains::server(choice)?.ready().await };
            match answers.await {
                Ok(()) => Ok(format!("{} at {}", choice.model, choice.url)),
                Err(error) => Err(format!("{}: {error}", choice.url)),
            }
        }
    }
}

/// What is wrong with the file that `model.default` names, with the key and the file that is meant; `None` where nothing is, or where another
/// thing answers.
#[must_use]
pub fn default_fault(settings: &Settings) -> Option<String> {
    let Brain::File(path) = &settings.brain else {
        return None;
    };
    let fault = model_file(path).err()?;
    let place = match std::path::absolute(path) {
        Ok(absolute) if path.is_relative() && !path.exists() => format!(
            "; a relative path begins in the folder in which the program is started, so this is {}",
            absolute.display()
        ),
        _ => String::new(),
    };
    Some(format!("model.default: {fault}{place}"))
}

/// What is to be said of `engine.context` where it is more than the default model was trained with.
#[must_use]
pub fn default_beyond_training(settings: &Settings) -> Option<String> {
    settings.engine.context?;
    let model = match &settings.brain {
        Brain::Starter => starter::inspect().ok()?,
        Brain::File(path) => model_file(path).ok()?,
        Brain::Server(_) => return None,
    };
    beyond_training(&settings.engine, &model)
}

fn beyond_training(engine: &EngineSettings, model: &Gguf) -> Option<String> {
    let (context, trained) = (engine.context?, model.context_length?);
    (context > trained).then(|| {
        format!("engine.context is {context}, but the model was trained with {trained} tokens: conversations that grow longer get worse replies, so better set {trained}, or 0")
    })
}

/// Looks at the files that a persona names, and tells what they are.
///
/// # Errors
/// What is wrong with one, in the words of the engine that would use it.
pub fn persona_files(persona: &Persona, settings: &Settings) -> Result<String, String> {
    let mut found = vec![format!("{} facts", persona.facts.len())];
    if let Some(template) = &persona.template {
        chatfriends_engine::check_template(template).map_err(|error| error.to_string())?;
    }
    if let Some(path) = &persona.model {
        let template = persona.template.as_deref();
        found.push(model(Path::new(path), template, &settings.engine)?);
    }
    if let Some(adapter) = &persona.adapter {
        found.push(match (&persona.model, &settings.brain) {
            (Some(base), _) => adapter_on(adapter, || model_file(Path::new(base)))?,
            (None, Brain::File(base)) => adapter_on(adapter, || model_file(base))?,
            (None, Brain::Starter) => {
                let found = adapter_on(adapter, || {
                    starter::inspect().map_err(|error| error.to_string())
                })?;
                format!("{found} on the starter model, so it must have been trained for that one; for another, set model.default or the persona's model")
            }
            (None, Brain::Server(_)) => {
                return Err(format!("a model server cannot apply the adapter {}: merge it into a model there, or use a local model", adapter.display()));
            }
        });
    }
    Ok(found.join(", "))
}

fn model(path: &Path, template: Option<&str>, engine: &EngineSettings) -> Result<String, String> {
    let gguf = model_file(path)?;
    if gguf.chat_template.is_none() && template.is_none() {
        return Err(format!(
            "{} has no chat template; set `template` in the persona's file",
            path.display()
        ));
    }
    let found = format!(
        "{} ({}, {:.0} million parameters)",
        path.display(),
        gguf.architecture,
        gguf.parameters as f64 / 1e6
    );
    Ok(with(found, beyond_training(engine, &gguf)))
}

fn model_file(path: &Path) -> Result<Gguf, String> {
    let gguf = chatfriends_engine::inspect(path).map_err(|error| error.to_string())?;
    gguf.check_model().map_err(|error| error.to_string())?;
    Ok(gguf)
}

/// The adapter's own file comes first: what is wrong with it is wrong on any model.
fn adapter_on(
    adapter: &Path,
    base: impl FnOnce() -> Result<Gguf, String>,
) -> Result<String, String> {
    let found = chatfriends_engine::inspect(adapter).map_err(|error| error.to_string())?;
    found
        .check_adapter(&base()?)
        .map_err(|error| error.to_string())?;
    Ok(format!("adapter {}", adapter.display()))
}

fn with(found: String, remark: Option<String>) -> String {
    match remark {
        Some(remark) => format!("{found}; {remark}"),
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::PersonaId;

    use super::*;

    const REFERENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/tests/references");

    fn settings(toml: &str) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, toml).unwrap();
        Settings::load(Some(&file)).unwrap()
    }

    /// A persona with an adapter and no model of its own.
    fn adapted(adapter: &Path) -> Persona {
        let id = PersonaId::new("joey").unwrap();
        let mut joey = Persona::clone(Library::shipped().get(&id).unwrap());
        joey.adapter = Some(adapter.to_owned());
        joey
    }

    /// The daemon said the true fault of the file, and `check` that a model was missing.
    #[test]
    fn an_adapter_for_the_starter_is_looked_at_itself() {
        let starter = settings("");
        let folder = tempfile::tempdir().unwrap();
        let reference = |name: &str| Path::new(REFERENCES).join(name);
        let check = |path: &Path, said: &str| {
            let found = persona_files(&adapted(path), &starter);
            let found = found.unwrap_or_else(|fault| fault);
            assert!(found.contains(said), "{said:?} is missing in {found}");
        };
        check(
            &folder.path().join("no.gguf"),
            "no.gguf: there is no such file",
        );
        let whole = std::fs::read(reference("llama.adapter.gguf")).unwrap();
        let cut = folder.path().join("cut.gguf");
        std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
        check(&cut, "cut.gguf: the file is truncated");
        check(
            &reference("llama.gguf"),
            "this is a whole model, not an adapter",
        );
        check(
            &reference("qwen2.adapter.gguf"),
            "this adapter was made for qwen2, but the model is llama",
        );
        check(
            &reference("llama.adapter.gguf"),
            "llama.adapter.gguf on the starter model, so it must have been trained for that one",
        );
    }

    #[test]
    fn a_wrong_default_names_its_key_and_the_file_that_is_meant() {
        let fault = |path: &str| default_fault(&settings(&format!("[model]\ndefault = {path:?}")));
        let here = std::env::current_dir().unwrap();
        let meant = here.join("models/nothere.gguf").display().to_string();
        assert_eq!(
            fault("models/nothere.gguf"),
            Some(format!(
                "model.default: models/nothere.gguf: there is no such file; a relative path begins in the folder in which the program is started, so this is {meant}"
            ))
        );
        assert_eq!(
            fault(&meant),
            Some(format!("model.default: {meant}: there is no such file"))
        );
        assert_eq!(fault("starter"), None);
    }

    #[test]
    fn a_context_beyond_the_training_is_said_with_both_numbers() {
        let beyond = |toml: &str| default_beyond_training(&settings(toml));
        let said = beyond("[engine]\ncontext = 4096").unwrap();
        assert!(
            said.contains("engine.context is 4096") && said.contains("trained with 1024 tokens"),
            "{said}"
        );
        let file = format!(
            "[model]\ndefault = {:?}\n",
            format!("{REFERENCES}/llama.gguf")
        );
        assert!(beyond(&format!("{file}[engine]\ncontext = 1000000")).is_some());
        assert_eq!(beyond("[engine]\ncontext = 1024"), None);
        assert_eq!(beyond("[engine]\ncontext = 0"), None);
    }
}
