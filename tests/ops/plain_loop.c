/* A convolution as a plain loop, of an input that has its padding: NAME(sizes, x, w, b, y).
   Sizes: samples, groups, channels and filters of a group; then three axes of the input, the kernel,
   the stride, the dilation and the output. b may be NULL. */
#include <math.h>
#include <stdint.h>

#define PLAIN_LOOP(NAME, T, ADD_PRODUCT)                                                           \
    void NAME(const int64_t *sizes, const T *x, const T *w, const T *b, T *y)                      \
    {                                                                                              \
        int64_t samples = sizes[0], groups = sizes[1], channels = sizes[2], filters = sizes[3];    \
        const int64_t *in = sizes + 4, *k = sizes + 7, *s = sizes + 10, *d = sizes + 13;           \
        const int64_t *out = sizes + 16;                                                           \
        for (int64_t n = 0; n < samples; n++)                                                      \
        for (int64_t o = 0; o < groups * filters; o++)                                             \
        for (int64_t p = 0; p < out[0]; p++)                                                       \
        for (int64_t q = 0; q < out[1]; q++)                                                       \
        for (int64_t r = 0; r < out[2]; r++) {                                                     \
            T sum = 0;                                                                             \
            const T *weight = w + o * channels * k[0] * k[1] * k[2];                               \
            for (int64_t c = 0; c < channels; c++)                                                 \
            for (int64_t i = 0; i < k[0]; i++)                                                     \
            for (int64_t j = 0; j < k[1]; j++)                                                     \
            for (int64_t l = 0; l < k[2]; l++) {                                                   \
                int64_t plane = (n * groups + o / filters) * channels + c;                         \
                int64_t line = (plane * in[0] + p * s[0] + i * d[0]) * in[1] + q * s[1] + j * d[1]; \
                T value = x[line * in[2] + r * s[2] + l * d[2]];                                   \
                ADD_PRODUCT;                                                                       \
                weight++;                                                                          \
            }                                                                                      \
            *y++ = b ? sum + b[o] : sum;                                                           \
        }                                                                                          \
    }

PLAIN_LOOP(sequential_float32, float, sum = sum + value * *weight)
PLAIN_LOOP(sequential_float64, double, sum = sum + value * *weight)
PLAIN_LOOP(fma_float32, float, sum = fmaf(value, *weight, sum))
