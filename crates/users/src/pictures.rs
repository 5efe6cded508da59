//! Where pictures are drawn: one at a time, so that memory is that of one, and so many callers waiting.

use std::sync::Arc;

use denizen_kit::cx::Cx;
use denizen_kit::problem::{Code, Problem};
use tokio::sync::Semaphore;

use crate::model::picture::{self, Refusal};

/// How many callers have a place, drawing or waiting; each holds its picture in memory.
const PLACES: usize = 8;

/// Where pictures are drawn.
#[derive(Clone, Debug)]
pub struct Pictures {
    places: Arc<Semaphore>,
    slot: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), slot: Arc::new(Semaphore::new(1)) }
    }
}

// === impl Pictures ===

impl Pictures {
    /// A picture in the form in which it is kept, drawn on a blocking thread.
    pub(crate) async fn redraw(&self, cx: &Cx, content: Vec<u8>) -> Result<Vec<u8>, Problem> {
        picture::check(&content)?;
        let place = self.places.clone().try_acquire_owned();
        let _place =
            place.map_err(|_| Problem::of(Code::Overloaded).retry_in(std::time::Duration::from_secs(1)))?;
        let limit = tokio::time::Instant::from_std(cx.call().deadline.instant());
        let slot = tokio::time::timeout_at(limit, self.slot.clone().acquire_owned()).await;
        let Ok(Ok(slot)) = slot else { return Err(Problem::of(Code::Timeout)) };
        let drawing = move || {
            let drawn = picture::redrawn(&content);
            // The slot belongs to the work: it stays taken when the caller goes.
            drop(slot);
            drawn
        };
        // A decoder that panics has met a broken picture.
        let drawn = tokio::task::spawn_blocking(drawing).await.unwrap_or(Err(Refusal::Broken));
        Ok(drawn?)
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::caller::Role;
    use denizen_kit::time::Clock;

    use super::*;

    #[tokio::test]
    async fn the_one_too_many_is_told_at_once() {
        let pictures = Pictures::default();
        let cx = Cx::job(Role::Users, &Clock::System);
        let content = b"\x89PNG\r\n\x1a\nbroken".to_vec();
        let held = pictures.places.clone().acquire_many_owned(u32::try_from(PLACES).unwrap()).await.unwrap();
        let refused = pictures.redraw(&cx, content.clone()).await.unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
        assert!(refused.retry_after.is_some());
        drop(held);
        let broken = pictures.redraw(&cx, content).await.unwrap_err();
        assert_eq!(broken.code, Code::ValidationFailed);
        assert_eq!(pictures.slot.available_permits(), 1);
    }
}
