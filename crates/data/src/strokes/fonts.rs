//! The stroke files of `datasets/skeletons`.

/// The bytes of `datasets/skeletons/NAME.bin`, with the name.
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../datasets/skeletons/", $name, ".bin")).as_slice())
    };
}

/// All of them, in the order of their names.
pub(super) const FILES: [(&str, &[u8]); 19] = [
    file!("architects-daughter"),
    file!("caveat"),
    file!("hachi-maru-pop"),
    file!("iansui"),
    file!("indie-flower"),
    file!("kalam"),
    file!("klee-one"),
    file!("liu-jian-mao-cao"),
    file!("long-cang"),
    file!("lxgw-wenkai"),
    file!("ma-shan-zheng"),
    file!("patrick-hand"),
    file!("reenie-beanie"),
    file!("shadows-into-light"),
    file!("yomogi"),
    file!("yuji-boku"),
    file!("yusei-magic"),
    file!("zen-kurenaido"),
    file!("zhi-mang-xing"),
];
