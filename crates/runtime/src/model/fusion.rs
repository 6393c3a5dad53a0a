//! How the answers of two networks are joined.

/// How much an offline network says in an answer that it and an online network give together, and how the answer is calibrated.
///
/// The logarithm of a class's probability is `((1 - weight) ln online + weight ln offline) / temperature`, up to a constant. (In the
/// literature: the logarithmic opinion pool, the product rule with weights.) Networks that err in different samples are right
/// more often together than each says: the temperature is then below 1.
///
/// ```
/// use hccr_runtime::{Fusion, fuse};
///
/// let fusion = Fusion::new(0.5, 0.5).expect("numbers in their ranges");
/// let fused = fuse(&[0.6, 0.4], &[0.6, 0.4], fusion)?;
/// assert!((fused[0] - 0.36 / (0.36 + 0.16)).abs() < 1e-6); // two independent witnesses
/// # Ok::<_, hccr_runtime::RecognizerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fusion {
    weight: f32,
    temperature: f32,
}

impl Fusion {
    /// The offline network's share, from 0 (strokes alone) to 1 (image alone), and the temperature, a positive number; `None` for others.
    pub fn new(weight: f32, temperature: f32) -> Option<Self> {
        let valid = (0.0..=1.0).contains(&weight) && temperature.is_normal() && temperature > 0.0;
        valid.then_some(Self { weight, temperature })
    }

    /// The offline network's share.
    pub fn weight(&self) -> f32 {
        self.weight
    }

    /// The temperature.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The logarithm of a class's probability, up to a constant, from those that the two networks give it.
    pub(crate) fn score(&self, ln_online: f32, ln_offline: f32) -> f32 {
        ((1.0 - self.weight) * ln_online + self.weight * ln_offline) / self.temperature
    }
}

/// Equal shares, and no calibration.
impl Default for Fusion {
    fn default() -> Self {
        Self { weight: 0.5, temperature: 1.0 }
    }
}
