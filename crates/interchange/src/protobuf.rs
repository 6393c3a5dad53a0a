//! The little of the protocol buffers encoding that ONNX needs: varints, strings, nested messages, fixed floats.

/// A message being written.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A field of type int32, int64 or enum.
    pub(super) fn int(&mut self, field: u32, value: i64) -> &mut Self {
        self.varint(u64::from(field) << 3);
        self.varint(value as u64);
        self
    }

    /// A field of type float.
    pub(super) fn float(&mut self, field: u32, value: f32) -> &mut Self {
        self.varint(u64::from(field) << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A field of type string or bytes.
    pub(super) fn bytes(&mut self, field: u32, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A nested message, filled by `fill`.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Message) -> &mut Message) -> &mut Self {
        let mut inner = Message::default();
        fill(&mut inner);
        self.bytes(field, inner.0)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's specification.
    #[test]
    fn encodes_as_specified() {
        let mut message = Message::default();
        message.int(1, 150).bytes(2, "testing").message(3, |m| m.int(1, 150)).int(1, -1).float(4, 1.0);
        let mut want = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x08".to_vec();
        want.extend([0xFF; 9]);
        want.extend(b"\x01\x25\0\0\x80\x3F");
        assert_eq!(message.finish(), want);
    }
}
