/*
 * stencil SIDE SWEEPS: a five-point stencil over a square of doubles, with two grids. All factors are powers of two, so
 * a fused multiply-add rounds as a multiplication and an addition do, and every machine computes the same bits.
 */
#include "common.h"

static double *make_grid(size_t side)
{
    double *grid = allocate(side * side * sizeof *grid);

    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            grid[y * side + x] = (double)((x * 7 + y * 13) % 64) / 8;
    return grid;
}

static void sweep(double *to, const double *from, size_t side)
{
    for (size_t y = 1; y + 1 < side; y++) {
        const double *row = from + y * side;
        for (size_t x = 1; x + 1 < side; x++)
            to[y * side + x] = 0.5 * row[x] + 0.125 * (((row[x - side] + row[x + side]) + row[x - 1]) + row[x + 1]);
    }
}

int main(int count, char **arguments)
{
    size_t side = number(count, arguments, 1, 320);
    unsigned long sweeps = number(count, arguments, 2, 12);
    double *now = make_grid(side), *next = make_grid(side);

    for (unsigned long i = 0; i < sweeps; i++) {
        sweep(next, now, side);
        double *old = now;
        now = next;
        next = old;
    }
    double sum = 0;
    for (size_t i = 0; i < side * side; i++)
        sum += now[i];
    printf("stencil side=%zu sweeps=%lu sum=%a hash=%016llx\n", side, sweeps, sum,
           (unsigned long long)hash_bytes(HASH_START, now, side * side * sizeof *now));
    return 0;
}
