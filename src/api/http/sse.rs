//! Takes server-sent events apart (WHATWG HTML, section 9.2), as far as our own
//! server uses them: `data:` lines, one or more, and an empty line.

/// Bytes of one event: a snapshot of ten thousand shards is a third of it.
const EVENT_MAX: usize = 32 * 1024 * 1024;

/// What came is no stream of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SseError {
    /// An event without an end.
    #[error("an event of more than {EVENT_MAX} bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("an event that is no UTF-8")]
    NotText,
}

/// Bytes in, the data of whole events out.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
    /// Everything before this was looked at.
    seen: usize,
}

impl Events {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if self.bytes.len() + bytes.len() > EVENT_MAX {
            return Err(SseError::TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The data of the next whole event.
    pub(super) fn next(&mut self) -> Result<Option<String>, SseError> {
        loop {
            let end = memchr::memmem::find(&self.bytes[self.seen..], b"\n\n");
            let Some(end) = end.map(|at| at + self.seen) else {
                // The break may lie between two pieces.
                self.seen = self.bytes.len().saturating_sub(1);
                return Ok(None);
            };
            let rest = self.bytes.split_off(end + 2);
            let event = std::mem::replace(&mut self.bytes, rest);
            self.seen = 0;
            let text = std::str::from_utf8(&event).map_err(|_| SseError::NotText)?;
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            let data: Vec<&str> = data.map(|d| d.strip_prefix(' ').unwrap_or(d)).collect();
            // A comment keeps a connection warm and says nothing.
            if !data.is_empty() {
                return Ok(Some(data.join("\n")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_out_whole_however_they_are_cut(
            told in prop::collection::vec("[^\r\n]{0,12}", 0..8),
            cuts in prop::collection::vec(1..7_usize, 1..40),
        ) {
            let text: String = told.iter().map(|t| format!(": warm\n\ndata: {t}\n\n")).collect();
            let mut rest = text.as_bytes();
            let mut events = Events::default();
            let mut found = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                rest = after;
                prop_assert_eq!(events.push(piece), Ok(()));
                while let Ok(Some(data)) = events.next() {
                    found.push(data);
                }
            }
            prop_assert_eq!(found, told);
        }
    }

    #[test]
    fn an_event_without_an_end_is_refused() {
        let mut events = Events::default();
        assert_eq!(events.push(&vec![b'x'; EVENT_MAX]), Ok(()));
        assert_eq!(events.push(b"x"), Err(SseError::TooLong));
        let mut events = Events::default();
        assert_eq!(events.push(b"data: \xff\n\n"), Ok(()));
        assert_eq!(events.next(), Err(SseError::NotText));
    }
}
