//! Interleaved range asymmetric numeral systems (rANS; Duda, arXiv 1311.2540; interleaving: Giesen, arXiv 1402.3392).
//!
//! Symbols are bytes, probabilities multiples of 1/4096 from static tables. Symbol `i` of a run belongs to state
//! `i % 8`: the eight states do not depend on each other, so that the processor decodes them side by side.

use super::bytes::{Reader, write_varint};
use crate::model::FormatError;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::{black_box, select_unpredictable};

const PROBABILITY_BITS: u32 = 12;
const TOTAL: u32 = 1 << PROBABILITY_BITS;
/// States live in `LOW..2^32` and move 16 bits at a time.
const LOW: u32 = 1 << 16;
const STATES: usize = 8;

/// The frequency of each symbol, out of 4096; a symbol that does not occur has none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frequencies(Vec<u16>);

impl Frequencies {
    /// The frequencies that code `counts` (1 to 256 of them) in nearly the fewest bits.
    pub(super) fn from_counts(counts: &[u32]) -> Self {
        let total: u64 = counts.iter().map(|&c| u64::from(c)).sum();
        let scale = |c: u32| ((u64::from(c) * u64::from(TOTAL) / total.max(1)) as u16).max(u16::from(c > 0));
        let used = counts.iter().rposition(|&c| c > 0).unwrap_or(0) + 1;
        let mut frequencies: Vec<u16> = counts[..used].iter().map(|&c| scale(c)).collect();
        let mut sum: u32 = frequencies.iter().map(|&f| u32::from(f)).sum();
        // Rounding left a few slots over or took a few too many: move them where it gains most or costs least, which is
        // where the count by slot is the largest or the smallest.
        let by_slot = |i: usize, slots: u16| f64::from(counts[i]) / f64::from(slots);
        while sum < TOTAL {
            let best = (0..used).max_by(|&a, &b| by_slot(a, frequencies[a]).total_cmp(&by_slot(b, frequencies[b])));
            let Some(best) = best else { break };
            frequencies[best] += 1;
            sum += 1;
        }
        while sum > TOTAL {
            let able = (0..used).filter(|&i| frequencies[i] > 1);
            let best = able.min_by(|&a, &b| by_slot(a, frequencies[a] - 1).total_cmp(&by_slot(b, frequencies[b] - 1)));
            let Some(best) = best else { break };
            frequencies[best] -= 1;
            sum -= 1;
        }
        Self(frequencies)
    }

    /// Bits that coding `counts` takes, without the table.
    pub(super) fn cost(&self, counts: &[u32]) -> f64 {
        counts.iter().zip(&self.0).filter(|c| *c.0 > 0).map(|(&c, &f)| f64::from(c) * bits(f)).sum()
    }

    /// Number of symbols, then their frequencies; after a zero stands the number of further zeros. The last frequency
    /// is what is left to 4096.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_varint(out, self.0.len());
        let mut at = 0;
        while at + 1 < self.0.len() {
            write_varint(out, usize::from(self.0[at]));
            if self.0[at] == 0 {
                let zeros = self.0[at..].iter().take_while(|&&f| f == 0).count();
                write_varint(out, zeros - 1);
                at += zeros;
            } else {
                at += 1;
            }
        }
    }

    /// Reads what [`write`](Self::write) wrote, for an alphabet of `symbols`.
    pub(super) fn read(from: &mut Reader<'_>, symbols: usize) -> Result<Self, FormatError> {
        const WHAT: &str = "a frequency table";
        let used = from.varint(WHAT)?;
        if used == 0 || used > symbols {
            return Err(from.corrupt("a frequency table of the wrong size"));
        }
        let mut frequencies = Vec::with_capacity(used);
        let mut left = TOTAL as usize;
        while frequencies.len() + 1 < used {
            let frequency = from.varint(WHAT)?;
            let zeros = if frequency == 0 { from.varint(WHAT)? } else { 0 };
            if frequency >= left || zeros + 1 >= used - frequencies.len() {
                return Err(from.corrupt("frequencies that do not add up to 4096"));
            }
            left -= frequency;
            frequencies.resize(frequencies.len() + zeros, 0);
            frequencies.push(frequency as u16);
        }
        frequencies.push(left as u16);
        Ok(Self(frequencies))
    }
}

