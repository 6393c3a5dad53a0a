//! Serialization of the runtime's parameter structs, which know nothing of serde.

use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Conv2dParams")]
pub(crate) struct Conv2dDef {
    in_channels: usize,
    out_channels: usize,
    kernel_size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LinearParams")]
pub(crate) struct LinearDef {
    in_features: usize,
    out_features: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Pool2dParams")]
struct Pool2dDef {
    kernel_size: [usize; 2],
    stride: [usize; 2],
    ceil_mode: bool,
}

/// For a field of type `Option<Pool2dParams>`.
pub(crate) mod pool {
    use super::{Deserialize, Pool2dDef, Pool2dParams, Serialize};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "Pool2dDef")] Pool2dParams);

    pub(crate) fn serialize<S: Serializer>(pool: &Option<Pool2dParams>, serializer: S) -> Result<S::Ok, S::Error> {
        pool.map(Wrapped).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pool2dParams>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|w| w.0))
    }
}
