// Involutions with stride 1 and 16 channels a group. All rows are a multiple of 16 long.
// x, grad: [planes, 16, h + k - 1, w + 32], the values with zeros around, k / 2 above, below and to the left;
// kernels: [planes, k * k, h, w], with at least 16 readable floats before and behind; y, to_x: [planes, 16, h, w].
typedef float many __attribute__((vector_size(64), aligned(4)));
#define AT(p) (*(const many *)(p))

void forward(const float *x, const float *kernels, float *y, long planes, long h, long w, long k) {
    long row = w + 32, plane = (h + k - 1) * row;
    for (long n = 0; n < planes; n++)
        for (long i = 0; i < h; i++)
            for (long j = 0; j < w; j += 16)
                for (long c = 0; c < 16; c += 8) {
                    many sum[8] = {0};
                    const float *from = x + (n * 16 + c) * plane + i * row + j;
                    const float *weights = kernels + n * k * k * h * w + i * w + j;
                    for (long a = 0; a < k; a++)
                        for (long b = 0; b < k; b++) {
                            many weight = AT(weights + (a * k + b) * h * w);
                            for (int d = 0; d < 8; d++) sum[d] += weight * AT(from + d * plane + a * row + b);
                        }
                    for (int d = 0; d < 8; d++) *(many *)(y + ((n * 16 + c + d) * h + i) * w + j) = sum[d];
                }
}

void backward(const float *x, const float *kernels, const float *grad, float *to_x, float *to_kernels, long planes,
              long h, long w, long k) {
    long row = w + 32, plane = (h + k - 1) * row, p = k / 2;
    for (long n = 0; n < planes; n++)
        for (long i = 0; i < h; i++)
            for (long j = 0; j < w; j += 16) {
                many up[16];
                for (int d = 0; d < 16; d++) up[d] = AT(grad + (n * 16 + d) * plane + (i + p) * row + j + p);
                for (long t = 0; t < k * k; t++) {
                    const float *from = x + n * 16 * plane + (i + t / k) * row + j + t % k;
                    many sum[4] = {0};
                    for (int d = 0; d < 16; d++) sum[d % 4] += up[d] * AT(from + d * plane);
                    *(many *)(to_kernels + ((n * k * k + t) * h + i) * w + j) = (sum[0] + sum[1]) + (sum[2] + sum[3]);
                }
                for (long c = 0; c < 16; c += 8) {
                    many sum[8] = {0};
                    const float *from = grad + (n * 16 + c) * plane + j;
                    for (long a = 0; a < k; a++) {
                        long above = i + p - a;
                        if (above < 0 || above >= h) continue;
                        for (long b = 0; b < k; b++) {
                            many weight = AT(kernels + ((n * k * k + a * k + b) * h + above) * w + j + p - b);
                            for (int d = 0; d < 8; d++)
                                sum[d] += weight * AT(from + d * plane + (above + p) * row + p + p - b);
                        }
                    }
                    for (int d = 0; d < 8; d++) *(many *)(to_x + ((n * 16 + c + d) * h + i) * w + j) = sum[d];
                }
            }
}
