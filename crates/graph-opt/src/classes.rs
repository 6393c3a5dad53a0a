use crate::edit::finish;
use hccr_runtime::{Model, Op, Pattern, Weight, WeightData, WeightId};
use std::fmt;

/// Why [`keep_classes`] refused a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassesError {
    /// The model has no class of this character.
    Unknown(char),
    /// No characters, or one of them twice.
    Characters,
    /// The one output of the model is not that of a fully connected layer, whose rows are the classes.
    LastLayer,
}

impl fmt::Display for ClassesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(c) => write!(f, "the model does not know '{c}'"),
            Self::Characters => write!(f, "no classes to keep, or one of them named twice"),
            Self::LastLayer => write!(f, "the model's one output is not that of a fully connected layer"),
        }
    }
}

impl std::error::Error for ClassesError {}

/// The same model with these classes alone, in this order: the other rows of its last layer are cut away, so that the file is
/// smaller. The logits of the classes kept are the same.
///
/// # Errors
/// [`ClassesError`] where the model does not know a character, or has another last layer.
pub fn keep_classes(model: &Model, characters: &[char]) -> Result<Model, ClassesError> {
    let row_of = |&c: &char| model.labels().iter().position(|&l| l == c).ok_or(ClassesError::Unknown(c));
    let rows = characters.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
    let mut seen = vec![false; model.labels().len()];
    if rows.is_empty() || rows.iter().any(|&row| std::mem::replace(&mut seen[row], true)) {
        return Err(ClassesError::Characters);
    }
    let &[output] = model.outputs() else { return Err(ClassesError::LastLayer) };
    let node = model.producer(output).ok_or(ClassesError::LastLayer)?;
    let Op::Linear { weight, scale, bias, prelu, .. } = model.nodes()[node].op else {
        return Err(ClassesError::LastLayer);
    };
    let mut edited = model.clone().edit();
    let mut cut = |what: &str, id: WeightId| {
        let cut = rows_of(model.weight(id), &rows);
        let id = edited.replace_weight(node, what, Some(id), &cut.shape, cut.data);
        edited.weight_mut(id).shape = cut.shape;
        id
    };
    let weight = cut("weight", weight);
    let [scale, bias, prelu] =
        [("scale", scale), ("bias", bias), ("slope", prelu)].map(|(what, id)| id.map(|id| cut(what, id)));
    let Op::Linear { mut params, .. } = model.nodes()[node].op else { unreachable!("as above") };
    params.out_features = rows.len();
    *edited.op_mut(node) = Op::Linear { params, weight, scale, bias, prelu };
    edited.set_labels(characters.to_vec());
    edited.remove_unused_weights();
    Ok(finish(edited))
}

/// The given rows of a weight, in the same form.
fn rows_of(weight: &Weight, rows: &[usize]) -> Weight {
    let columns = weight.columns();
    let data = match &weight.data {
        WeightData::Sparse { pattern, values } => {
            WeightData::Sparse { pattern: pattern_of(pattern, rows), values: entries(pattern, rows, values) }
        }
        WeightData::Codebook { pattern, centres, labels } => WeightData::Codebook {
            pattern: pattern_of(pattern, rows),
            centres: centres.clone(),
            labels: entries(pattern, rows, labels),
        },
        _ => {
            let values = weight.to_dense();
            WeightData::Dense(rows.iter().flat_map(|&r| &values[r * columns..(r + 1) * columns]).copied().collect())
        }
    };
    let mut shape = weight.shape.clone();
    shape[0] = rows.len();
    Weight::new(weight.name.clone(), &shape, data)
}

fn pattern_of(pattern: &Pattern, rows: &[usize]) -> Pattern {
    let mut kept = Pattern { indptr: vec![0], indices: Vec::new() };
    for &row in rows {
        kept.indices.extend(&pattern.indices[pattern.row(row)]);
        kept.indptr.push(kept.indices.len() as u32);
    }
    kept
}

/// What stands in `all` for the entries of these rows.
fn entries<T: Copy>(pattern: &Pattern, rows: &[usize], all: &[T]) -> Vec<T> {
    rows.iter().flat_map(|&row| &all[pattern.row(row)]).copied().collect()
}
