/*
 * chase NODES STEPS: follows one cycle through all nodes in random order, where no read-ahead and no locality helps,
 * and changes a node at every fourth step, so that pages are dirty again after they have come back.
 */
#include "common.h"

struct node {
    uint32_t next;
    uint32_t visits;
    char label[56];
};

/* Sattolo's shuffle: a permutation of one cycle. */
static void link_nodes(struct node *nodes, uint32_t count)
{
    uint64_t state = 0x9e3779b97f4a7c15u;

    for (uint32_t i = 0; i < count; i++) {
        nodes[i].next = i;
        nodes[i].visits = 0;
        snprintf(nodes[i].label, sizeof nodes[i].label, "node %u of %u, never moved, seldom seen", i, count);
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(random_next(&state) % i);
        uint32_t next = nodes[i].next;
        nodes[i].next = nodes[j].next;
        nodes[j].next = next;
    }
}

int main(int count, char **arguments)
{
    uint32_t nodes_count = (uint32_t)number(count, arguments, 1, 32768);
    unsigned long steps = number(count, arguments, 2, 30000);
    struct node *nodes = allocate(nodes_count * sizeof *nodes);
    uint64_t hash = HASH_START;
    uint32_t at = 0;

    if (nodes_count < 2)
        die("usage: chase NODES STEPS");
    link_nodes(nodes, nodes_count);
    for (unsigned long step = 0; step < steps; step++) {
        hash = hash_bytes(hash, nodes[at].label, sizeof nodes[at].label);
        if (step % 4 == 0)
            nodes[at].visits++;
        at = nodes[at].next;
    }
    uint64_t visits = 0;
    for (uint32_t i = 0; i < nodes_count; i++)
        visits += nodes[i].visits;
    printf("chase nodes=%u steps=%lu at=%u visits=%llu hash=%016llx\n", nodes_count, steps, at,
           (unsigned long long)visits, (unsigned long long)hash);
    return 0;
}
