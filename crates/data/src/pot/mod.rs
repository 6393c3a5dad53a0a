//! Online characters in the POT format of CASIA-OLHWDB and of the ICDAR competitions: `.pot` files, folders of them, zip
//! archives of them, and any nesting of these.
//!
//! A POT file is one record per character, all of it little-endian: size of the record (u16), code of the character (u32: its
//! GB2312 bytes, in the file the second one first, then two zeros), number of strokes (u16), then pairs of i16. Most are the
//! points of the pen, `y` downwards; after each stroke stands the mark (-1, 0), after the last one's also (-1, -1).

mod load;
mod record;
mod write;

pub use load::load_pot;
pub(crate) use record::{POINT_BYTES, Record};
pub use write::pot_archive;

#[cfg(test)]
mod tests;
