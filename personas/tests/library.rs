//! The shipped personas are sound, and a folder's files go over them: good edits at once, broken ones not at all.

use std::fs;
use std::path::Path;

use chatfriends_personas::{Language, Library, Loaded, Persona, PersonaId};
use tempfile::TempDir;

fn id(id: &str) -> PersonaId {
    PersonaId::new(id).expect("the test names a possible id")
}

fn write(folder: &TempDir, file: &str, greeting: &str) {
    let text = format!(
        "name = \"Test\"\nlanguages = [\"en\"]\nsystem = \"You are a test.\"\ngreeting = {greeting}\n"
    );
    fs::write(folder.path().join(file), text).expect("the test owns its folder");
}

fn greeting<'a>(library: &'a Library, persona: &str) -> &'a str {
    library
        .get(&id(persona))
        .map_or("nobody", |persona| &persona.greeting)
}

/// The faults without the folder's name, which is another in each run.
fn faults(loaded: &Loaded, folder: &TempDir) -> Vec<String> {
    let folder = format!("{}/", folder.path().display());
    loaded
        .faults
        .iter()
        .map(|faults| faults.to_string().replace(&folder, ""))
        .collect()
}

#[test]
fn every_shipped_file_is_embedded_and_sound() {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/library")).unwrap();
    let mut stems: Vec<String> = files
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    stems.sort();
    let library = Library::shipped();
    assert_eq!(
        library.ids().map(PersonaId::as_str).collect::<Vec<_>>(),
        stems
    );
    for persona in library.iter() {
        check_shipped(persona);
    }
}

fn check_shipped(persona: &Persona) {
    let id = &persona.id;
    assert!(
        (2..=3).contains(&persona.examples.len()),
        "{id} shows how it talks"
    );
    assert!(
        !persona.aliases.is_empty(),
        "{id} can be called in the other language"
    );
    assert!(
        persona.reply_tokens.is_some() && persona.sampling.temperature.is_some(),
        "{id} says how it draws its words"
    );
    for &language in &persona.languages {
        let spoken = persona
            .examples
            .iter()
            .any(|example| Language::of(&example.reply) == language);
        assert!(spoken, "{id} has an example in {}", language.code());
    }
    for fact in persona.facts.iter() {
        assert_eq!(Language::of(&fact.text), fact.lang, "{id}: {}", fact.text);
        assert!(
            fact.source.is_some(),
            "{id} says where it knows this from: {}",
            fact.text
        );
    }
}

/// The guide once showed a key that was long gone.
#[test]
fn the_samples_in_joeys_guide_can_be_uncommented() {
    let guide: String = include_str!("../library/joey.toml")
        .lines()
        .map(|line| format!("{}\n", uncommented(line).unwrap_or(line)))
        .collect();
    let joey = Persona::parse_bytes(id("joey"), "joey.toml", guide.as_bytes()).unwrap();
    assert!(!joey.stop.is_empty() && joey.template.is_some());
    assert!(joey.model.is_some() && joey.adapter.is_some());
    assert!(joey.sampling.top_k.is_some() && joey.sampling.dry_multiplier.is_some());
}

/// The sample that a comment is: `key = value`.
fn uncommented(line: &str) -> Option<&str> {
    let sample = line.strip_prefix("# ")?;
    let (key, _) = sample.split_once(" = ")?;
    key.chars()
        .all(|letter| letter.is_ascii_lowercase() || letter == '_')
        .then_some(sample)
}

#[test]
fn personas_are_called_by_id_name_and_alias() {
    let library = Library::shipped();
    for (called, wanted) in [
        ("joey", Some("joey")),
        (" JOEY ", Some("joey")),
        ("조이", Some("joey")),
        ("조이야", Some("joey")),
        ("\u{110c}\u{1169}\u{110b}\u{1175}", Some("joey")),
        ("메추리", Some("mechuri")),
        ("메추리한테", Some("mechuri")),
        ("Campus Guide", Some("campus")),
        ("campus guide", Some("campus")),
        ("nobody", None),
        ("", None),
    ] {
        assert_eq!(
            library.find(called).map(|persona| persona.id.as_str()),
            wanted,
            "{called}"
        );
    }
    for (called, meant) in [
        ("joye", Some("joey")),
        ("Chandlr", Some("chandler")),
        ("메추라", Some("mechuri")),
        ("xyz", None),
    ] {
        assert_eq!(
            library.nearest(called).map(PersonaId::as_str),
            meant,
            "{called}"
        );
    }
}

