//! Checkpoints that were kept elsewhere. An old copy of the database that is put back proves itself: all its signatures
//! are genuine. Only somebody who has kept what came after can tell.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::chain::{Broken, Fault};
use crate::notary::{Notary, Place, Signed, Statement};

/// Checkpoints that were kept elsewhere, by the seq of the last entry that each covers.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    places: BTreeMap<i64, Place>,
    /// How many of them the trail was found to agree with.
    compared: i64,
}

/// Why a file is none of checkpoints.
#[derive(Debug, Error)]
pub enum KeptError {
    /// It has another form.
    #[error("this is no saved answer of GET /api/v1/admin/audit/checkpoints: {0}")]
    Form(#[from] serde_json::Error),
    /// Nothing is in it.
    #[error("there is no checkpoint in it; save an answer of GET /api/v1/admin/audit/checkpoints")]
    Empty,
    /// A signature does not hold.
    #[error(
        "the checkpoint at {0} is not signed under this master key: it was changed, or is of another installation"
    )]
    Signature(i64),
}

/// A saved answer.
#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    seq: i64,
    statement: String,
    signature: String,
}

// === impl Kept ===

impl Kept {
    /// Reads saved answers of `GET /api/v1/admin/audit/checkpoints`, one after another.
    ///
    /// # Errors
    /// When it is no such answer, or one of its checkpoints is not genuine.
    pub fn read(text: &str, notary: &Notary) -> Result<Self, KeptError> {
        let mut places = BTreeMap::new();
        for answer in serde_json::Deserializer::from_str(text).into_iter::<Answer>() {
            for item in answer?.items {
                let place = place_of(&item, notary).ok_or(KeptError::Signature(item.seq))?;
                places.insert(place.seq, place);
            }
        }
        if places.is_empty() { Err(KeptError::Empty) } else { Ok(Self { places, compared: 0 }) }
    }

    /// How many of them a walk has come by and agreed with.
    pub(crate) const fn compared(&self) -> i64 {
        self.compared
    }

    /// Holds the place that a walk has reached against what was kept of it. `proved` is up to where the walk knows.
    pub(crate) fn compare(&mut self, place: &Place, proved: i64) -> Result<(), Broken> {
        match self.places.get(&place.seq) {
            None => Ok(()),
            Some(kept) if kept == place => {
                self.compared += 1;
                Ok(())
            }
            Some(_) => Err(Broken { seq: proved + 1, fault: Fault::Rewritten { checkpoint: place.seq } }),
        }
    }

    /// Whether the trail had been longer than up to this seq.
    pub(crate) fn goes_beyond(&self, seq: i64) -> bool {
        self.places.last_key_value().is_some_and(|(last, _)| *last > seq)
    }
}

fn place_of(item: &Item, notary: &Notary) -> Option<Place> {
    let signature = hex::decode(&item.signature).ok()?;
    match notary.open(&Signed { statement: item.statement.clone(), signature })? {
        Statement::Checkpoint { place, .. } if place.seq == item.seq => Some(place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::seal::{Key, Root};
    use denizen_kit::time::Timestamp;

    use super::*;

    fn notary(seed: u8) -> Notary {
        Notary::new(&Root::new(Key::from_bytes([seed; 32])))
    }

    fn place(seq: i64, hash: u8) -> Place {
        Place { seq, hash: hex::encode([hash; 32]), positions: BTreeMap::new() }
    }

    fn answer(notary: &Notary, seqs: &[i64]) -> String {
        let item = |seq: &i64| {
            let statement = Statement::Checkpoint {
                place: place(*seq, 1),
                at: Timestamp::UNIX_EPOCH,
                previous: String::new(),
            };
            let Signed { statement, signature } = notary.sign(&statement);
            serde_json::json!({ "seq": seq, "at": null, "statement": statement, "signature": hex::encode(signature) })
        };
        serde_json::json!({ "items": seqs.iter().map(item).collect::<Vec<_>>(), "next_cursor": null })
            .to_string()
    }

    #[test]
    fn what_was_kept_is_held_against_the_walk() {
        let text = answer(&notary(7), &[20, 10]) + "\n" + &answer(&notary(7), &[30]);
        let mut kept = Kept::read(&text, &notary(7)).unwrap();
        for seq in 1..=20 {
            kept.compare(&place(seq, 1), 0).unwrap();
        }
        assert_eq!((kept.compared(), kept.goes_beyond(29), kept.goes_beyond(30)), (2, true, false));
        let broken = kept.compare(&place(30, 2), 20).unwrap_err();
        assert_eq!(broken, Broken { seq: 21, fault: Fault::Rewritten { checkpoint: 30 } });
    }

    #[test]
    fn a_file_that_is_none_is_told() {
        let read = |text: &str| Kept::read(text, &notary(7));
        for bad in ["", "{\"items\": []}"] {
            assert!(matches!(read(bad), Err(KeptError::Empty)), "{bad}");
        }
        for bad in ["x", "[]", "{\"items\": [{}]}", "{}"] {
            assert!(matches!(read(bad), Err(KeptError::Form(_))), "{bad}");
        }
        let of_another = answer(&notary(8), &[10]);
        assert!(matches!(read(&of_another), Err(KeptError::Signature(10))));
        let moved = answer(&notary(7), &[10]).replace("\"seq\":10", "\"seq\":11");
        assert!(matches!(read(&moved), Err(KeptError::Signature(11))));
    }
}
