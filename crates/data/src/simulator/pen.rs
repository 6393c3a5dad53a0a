//! What writers write with and on, and how it is scanned.

use crate::render::{Paper, Style};
use hccr_random::Rng;

/// A writer's pen and paper, and their scanner.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    habit: Style,
}

impl Pen {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let size = 92.0 * libm::expf(-1.1 * rng.uniform() * rng.uniform());
        // About 4.5 pixels of 96 where the character is that large, 1 to 12 at the extremes.
        let width = 0.046 * libm::expf(0.4 * rng.normal()) * size;
        let kind = rng.uniform();
        let mut habit = Style {
            size,
            width,
            response: rng.range(0.0, 1.5),
            nib: [0.0; 2],
            softness: rng.range(1.0, 4.0) * size / 96.0,
            darkness: rng.range(0.8, 1.0),
            contrast: rng.range(0.35, 0.8),
            fading: 0.7 * rng.uniform(),
            grain: 0.8 * rng.uniform(),
            grain_size: libm::expf(rng.range(0.0, 1.0)),
            floor: rng.range(0.02, 0.35),
            paper: None,
            seed: 0,
        };
        if kind < 0.1 {
            // A finger or a stylus on a screen.
            habit = Style {
                response: 0.0,
                softness: rng.range(0.3, 1.2),
                darkness: 1.0,
                contrast: 0.0,
                fading: 0.0,
                grain: 0.0,
                floor: 0.0,
                ..habit
            };
        } else if kind < 0.25 {
            // A brush, or a fountain pen.
            habit.response = rng.range(1.0, 2.5);
            habit.nib = [rng.range(0.0, 0.7), rng.range(0.0, std::f32::consts::PI)];
            habit.width *= 1.4;
        }
        if rng.chance(0.12) {
            habit.paper = Some(Paper {
                light: rng.range(0.5, 0.97),
                gradient: [rng.range(-0.15, 0.15), rng.range(-0.15, 0.15)],
                noise: 0.03 * rng.uniform(),
                margin: rng.range(2.0, 12.0),
            });
        }
        Self { habit }
    }

    /// How a sample is drawn.
    pub(super) fn style(&self, rng: &mut Rng) -> Style {
        let habit = &self.habit;
        let zoom = libm::expf(0.1 * rng.normal());
        let size = (habit.size * zoom).clamp(24.0, 110.0);
        Style {
            size,
            width: (habit.width * zoom * libm::expf(0.1 * rng.normal())).clamp(0.01 * size, 0.13 * size),
            darkness: (habit.darkness - 0.05 * rng.normal().abs()).clamp(0.4, 1.0),
            seed: rng.next_u64(),
            ..habit.clone()
        }
    }
}
