//! Personas: who answers. The type, its files and their faults, the shipped ones, and the facts a persona knows.
//!
//! Nothing here generates text, talks to a network or knows of chats. `docs/PERSONAS.md` explains the files to those who write them.
//!
//! ```
//! use chatfriends_personas::Library;
//!
//! let library = Library::shipped();
//! let campus = library.find("캠퍼스 길잡이").expect("it is shipped");
//! let near = campus.facts_near("1호관은 어디에 있어?", 3);
//! assert!(near[0].text.starts_with("1호관은 운동장 옆에"));
//! assert!(campus.facts_near("안녕?", 3).is_empty());
//! ```

mod avatar;
mod call;
mod call_words;
mod facts;
mod fault;
mod id;
mod language;
mod library;
mod mention;
mod nearest;
mod parse;
mod persona;
mod sentence;
mod table;
mod vocabulary;
mod words;

pub use avatar::avatar;
pub use call::called;
pub use facts::{Fact, Facts};
pub use fault::{Fault, Faults};
pub use id::{PersonaId, PersonaIdError};
pub use language::Language;
pub use library::{Library, Loaded};
pub use nearest::nearest;
pub use persona::{Example, Persona, SamplingChoice};
