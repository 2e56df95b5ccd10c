/* A plain C port of one training run: reflect-reflect-relax on a network of Boolean threshold functions.
 *
 * The peer of circuitc's kernel (benchmarks/learn.py, tests/differential/test_learn_kernel.py). One item after the
 * other, one neuron after the other, doubles, branches where the mathematics has cases. Fixed inputs only.
 */
#include <math.h>
#include <stdlib.h>

typedef struct {
    long items, nodes, innodes, outnodes, edges;
    const int *start, *source;      /* edges of neuron n: start[n] .. start[n + 1] - 1 */
    const double *data;             /* [items][nodes]: values of inputs and outputs */
    double *w, *x, *y, *g;          /* [items][edges], [items][edges], [items][nodes], [items][nodes] */
    double *agreed;                 /* [edges] */
    double sigma, beta, gamma;
} Problem;

/* The nearest w', x' with w'.x' = c: answers u, of which w' = (w + u x) / (1 - u^2), x' = (x + u w) / (1 - u^2). */
static double root(double p, double q, double c) {
    double u = 0, low = c < p ? -1 : 0, high = c < p ? 0 : 1;
    for (int step = 0; step < 50; step++) {
        double r = 1 - u * u, a = p * (1 + u * u) + q * u;
        double f = a / (r * r) - c;
        if (fabs(f) < 1e-12) break;
        if (f < 0) low = u; else high = u;
        double slope = (2 * p * u + q) / (r * r) + 4 * u * a / (r * r * r);
        double next = u - f / slope;
        if (!(next > low && next < high)) next = (low + high) / 2;
        if (fabs(next - u) < 1e-16) break;
        u = next;
    }
    return u;
}

static double distance(double p, double q, double u) {  /* squared */
    double r = 1 - u * u, k = u / r;  /* w' - w = k (u w + x), x' - x = k (u x + w) */
    return k * k * (q * (1 + u * u) + 4 * u * p);
}

static double square(double a) { return a * a; }

long train(const Problem *t, long count, double stop, double *gaps) {
    long items = t->items, nodes = t->nodes, edges = t->edges, inner = nodes - t->outnodes;
    long neurons = nodes - t->innodes;
    double *wa = malloc(sizeof(double) * items * edges), *xa = malloc(sizeof(double) * items * edges);
    double *ya = malloc(sizeof(double) * items * nodes), *sum = malloc(sizeof(double) * nodes);
    double *weight = malloc(sizeof(double) * nodes), *node_gap = malloc(sizeof(double) * items * nodes);
    long iteration = 0;
    while (iteration < count) {
        for (long e = 0; e < edges; e++) t->agreed[e] = 0;
        for (long i = 0; i < items; i++) {
            const double *w = t->w + i * edges, *x = t->x + i * edges, *y = t->y + i * nodes, *g = t->g + i * nodes;
            for (long k = 0; k < t->innodes; k++) ya[i * nodes + k] = t->data[i * nodes + k];
            for (long n = 0; n < neurons; n++) {
                long from = t->start[n], to = t->start[n + 1], k = t->innodes + n;
                double p = 0, q = 0, mu = sqrt((to - from) / t->sigma), u = 0, sign;
                for (long e = from; e < to; e++) { p += w[e] * x[e]; q += w[e] * w[e] + x[e] * x[e]; }
                if (y[k] * p > 0) {
                    sign = y[k] > 0 ? 1 : -1;
                    if (fabs(p) < mu) u = root(p, q, sign * mu);
                } else {
                    double up = p >= mu ? 0 : root(p, q, mu), down = -p >= mu ? 0 : root(p, q, -mu);
                    double cost_up = square(y[k] - 1) + distance(p, q, up);
                    double cost_down = square(y[k] + 1) + distance(p, q, down);
                    sign = cost_up <= cost_down ? 1 : -1;
                    u = sign > 0 ? up : down;
                }
                ya[i * nodes + k] = sign;
                double scale = 1 / (1 - u * u);
                for (long e = from; e < to; e++) {
                    wa[i * edges + e] = scale * (w[e] + u * x[e]);
                    xa[i * edges + e] = scale * (x[e] + u * w[e]);
                    t->agreed[e] += g[k] * (2 * wa[i * edges + e] - w[e]);
                }
            }
        }
        for (long n = 0; n < neurons; n++) {
            double length = 0;
            for (long e = t->start[n]; e < t->start[n + 1]; e++) length += square(t->agreed[e]);
            double scale = sqrt((t->start[n + 1] - t->start[n]) / length);
            for (long e = t->start[n]; e < t->start[n + 1]; e++) t->agreed[e] *= scale;
        }
        double total = 0;
        for (long i = 0; i < items; i++) {
            double *w = t->w + i * edges, *x = t->x + i * edges, *y = t->y + i * nodes, *g = t->g + i * nodes;
            const double *a = ya + i * nodes, *aw = wa + i * edges, *ax = xa + i * edges;
            for (long k = 0; k < nodes; k++) { weight[k] = g[k]; sum[k] = g[k] * (2 * a[k] - y[k]); }
            for (long n = 0; n < neurons; n++)
                for (long e = t->start[n]; e < t->start[n + 1]; e++) {
                    weight[t->source[e]] += g[t->innodes + n];
                    sum[t->source[e]] += g[t->innodes + n] * (2 * ax[e] - x[e]);
                }
            for (long k = 0; k < nodes; k++) {
                double b = k < inner ? sum[k] / weight[k] : t->data[i * nodes + k];
                sum[k] = b;
                node_gap[i * nodes + k] = square(b - a[k]);
                y[k] += t->beta * (b - a[k]);
            }
            for (long n = 0; n < neurons; n++) {
                double gap = node_gap[i * nodes + t->innodes + n];
                for (long e = t->start[n]; e < t->start[n + 1]; e++) {
                    double dw = t->agreed[e] - aw[e], dx = sum[t->source[e]] - ax[e];
                    gap += dw * dw + dx * dx;
                    w[e] += t->beta * dw;
                    x[e] += t->beta * dx;
                }
                node_gap[i * nodes + t->innodes + n] = gap;
                total += gap;
            }
        }
        double mean = total / (items * neurons);
        gaps[iteration++] = sqrt(mean);
        if (sqrt(mean) < stop) break;
        for (long i = 0; i < items; i++)
            for (long k = t->innodes; k < nodes; k++)
                t->g[i * nodes + k] += t->gamma * (node_gap[i * nodes + k] / mean - t->g[i * nodes + k]);
    }
    free(wa); free(xa); free(ya); free(sum); free(weight); free(node_gap);
    return iteration;
}
