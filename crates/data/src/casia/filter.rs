//! Which records are wanted, and which class they are.

use super::error::{CasiaError, CasiaReason};
use crate::gb2312::{char_of_gbk, gbk_of_char, is_gb2312};
use std::collections::{BTreeMap, BTreeSet};

/// What to do with a record that is none of the wanted characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherTags {
    /// Pass over it.
    #[default]
    Skip,
    /// Stop with an error.
    Refuse,
}

/// What archives may unpack to, and how much is kept. Counted while unpacking: what headers claim is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasiaLimits {
    /// The bytes of one member.
    pub member_bytes: u64,
    /// The bytes of all members of all archives.
    pub total_bytes: u64,
    /// The characters that are kept; an image takes 9216 bytes of memory.
    pub samples: usize,
}

impl Default for CasiaLimits {
    /// 512 MiB per member, 8 GiB in all, a million characters: each of HWDB's archives, but not all of them at once.
    fn default() -> Self {
        Self { member_bytes: 512 << 20, total_bytes: 8 << 30, samples: 1_000_000 }
    }
}

/// What to take from GNT or POT files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CasiaFilter {
    /// The classes, in this order; without them, all Chinese characters found: those of GB2312 in code order, then the others
    /// of GBK. A test set wants the classes of its training set.
    pub classes: Option<Vec<char>>,
    /// What to do with other characters (without `classes`: letters, digits and symbols, of any width).
    pub others: OtherTags,
    /// What archives may unpack to, and how much is kept.
    pub limits: CasiaLimits,
}

/// Chooses among records, and labels those chosen.
pub(crate) struct Labeller<'a> {
    filter: &'a CasiaFilter,
    /// The label of each wanted tag.
    wanted: Option<BTreeMap<[u8; 2], u16>>,
    tags: Vec<[u8; 2]>,
    writers: Vec<u32>,
    passed_over: usize,
}

/// The labels, writers and classes of the records chosen, and the number of the others.
pub(crate) struct Labels {
    pub(crate) passed_over: usize,
    pub(crate) labels: Vec<u16>,
    pub(crate) writers: Vec<u32>,
    pub(crate) classes: Vec<char>,
}

impl<'a> Labeller<'a> {
    pub(crate) fn new(filter: &'a CasiaFilter) -> Result<Self, CasiaError> {
        let wanted = filter.classes.as_deref().map(labels_of).transpose()?;
        Ok(Self { filter, wanted, tags: Vec::new(), writers: Vec::new(), passed_over: 0 })
    }

    /// The number of records chosen.
    pub(crate) fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether the next record is chosen.
    pub(crate) fn chooses(&mut self, writer: u32, tag: [u8; 2]) -> Result<bool, CasiaReason> {
        let is_wanted = match &self.wanted {
            Some(labels) => labels.contains_key(&tag),
            None => char_of_gbk(tag).is_some_and(is_chinese),
        };
        if !is_wanted {
            return match self.filter.others {
                OtherTags::Skip => {
                    self.passed_over += 1;
                    Ok(false)
                }
                OtherTags::Refuse => Err(CasiaReason::Unwanted(tag)),
            };
        }
        if self.len() == self.filter.limits.samples {
            return Err(CasiaReason::Samples(self.filter.limits.samples));
        }
        self.tags.push(tag);
        self.writers.push(writer);
        Ok(true)
    }

    pub(crate) fn finish(self) -> Labels {
        let (labels, classes) = match (self.wanted, &self.filter.classes) {
            (Some(labels), Some(classes)) => (labels, classes.clone()),
            _ => {
                let found: BTreeSet<_> = self.tags.iter().map(|&tag| (!is_gb2312(tag), tag)).collect();
                let labels = found.iter().zip(0..).map(|(&(_, tag), label)| (tag, label)).collect();
                (labels, found.into_iter().filter_map(|(_, tag)| char_of_gbk(tag)).collect())
            }
        };
        let passed_over = self.passed_over;
        Labels {
            labels: self.tags.iter().map(|tag| labels[tag]).collect(),
            writers: self.writers,
            classes,
            passed_over,
        }
    }
}

/// Whether a character of GBK is Chinese, and no letter, digit or symbol.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}')
}

fn labels_of(classes: &[char]) -> Result<BTreeMap<[u8; 2], u16>, CasiaError> {
    let mut labels = BTreeMap::new();
    for (&class, label) in classes.iter().zip(0..) {
        let tag = gbk_of_char(class).ok_or(CasiaError::Class(class))?;
        if labels.insert(tag, label).is_some() {
            return Err(CasiaError::Class(class));
        }
    }
    Ok(labels)
}
