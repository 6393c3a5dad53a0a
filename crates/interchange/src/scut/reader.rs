//! Little-endian reading that knows where it is.

use super::error::ScutError;

/// Longest layer name or type.
const MAX_NAME_BYTES: usize = 64;
/// Length of the fields that hold a layer name as a C string, with garbage behind its NUL.
const FIXED_NAME_BYTES: usize = 50;

/// A cursor over the file. It allocates only what it has seen the bytes of.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    section: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, section: String::new() }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Name of the section being read.
    pub(super) fn section(&self) -> &str {
        &self.section
    }

    /// An error at the present offset.
    pub(super) fn invalid(&self, reason: impl Into<String>) -> ScutError {
        self.invalid_at(self.offset, reason)
    }

    pub(super) fn invalid_at(&self, offset: usize, reason: impl Into<String>) -> ScutError {
        ScutError::Invalid { offset, section: self.section.clone(), reason: reason.into() }
    }

    pub(super) fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], ScutError> {
        if n > self.remaining() {
            return Err(ScutError::Truncated { offset: self.offset, section: self.section.clone(), what });
        }
        let taken = &self.bytes[self.offset..self.offset + n];
        self.offset += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ScutError> {
        let bytes = self.take(N, what)?;
        Ok(std::array::from_fn(|i| bytes[i]))
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<usize, ScutError> {
        Ok(usize::from(self.array::<1>(what)?[0]))
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<usize, ScutError> {
        Ok(usize::from(u16::from_le_bytes(self.array(what)?)))
    }

    /// A size, stored as an i32.
    pub(super) fn size(&mut self, what: &'static str) -> Result<usize, ScutError> {
        let offset = self.offset;
        let value = i32::from_le_bytes(self.array(what)?);
        usize::try_from(value).map_err(|_| self.invalid_at(offset, format!("{what} is {value}")))
    }

    /// `N` sizes.
    pub(super) fn sizes<const N: usize>(&mut self, what: &'static str) -> Result<[usize; N], ScutError> {
        let mut sizes = [0; N];
        for size in &mut sizes {
            *size = self.size(what)?;
        }
        Ok(sizes)
    }

    /// `n` finite numbers.
    pub(super) fn f32s(&mut self, n: usize, what: &'static str) -> Result<Vec<f32>, ScutError> {
        let offset = self.offset;
        let values: Vec<f32> = self
            .take(n.saturating_mul(4), what)?
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        match values.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(self.invalid_at(offset + 4 * i, format!("{what}: element {i} is not finite"))),
            None => Ok(values),
        }
    }

    /// Begins a section: reads its name and returns its type.
    pub(super) fn begin_section(&mut self) -> Result<&'a str, ScutError> {
        self.section.clear();
        let name = self.text("layer name")?;
        self.section.push_str(name);
        self.text("layer type")
    }

    /// A string after its length.
    fn text(&mut self, what: &'static str) -> Result<&'a str, ScutError> {
        let offset = self.offset;
        let n = self.size(what)?;
        if !(1..=MAX_NAME_BYTES).contains(&n) {
            return Err(self.invalid_at(offset, format!("{what} of {n} bytes")));
        }
        let bytes = self.take(n, what)?;
        self.name_in(bytes, offset, what)
    }

    /// A name in a field of 50 bytes.
    pub(super) fn fixed_name(&mut self, what: &'static str) -> Result<&'a str, ScutError> {
        let offset = self.offset;
        let bytes = self.take(FIXED_NAME_BYTES, what)?;
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(FIXED_NAME_BYTES);
        self.name_in(&bytes[..end], offset, what)
    }

    fn name_in(&self, bytes: &'a [u8], offset: usize, what: &'static str) -> Result<&'a str, ScutError> {
        let text = str::from_utf8(bytes).map(|t| t.trim_end_matches('\0'));
        match text {
            Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => Ok(text),
            _ => Err(self.invalid_at(offset, format!("{what} is not made of printable ASCII"))),
        }
    }
}
