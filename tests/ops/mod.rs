//! What every operator must get right everywhere; and in files of some, what they refuse and for which reason, and
//! identities that tie their definitions to those of others.

mod activation;
mod adaptive_avg_pool2d;
mod add;
mod argmax;
mod avg_pool2d;
mod batch_norm;
mod concat;
mod conv2d;
mod conv_transpose2d;
mod dynamic_conv2d;
mod fold;
mod global_avg_pool;
mod involution;
mod linear;
mod max_pool2d;
mod mul;
mod resize;
mod resize_argmax;
mod roi_align;
mod softmax;
mod span_involution;
mod unfold;
mod volumes;

/// The tests that every operator has: `every::softmax::golden_cases`.
mod every {
    macro_rules! declare {
        ($($module:ident :: $variant:ident),+ $(,)?) => {
            $(mod $module {
                use crate::harness;

                const NAME: &str = stringify!($module);

                #[test]
                fn fixed_cases() {
                    harness::run_fixed(NAME);
                }

                #[test]
                fn known_answers() {
                    harness::run_known_answers(NAME);
                }

                #[test]
                fn generated_cases() {
                    harness::run_generated(NAME);
                }

                #[test]
                fn golden_cases() {
                    harness::run_goldens(NAME);
                }

                #[test]
                fn extreme_sizes_never_panic() {
                    harness::extremes(NAME);
                }
            })+
        };
    }

    ::involution::each_operator!(declare);
}
