//! What kind of file begins with some bytes.

/// The bytes that tell.
pub(super) const START_BYTES: usize = 8;

/// What a file is, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A zip archive.
    Zip,
    /// No other that is known: records, perhaps.
    Records,
    /// What people take for data now and then.
    Foreign(&'static str),
}

/// How these files begin. As the size of a first GNT record the signature of a zip archive would be far too large, and a first
/// POT record would have a tag that is no GBK code. What is foreign is asked only once it is no record.
const STARTS: [(&[u8], Kind); 16] = [
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip), // one without members
    (b"PK\x07\x08", Kind::Foreign("a part of a zip archive")),
    (b"Rar!", Kind::Foreign("a RAR archive")),
    (b"7z\xBC\xAF", Kind::Foreign("a 7z archive")),
    (b"ALZ\x01", Kind::Foreign("an ALZ archive")),
    (b"EGGA", Kind::Foreign("an EGG archive")),
    (b"\x1F\x8B\x08", Kind::Foreign("a gzip archive")),
    (b"BZh", Kind::Foreign("a bzip2 archive")),
    (b"\xFD7zXZ", Kind::Foreign("an xz archive")),
    (b"\xD0\xCF\x11\xE0", Kind::Foreign("a file of Windows or Office")),
    (b"\x89PNG", Kind::Foreign("a PNG picture")),
    (b"\xFF\xD8\xFF", Kind::Foreign("a JPEG picture")),
    (b"%PDF", Kind::Foreign("a PDF file")),
    (b"HCCRPACK", Kind::Foreign("a packed set, to be given alone")),
    (b"HCCR", Kind::Foreign("a model file")),
];

impl Kind {
    pub(super) fn of(start: &[u8]) -> Self {
        let page = start.trim_ascii_start().strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start.trim_ascii_start());
        if page.first() == Some(&b'<')
            && page.get(1).is_some_and(|&c| c.is_ascii_alphabetic() || c == b'!' || c == b'?')
        {
            return Self::Foreign("a web page");
        }
        STARTS.iter().find(|(bytes, _)| start.starts_with(bytes)).map_or(Self::Records, |&(_, kind)| kind)
    }
}