/// `log2(4096 / frequency)`, to about 0.01 bit: enough to compare encodings, and the same on every machine.
fn bits(frequency: u16) -> f64 {
    let exponent = frequency.max(1).ilog2();
    let mantissa = f64::from(frequency) / f64::from(1u32 << exponent) - 1.0;
    let log2 = f64::from(exponent) + mantissa * (1.342 - 0.342 * mantissa);
    f64::from(PROBABILITY_BITS) - log2
}

/// Collects symbols and codes them, last symbol first, when all are known.
#[derive(Default)]
pub(super) struct Encoder {
    symbols: Vec<Coded>,
}

struct Coded {
    start: u16,
    frequency: u16,
    state: u8,
}

impl Encoder {
    /// Appends a run; every symbol of it has a frequency above zero.
    pub(super) fn run(&mut self, frequencies: &Frequencies, run: &[u8]) {
        let mut starts = Vec::with_capacity(frequencies.0.len());
        let mut start = 0;
        for &f in &frequencies.0 {
            starts.push(start);
            start += f;
        }
        self.symbols.extend(run.iter().enumerate().map(|(i, &s)| Coded {
            start: starts[usize::from(s)],
            frequency: frequencies.0[usize::from(s)],
            state: (i % STATES) as u8,
        }));
    }

    /// The stream: the eight states, then the 16-bit words in the order of reading; all little-endian.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut states = [LOW; STATES];
        let mut words = Vec::new();
        for s in self.symbols.iter().rev() {
            let state = &mut states[usize::from(s.state)];
            let frequency = u32::from(s.frequency);
            if u64::from(*state) >= u64::from(frequency) << (32 - PROBABILITY_BITS) {
                words.push(*state as u16);
                *state >>= 16;
            }
            *state = ((*state / frequency) << PROBABILITY_BITS) + *state % frequency + u32::from(s.start);
        }
        let states = states.iter().flat_map(|s| s.to_le_bytes());
        states.chain(words.iter().rev().flat_map(|w| w.to_le_bytes())).collect()
    }
}

/// What each of the 4096 slots stands for.
pub(super) struct DecodeTable {
    symbols: [u8; TOTAL as usize],
    steps: [Step; TOTAL as usize],
}

/// How a slot moves a state on.
#[derive(Clone, Copy, Default)]
struct Step {
    /// That of the slot's symbol.
    frequency: u16,
    /// The slot's offset within the symbol.
    offset: u16,
}

impl DecodeTable {
    pub(super) fn new(frequencies: &Frequencies) -> Box<Self> {
        let mut table = Box::new(Self { symbols: [0; TOTAL as usize], steps: [Step::default(); TOTAL as usize] });
        let mut start = 0;
        for (symbol, &frequency) in frequencies.0.iter().enumerate() {
            let end = start + usize::from(frequency);
            table.symbols[start..end].fill(symbol as u8);
            for (offset, step) in (0..).zip(&mut table.steps[start..end]) {
                *step = Step { frequency, offset };
            }
            start = end;
        }
        table
    }
}

/// Decodes the runs of an [`Encoder`] in the order in which they were appended.
pub(super) struct Decoder<'a> {
    stream: &'a [u8],
    /// Where `stream` starts in the file, for errors.
    offset: usize,
    at: usize,
    states: [u64; STATES],
}

