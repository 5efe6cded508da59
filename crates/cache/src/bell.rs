//! Bells within one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

/// How many rings a slow listener may be behind before it loses the oldest.
const BEHIND: usize = 256;

/// How many channels there are before unheard ones are looked for.
const CHANNELS: usize = 64;

/// Channels that are listened to.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    channels: Mutex<HashMap<String, broadcast::Sender<Vec<u8>>>>,
}

// === impl Bell ===

impl Bell {
    /// Tells all listeners of the channel.
    pub(crate) fn ring(&self, channel: &str, payload: &[u8]) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = channels.get(channel) {
            // Fails when nobody listens any more, which is no failure.
            let _ = sender.send(payload.to_vec());
        }
    }

    /// Listens from now on.
    pub(crate) fn listen(&self, channel: &str) -> broadcast::Receiver<Vec<u8>> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = channels.get(channel) {
            return sender.subscribe();
        }
        // Only a map that is about to grow is searched, so the searches cost a constant per new channel.
        if channels.len() >= CHANNELS && channels.len() == channels.capacity() {
            channels.retain(|_, sender| sender.receiver_count() > 0);
        }
        let (sender, receiver) = broadcast::channel(BEHIND);
        channels.insert(channel.to_owned(), sender);
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_reach_the_listeners_of_the_channel_only() {
        let bell = Bell::default();
        bell.ring("users", b"nobody listens");
        let mut first = bell.listen("users");
        let mut second = bell.listen("users");
        let mut other = bell.listen("audit");
        bell.ring("users", b"1");
        assert_eq!(first.try_recv(), Ok(b"1".to_vec()));
        assert_eq!(second.try_recv(), Ok(b"1".to_vec()));
        assert!(other.try_recv().is_err());
    }

    #[test]
    fn channels_that_nobody_hears_are_forgotten() {
        let bell = Bell::default();
        let kept = bell.listen("kept");
        for index in 0..10_000 {
            drop(bell.listen(&index.to_string()));
        }
        let channels = bell.channels.lock().unwrap();
        assert!(channels.len() < 1000, "{}", channels.len());
        assert!(channels.contains_key("kept"));
        drop(kept);
    }
}
