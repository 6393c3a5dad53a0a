//! The C interface, as `include/hccr.h` declares it.
//!
//! Every function goes through [`border::border`]: it turns an error into a code and a message, and lets no panic through. Pointers from
//! C become references and slices in `arguments.rs`, where a null pointer or an impossible length is an error.
#![expect(clippy::missing_safety_doc, reason = "the head of hccr.h says what a caller must keep to, for all functions")]

mod arguments;
mod border;
mod ink_session;
mod line_session;
mod recognizer;
#[cfg(test)]
mod tests;

pub use arguments::{Candidate, Image, PixelFormat, Point, Stroke, WritingBox};
pub use border::{Status, hccr_message};
pub use ink_session::{
    InkSession, hccr_ink_session_add_points, hccr_ink_session_add_stroke, hccr_ink_session_candidates,
    hccr_ink_session_clear, hccr_ink_session_free, hccr_ink_session_new, hccr_ink_session_undo_stroke,
};
pub use line_session::{
    LineSession, SEGMENT_CANDIDATES, Segment, hccr_line_session_add_points, hccr_line_session_add_stroke,
    hccr_line_session_clear, hccr_line_session_free, hccr_line_session_new, hccr_line_session_segments,
    hccr_line_session_undo_stroke,
};
pub use recognizer::{
    Recognizer, hccr_clone, hccr_free, hccr_fused, hccr_fused_from_bytes, hccr_labels, hccr_offline,
    hccr_offline_from_bytes, hccr_online, hccr_online_from_bytes, hccr_read_image, hccr_read_ink, hccr_restrict,
};
