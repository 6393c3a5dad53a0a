//! The label space: the 3755 characters of GB2312 level 1 in code order, B0A1 = 0 to D7F9 = 3754.

use encoding_rs::GBK;

/// The number of characters of GB2312 level 1.
pub const LEVEL1_LEN: usize = 3755;

/// The characters of GB2312 level 1, at their class numbers.
pub fn gb2312_level1() -> Vec<char> {
    (0..LEVEL1_LEN).filter_map(|class| char_of_tag(tag_of_class(class)?)).collect()
}

/// The two GB2312 bytes of class number `class`; `None` from [`LEVEL1_LEN`] on.
pub fn tag_of_class(class: usize) -> Option<[u8; 2]> {
    (class < LEVEL1_LEN).then(|| [0xB0 + (class / 94) as u8, 0xA1 + (class % 94) as u8])
}

/// The class number of two GB2312 bytes; `None` outside level 1.
pub fn class_of_tag([row, cell]: [u8; 2]) -> Option<usize> {
    let class = usize::from(row.checked_sub(0xB0)?) * 94 + usize::from(cell.checked_sub(0xA1)?);
    (cell <= 0xFE && class < LEVEL1_LEN).then_some(class)
}

/// The character of two GB2312 bytes; `None` where they encode none.
pub fn char_of_tag(tag: [u8; 2]) -> Option<char> {
    is_gb2312(tag).then(|| char_of_gbk(tag)).flatten()
}

/// Whether two bytes of GBK lie in the part that GB2312 is.
pub(crate) fn is_gb2312(tag: [u8; 2]) -> bool {
    (0xA1..=0xF7).contains(&tag[0]) && (0xA1..=0xFE).contains(&tag[1])
}

/// The character of two GBK bytes; `None` where they encode none.
pub(crate) fn char_of_gbk(tag: [u8; 2]) -> Option<char> {
    let text = GBK.decode_without_bom_handling_and_without_replacement(&tag).filter(|_| tag[0] > 0x80)?;
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// The two GB2312 bytes of a character; `None` where it has none.
pub fn tag_of_char(c: char) -> Option<[u8; 2]> {
    gbk_of_char(c).filter(|&tag| char_of_tag(tag).is_some())
}

/// The two GBK bytes of a character; `None` where it has none.
pub(crate) fn gbk_of_char(c: char) -> Option<[u8; 2]> {
    let mut utf8 = [0; 4];
    let (bytes, _, unmappable) = GBK.encode(c.encode_utf8(&mut utf8));
    <[u8; 2]>::try_from(bytes.as_ref()).ok().filter(|_| !unmappable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_tags_and_characters_agree() {
        let chars = gb2312_level1();
        assert_eq!((chars.len(), chars[0], chars[94], chars[3754]), (LEVEL1_LEN, '啊', '薄', '座'));
        for (class, &c) in chars.iter().enumerate() {
            let tag = tag_of_char(c).expect("in GB2312");
            assert_eq!((class_of_tag(tag), tag_of_class(class), char_of_tag(tag)), (Some(class), Some(tag), Some(c)));
        }
    }

    #[test]
    fn what_is_outside_has_no_class() {
        for tag in [[0xD7, 0xFA], [0xD8, 0xA1], [0xB0, 0xA0], [0xB0, 0xFF], [0, 0], [b'a', 0]] {
            assert_eq!(class_of_tag(tag), None, "{tag:02X?}");
        }
        assert_eq!(tag_of_class(LEVEL1_LEN), None);
        assert_eq!(char_of_tag([0xD8, 0xA1]), Some('亍'), "level 2");
        assert_eq!((char_of_tag([0x81, 0x40]), char_of_gbk([0x81, 0x40])), (None, Some('丂')), "GBK alone");
        assert_eq!([[0xFF, 0xA1], [0x81, 0x7F], [b'a', b'b'], [b'a', 0]].map(char_of_gbk), [None; 4]);
        assert_eq!((gbk_of_char('瞭'), gbk_of_char('𠀀')), (Some([0xB2, 0x74]), None));
        assert_eq!(tag_of_char('a'), None);
        assert_eq!(tag_of_char('𠀀'), None);
    }
}
