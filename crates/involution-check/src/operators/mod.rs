//! The cases of each operator, in a file of its name: what is drawn, what is always run, and an answer known by hand.

use crate::case::Case;
use crate::draw::{Choices, Draw};
use crate::faults::SeededFault;
use crate::known::Known;
use ::involution::error::{Error, Result};
use ::involution::ops::Operator;
use ::involution::shape::Shape;

macro_rules! declare {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        $(mod $module;)+

        /// Draws a legal case of the operator of this name; nothing where there is no such operator. The smallest choice is
        /// always the plainest case.
        pub fn generate(operator: &str, choices: &mut dyn Choices) -> Option<Case> {
            let mut draw = Draw::new(choices);
            let (operator, shapes) = match operator {
                $(stringify!($module) => $module::draw(&mut draw),)+
                _ => return None,
            };
            let shapes = shapes.into_iter().map(Shape::new).collect();
            let seed = draw.below(1 << 30) as u64;
            // Past the upper bound of relu6 and into the tails of the others; the error bounds follow.
            let scale = draw.one_of(&[1.0, 1.0, 8.0]);
            Some(Case { operator, shapes, seed, scale, positive: false, story: "" })
        }

        /// The fixed cases of the operator of this name: bugs that were fixed, edges of tiles and limits.
        pub fn fixed(operator: &str) -> Vec<Case> {
            match operator {
                $(stringify!($module) => $module::fixed(),)+
                _ => Vec::new(),
            }
        }

        /// The seeded faults of all operators, each with the name of its operator.
        pub fn seeded_faults() -> Vec<(&'static str, SeededFault)> {
            let of = |name, faults: &[SeededFault]| {
                faults.iter().map(|&fault| (name, fault)).collect::<Vec<_>>()
            };
            [$(of(stringify!($module), $module::FAULTS)),+].concat()
        }

        /// A call of each operator that is cut along the batch where its tensors are too large to be bound whole.
        pub fn batched() -> Vec<Case> {
            vec![$($module::batched()),+]
        }

        /// The call of the operator of this name that is mostly made: 64 channels, images of `size` x `size`; of what has no
        /// height and width, `size` is the number of values. Nothing where there is no such operator.
        pub fn usual(operator: &str, batch: usize, size: usize) -> Option<(Operator, Vec<Shape>)> {
            let (operator, shapes) = match operator {
                $(stringify!($module) => $module::usual(batch, size),)+
                _ => return None,
            };
            Some((operator, shapes.into_iter().map(Shape::new).collect()))
        }

        /// Calls of the operator of this name whose answers follow by hand from the definition.
        pub fn known_answers(operator: &str) -> Result<Vec<Known>> {
            let known = match operator {
                $(stringify!($module) => $module::known(),)+
                _ => return Ok(Vec::new()),
            };
            known.map_err(Error::at("known answers"))
        }
    };
}

::involution::each_operator!(declare);
