// The type in which tensors are stored: half precision where the device was opened for it. Kernels compute in single
// precision: they convert what they read, and what they store.
#ifdef F16
enable f16;
alias real = f16;
alias real2 = vec2<f16>;
alias real4 = vec4<f16>;
#else
alias real = f32;
alias real2 = vec2<f32>;
alias real4 = vec4<f32>;
#endif