#[test]
fn edits_take_effect_and_broken_ones_do_not() {
    let folder = TempDir::new().unwrap();
    let shipped = Library::shipped();
    write(&folder, "joey.toml", "\"first\"");
    write(&folder, "friend.toml", "\"hello\"");
    let first = Library::load(Some(folder.path()));
    assert!(first.faults.is_empty());
    assert_eq!(
        (
            greeting(&first.library, "joey"),
            greeting(&first.library, "friend")
        ),
        ("first", "hello")
    );
    assert_eq!(first.library.ids().count(), shipped.ids().count() + 1);

    // Two files are broken, one of them a new one: both report, and only what was good stays.
    write(&folder, "joey.toml", "second");
    write(&folder, "monica.toml", "3");
    write(&folder, "new.toml", "3");
    let broken = first.library.reload(Some(folder.path()));
    assert_eq!(
        faults(&broken, &folder),
        [
            "joey.toml:4: string values must be quoted, expected literal string: second",
            "monica.toml:4: \"greeting\" must be a text, not 3",
            "new.toml:4: \"greeting\" must be a text, not 3",
        ]
    );
    assert_eq!(
        (
            greeting(&broken.library, "joey"),
            greeting(&broken.library, "friend")
        ),
        ("first", "hello")
    );
    assert_eq!(
        (
            greeting(&broken.library, "monica"),
            greeting(&broken.library, "new")
        ),
        (greeting(&shipped, "monica"), "nobody")
    );

    // It stays good for as long as the file is broken, and takes the next good edit.
    let still = broken.library.reload(Some(folder.path()));
    assert_eq!(
        (greeting(&still.library, "joey"), still.faults.len()),
        ("first", 3)
    );
    write(&folder, "joey.toml", "\"third\"");
    assert_eq!(
        greeting(&still.library.reload(Some(folder.path())).library, "joey"),
        "third"
    );

    // A removed file gives the shipped persona its place back; a persona that was not shipped is gone.
    for file in ["joey.toml", "monica.toml", "new.toml", "friend.toml"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    let removed = still.library.reload(Some(folder.path()));
    assert_eq!((removed.library, removed.faults.len()), (shipped, 0));
}

#[test]
fn a_folder_that_is_gone_takes_nobody_along() {
    let folder = TempDir::new().unwrap();
    write(&folder, "friend.toml", "\"hello\"");
    let library = Library::load(Some(folder.path())).library;
    let path = folder.path().to_owned();
    drop(folder);
    let gone = library.reload(Some(&path));
    assert_eq!(
        (greeting(&gone.library, "friend"), gone.faults.len()),
        ("hello", 1)
    );

    let never = Library::load(Some(Path::new("/nowhere/personas")));
    assert_eq!(
        never.faults[0].to_string(),
        "/nowhere/personas: the folder cannot be read: No such file or directory (os error 2)"
    );
    assert_eq!(never.library, Library::shipped());
    assert_eq!(gone.library.reload(None).library, Library::shipped());
}

#[test]
fn only_persona_files_are_read() {
    let folder = TempDir::new().unwrap();
    for file in [".joey.toml", "notes.txt", "joey.toml~", "My Friend.toml"] {
        write(&folder, file, "\"hello\"");
    }
    fs::create_dir(folder.path().join("folder.toml")).unwrap();
    fs::write(folder.path().join("long.toml"), "# 가\n".repeat(300_000)).unwrap();
    fs::write(folder.path().join("binary.toml"), b"name = \"a\"\n\xff\xfe").unwrap();
    let loaded = Library::load(Some(folder.path()));
    assert_eq!(loaded.library, Library::shipped());
    assert_eq!(
        faults(&loaded, &folder),
        [
            "My Friend.toml: \"My Friend\" cannot be the id of a persona: it takes 1 to 32 of the characters a-z, 0-9, _ and -",
            "binary.toml:2: the text is not UTF-8",
            "folder.toml: the file cannot be read: it is not a regular file",
            "long.toml: the file is larger than 1024 KiB",
        ]
    );
}
