//! The faces of the shipped personas: square PNG pictures, drawn by `scripts/avatars/draw.py`.

use crate::id::PersonaId;

macro_rules! embedded {
    ($($id:literal),*) => { &[$(($id, include_bytes!(concat!("../avatars/", $id, ".png")))),*] };
}

const AVATARS: &[(&str, &[u8])] = embedded![
    "campus", "chandler", "helper", "joey", "listener", "mechuri", "monica", "phoebe", "rachel",
    "ross"
];

/// The picture of a shipped persona, as a PNG file.
pub fn avatar(persona: &PersonaId) -> Option<&'static [u8]> {
    AVATARS
        .iter()
        .find(|(id, _)| *id == persona.as_str())
        .map(|(_, picture)| *picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    #[test]
    fn every_shipped_persona_has_a_face_that_the_apps_take() {
        for id in Library::shipped().ids() {
            let picture = avatar(id).unwrap_or_else(|| panic!("{id} has no avatar"));
            assert!(
                picture.starts_with(b"\x89PNG") && picture.len() <= 12 * 1024,
                "{id}"
            );
        }
    }
}
