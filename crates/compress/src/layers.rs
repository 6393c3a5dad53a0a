//! Layers by their names.

use crate::error::InputError;
use crate::layer::LayerInfo;

/// Finds a layer.
pub(crate) fn find<'a>(layers: &'a [LayerInfo], name: &str) -> Result<&'a LayerInfo, InputError> {
    layers.iter().find(|l| l.name == name).ok_or_else(|| {
        let names: Vec<&str> = layers.iter().map(|l| l.name.as_str()).collect();
        InputError::layer(name, format!("is not in the network; its layers are {}", names.join(", ")))
    })
}

/// Checks that each name is a layer's, and stands only once.
pub(crate) fn check_names<'a>(
    layers: &[LayerInfo],
    names: impl IntoIterator<Item = &'a String>,
) -> Result<(), InputError> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        find(layers, name)?;
        if seen.contains(&name.as_str()) {
            return Err(InputError::layer(name, "is listed twice"));
        }
        seen.push(name);
    }
    Ok(())
}
