//! What the thesis, and this project, say of the methods.

use super::method::{Family, Method};

/// That one method reads more characters than another of its family, at the same level and as many steps.
pub(super) struct Claim {
    /// In words.
    pub(super) text: &'static str,
    pub(super) method: Method,
    pub(super) against: Method,
}

impl Claim {
    pub(super) fn family(&self) -> Family {
        self.method.family().expect("claims are of methods that compress")
    }
}

const fn claim(text: &'static str, method: Method, against: Method) -> Claim {
    Claim { text, method, against }
}

/// All claims, in the order of the stages.
pub(super) const CLAIMS: [Claim; 18] = [
    claim("GSLRE reads more than SVD of all layers at once", Method::Gslre, Method::Svd),
    claim("GSLRE reads more than layer-wise reconstruction", Method::Gslre, Method::Reconstruction),
    claim(
        "GSLRE that learns from the baseline too reads more than from labels alone",
        Method::GslreDistilled,
        Method::Gslre,
    ),
    claim("GSLRE reads more than channel pruning to as many MACs", Method::Gslre, Method::Channels),
    claim("channel pruning and then GSLRE read more than GSLRE alone", Method::ChannelsGslre, Method::Gslre),
    claim("weights that are dropped gradually leave more than all at once", Method::GradualUniform, Method::OneShot),
    claim("ADW with CRA reads more than fixed thresholds", Method::AdwCra, Method::FixedThreshold),
    claim("CRA's ratios read more than one ratio for all layers", Method::AdwCra, Method::GradualUniform),
    claim("CRA's ratios read more than one threshold for all layers", Method::AdwCra, Method::GradualGlobal),
    claim("ratios at one slope of CRA's curves read more than at one tolerance", Method::AdwSlope, Method::AdwCra),
    claim("ratios at one slope read more than one threshold for all layers", Method::AdwSlope, Method::GradualGlobal),
    claim(
        "ratios at one slope, with no more MACs either, read more than one ratio for all layers",
        Method::AdwSlopeMacs,
        Method::GradualUniform,
    ),
    claim(
        "ADW that learns from the baseline too reads more than from labels alone",
        Method::AdwCraDistilled,
        Method::AdwCra,
    ),
    claim("single weights read more than blocks", Method::GradualUniform, Method::GradualBlocks),
    claim("blocks in convolutions alone read more than in all layers", Method::GradualMixed, Method::GradualBlocks),
    claim("trained centres read more than those of k-means alone", Method::KMeansTuned, Method::KMeans),
    claim(
        "centres that learn from the baseline too read more than from labels alone",
        Method::KMeansDistilled,
        Method::KMeansTuned,
    ),
    claim("k-means reads more than evenly spaced centres", Method::KMeansTuned, Method::EvenTuned),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_compare_methods_of_one_family() {
        assert!(CLAIMS.iter().all(|claim| Some(claim.family()) == claim.against.family()));
    }
}
