//! The personas there are: the shipped ones, with a folder's files over them.
//!
//! What the folder holds is read here once, when the daemon asks; it is the daemon that watches for changes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use crate::fault::Faults;
use crate::id::PersonaId;
use crate::nearest::nearest;
use crate::parse;
use crate::persona::Persona;
use crate::words::without_particle;

macro_rules! embedded {
    ($($id:literal),*) => { [$(($id, include_str!(concat!("../library/", $id, ".toml")))),*] };
}

/// The shipped files: this is the only list of them.
const SHIPPED: [(&str, &str); 10] = embedded![
    "campus", "chandler", "helper", "joey", "listener", "mechuri", "monica", "phoebe", "rachel",
    "ross"
];

/// The personas there are, by their ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Library {
    personas: BTreeMap<PersonaId, Arc<Persona>>,
}

/// A library just read, and what was wrong with the files that are not in it.
#[derive(Debug)]
#[must_use]
pub struct Loaded {
    /// Every persona that is in order.
    pub library: Library,
    /// One entry for each file that is not.
    pub faults: Vec<Faults>,
}

impl Library {
    /// The personas that come with the program.
    pub fn shipped() -> Self {
        let shipped = SHIPPED.into_iter().map(|(id, text)| {
            let id = PersonaId::new(id).expect("a test checks the shipped ids");
            let persona = Persona::parse(id.clone(), &format!("{id}.toml"), text)
                .expect("a test parses the shipped files");
            (id, Arc::new(persona))
        });
        Self {
            personas: shipped.collect(),
        }
    }

    /// The shipped personas, with those of a folder's `*.toml` files added or in their place.
    pub fn load(folder: Option<&Path>) -> Loaded {
        Self::shipped().reload(folder)
    }

    /// The library as the folder has it now. A file that is broken leaves the persona as it was last good; one that is gone gives
    /// the shipped persona its place back.
    pub fn reload(&self, folder: Option<&Path>) -> Loaded {
        let Some(folder) = folder else {
            return Loaded {
                library: Self::shipped(),
                faults: Vec::new(),
            };
        };
        match files_of(folder) {
            Ok(files) => self.overlay(files),
            // A folder that cannot be listed says nothing about its personas: they stay.
            Err(error) => Loaded {
                library: self.clone(),
                faults: vec![Faults::of_file(
                    &folder.display().to_string(),
                    format!("the folder cannot be read: {error}"),
                )],
            },
        }
    }

    /// Puts the files over the shipped personas; `self` is what was good before.
    fn overlay(&self, files: Vec<PersonaFile>) -> Loaded {
        let mut library = Self::shipped();
        let mut faults = Vec::new();
        for file in files {
            match file.parse() {
                Ok(persona) => {
                    library
                        .personas
                        .insert(persona.id.clone(), Arc::new(persona));
                }
                Err(fault) => {
                    let last_good = file.id().and_then(|id| self.personas.get_key_value(&id));
                    library
                        .personas
                        .extend(last_good.map(|(id, persona)| (id.clone(), Arc::clone(persona))));
                    faults.push(fault);
                }
            }
        }
        Loaded { library, faults }
    }

    /// The same with others added; whoever is in it already keeps the id.
    pub fn with(&self, others: impl IntoIterator<Item = Arc<Persona>>) -> Self {
        let mut library = self.clone();
        for persona in others {
            let id = persona.id.clone();
            library.personas.entry(id).or_insert(persona);
        }
        library
    }

    /// The persona of that id.
    pub fn get(&self, id: &PersonaId) -> Option<&Arc<Persona>> {
        self.personas.get(id)
    }

    /// Every id, in alphabetical order.
    pub fn ids(&self) -> impl Iterator<Item = &PersonaId> {
        self.personas.keys()
    }

    /// Every persona, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Persona>> {
        self.personas.values()
    }

    /// The persona that is called so, with or without a particle ("메추리한테"): by its id, else by its name, else by another name.
    /// Among several of one name, the first in the order of ids.
    pub fn find(&self, called: &str) -> Option<&Arc<Persona>> {
        let called = folded(called);
        self.called(&called)
            .or_else(|| self.called(without_particle(&called)))
    }

    fn called(&self, called: &str) -> Option<&Arc<Persona>> {
        let by_id = self.iter().find(|persona| persona.id.as_str() == called);
        let by_name = || self.iter().find(|persona| folded(&persona.name) == called);
        let by_alias = || {
            self.iter()
                .find(|persona| persona.aliases.iter().any(|alias| folded(alias) == called))
        };
        by_id.or_else(by_name).or_else(by_alias)
    }

    /// The persona that a mistyped id or name may have meant.
    pub fn nearest(&self, called: &str) -> Option<&PersonaId> {
        let names = self.iter().flat_map(|persona| {
            let others = persona.aliases.iter().map(String::as_str);
            [persona.id.as_str(), persona.name.as_str()]
                .into_iter()
                .chain(others)
        });
        let meant = nearest(called.trim(), names)?;
        self.find(meant).map(|persona| &persona.id)
    }
}

fn folded(name: &str) -> String {
    name.trim().nfc().collect::<String>().to_lowercase()
}

/// One file of the folder, read.
struct PersonaFile {
    path: PathBuf,
    contents: io::Result<Vec<u8>>,
}

impl PersonaFile {
    fn parse(&self) -> Result<Persona, Faults> {
        let file = self.path.display().to_string();
        let id = PersonaId::new(&self.stem())
            .map_err(|error| Faults::of_file(&file, error.to_string()))?;
        let bytes = self
            .contents
            .as_ref()
            .map_err(|error| Faults::of_file(&file, format!("the file cannot be read: {error}")))?;
        Persona::parse_bytes(id, &file, bytes)
    }

    fn id(&self) -> Option<PersonaId> {
        PersonaId::new(&self.stem()).ok()
    }

    fn stem(&self) -> String {
        self.path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }
}

/// The folder's `*.toml` files in the order of their names, without hidden ones: editors keep their copies there.
fn files_of(folder: &Path) -> io::Result<Vec<PersonaFile>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
            && !is_hidden(path)
    });
    paths.sort();
    Ok(paths
        .into_iter()
        .map(|path| PersonaFile {
            contents: read(&path),
            path,
        })
        .collect())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A named pipe would be waited for without end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // One byte more than a file may have: that it is too long is noticed without reading it whole.
    let mut bytes = Vec::new();
    File::open(path)?
        .take(parse::MOST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