impl<'a> Decoder<'a> {
    pub(super) fn new(stream: &'a [u8], offset: usize) -> Result<Self, FormatError> {
        let mut decoder = Self { stream, offset, at: 4 * STATES, states: [0; STATES] };
        let Some(head) = stream.get(..4 * STATES) else { return Err(decoder.truncated()) };
        for (state, bytes) in decoder.states.iter_mut().zip(head.as_chunks().0) {
            *state = u64::from(u32::from_le_bytes(*bytes));
        }
        Ok(decoder)
    }

    /// Decodes a run as long as `run`.
    pub(super) fn run(&mut self, table: &DecodeTable, run: &mut [u8]) -> Result<(), FormatError> {
        let (mut states, mut at) = (self.states, self.at);
        let (chunks, tail) = run.as_chunks_mut::<STATES>();
        for chunk in chunks {
            let (mut end, mut used) = ([0; WINDOW], 0);
            let window = window(self.stream, at, &mut end);
            for i in 0..STATES {
                chunk[i] = step(&mut states[i], table, window, &mut used);
            }
            at += 2 * used;
        }
        let (mut end, mut used) = ([0; WINDOW], 0);
        let window = window(self.stream, at, &mut end);
        for (symbol, state) in tail.iter_mut().zip(&mut states) {
            *symbol = step(state, table, window, &mut used);
        }
        at += 2 * used;
        (self.states, self.at) = (states, at);
        if at > self.stream.len() { Err(self.truncated()) } else { Ok(()) }
    }

    /// Checks that the stream ends here: all bytes read, and each state as the encoder started it.
    pub(super) fn finish(&self) -> Result<(), FormatError> {
        if self.at == self.stream.len() && self.states == [u64::from(LOW); STATES] {
            return Ok(());
        }
        let reason = "the coded symbols do not end where they should".into();
        Err(FormatError::Corrupt { offset: self.offset + self.at, reason })
    }

    fn truncated(&self) -> FormatError {
        FormatError::Truncated { offset: self.offset + self.stream.len(), what: "the coded symbols" }
    }
}

/// Bytes that one symbol of each state may need.
const WINDOW: usize = 2 * STATES;

/// The next bytes of `stream` from `at` on; where it ends before, they are in `end`, with zeros after it.
#[inline(always)]
fn window<'a>(stream: &'a [u8], at: usize, end: &'a mut [u8; WINDOW]) -> &'a [u8; WINDOW] {
    let rest = stream.get(at..).unwrap_or(&[]);
    rest.first_chunk().unwrap_or_else(|| {
        end[..rest.len()].copy_from_slice(rest);
        end
    })
}

/// Decodes one symbol, without branches: whether a state needs another word is as good as random. The
/// first `used` words of `window` are taken.
///
/// In 64 bits, though states stay below 2^32: the compiler would otherwise put neighbouring states into one SSE
/// register, and shuffling them in and out for the table takes longer than all the rest. The black box keeps it from doing so
/// with AVX-512, in programs that are compiled for it.
#[inline(always)]
fn step(state: &mut u64, table: &DecodeTable, window: &[u8; WINDOW], used: &mut usize) -> u8 {
    let slot = (*state % u64::from(TOTAL)) as usize;
    let Step { frequency, offset } = table.steps[slot];
    // Below 2^32 for every state, since the offset is below the frequency.
    let x = u64::from(frequency) * (*state >> PROBABILITY_BITS) + u64::from(offset);
    let refill = x < u64::from(LOW);
    let at = 2 * (*used % STATES);
    let word = u64::from(u16::from_le_bytes([window[at], window[at + 1]]));
    *state = black_box(select_unpredictable(refill, x << 16 | word, x));
    *used += usize::from(refill);
    table.symbols[slot]
}

/// Counts the symbols of `run`, for an alphabet of `symbols`.
pub(super) fn count(symbols: usize, run: impl IntoIterator<Item = u8>) -> Vec<u32> {
    let mut counts = vec![0; symbols];
    run.into_iter().for_each(|s| counts[usize::from(s)] += 1);
    counts
}
