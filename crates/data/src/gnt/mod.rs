//! Offline characters in the GNT format of CASIA-HWDB and of the ICDAR competitions: `.gnt` files, folders of them, zip
//! archives of them, and any nesting of these.
//!
//! A GNT file is one record per character: size of the record (u32, little-endian), GBK code (2 bytes), width and height
//! (u16 each), then `width * height` grey pixels, row-major, 255 white. What a file is, is read from its content, not
//! from its name.

mod load;
mod record;
mod write;

pub use load::load_gnt;
pub(crate) use record::Record;
pub use write::gnt_archive;

#[cfg(test)]
mod tests;
