//! burn trains to what this project's own training does.

use hccr_burn_engine::{Burn, Device};
use hccr_models::conformance;

#[test]
fn networks_of_images() {
    conformance::images(|| Box::new(Burn::new(Device::flex())));
}

#[test]
fn networks_of_inks() {
    conformance::inks(|| Box::new(Burn::new(Device::flex())));
}
