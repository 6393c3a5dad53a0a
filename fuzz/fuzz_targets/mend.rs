//! Files whose headers are set right, so that what follows them is reached.

const MODEL_HEADER: usize = 20;
const CHECKPOINT_HEADER: usize = 24;

/// A model file.
#[allow(dead_code)] // each target takes what it needs
pub(crate) fn model(data: &[u8]) -> Vec<u8> {
    let mut file = data.to_vec();
    if file.len() >= MODEL_HEADER {
        let (length, checksum) = (file.len() as u64, crc32(&file[MODEL_HEADER..]));
        file[..8].copy_from_slice(b"HCCR\x01\0\0\0");
        file[8..16].copy_from_slice(&length.to_le_bytes());
        file[16..20].copy_from_slice(&checksum.to_le_bytes());
    }
    file
}

/// A checkpoint.
#[allow(dead_code)] // each target takes what it needs
pub(crate) fn checkpoint(data: &[u8]) -> Vec<u8> {
    let mut file = data.to_vec();
    if file.len() >= CHECKPOINT_HEADER {
        let body = &data[CHECKPOINT_HEADER..];
        file[..12].copy_from_slice(b"HCCRCKPT\x06\0\0\0");
        file[12..20].copy_from_slice(&(body.len() as u64).to_le_bytes());
        file[20..24].copy_from_slice(&crc32(body).to_le_bytes());
    }
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
