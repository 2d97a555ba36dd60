/*
 * A reader for flattened device trees: "Devicetree Specification", release v0.4, chapter 5, format version 17.
 *
 * fdt_open() checks every length, offset, name and nesting of the blob once; all other functions only read a blob that
 * passed, in place, and cannot fail for its form. Contents are checked where they are used: a property may have any
 * length. Nothing here recurses, allocates or keeps state.
 *
 * A walk visits nodes in the order of the blob, parents before children:
 *
 *      struct fdt_node node = FDT_BEGIN;
 *      while (fdt_next(&fdt, &node)) ...
 */
#ifndef PLATFORM_FDT_H
#define PLATFORM_FDT_H

#include <stdbool.h>
#include <stdint.h>

/* Nodes nested deeper than this make a blob invalid; known boards reach 6. */
#define FDT_DEPTH_MAX 12

struct fdt {
    const uint8_t *structure;    /* the structure block */
    const char *strings;         /* the strings block; ends in NUL */
    const uint8_t *reservations; /* the memory reservation block */
    uint32_t structure_bytes, strings_bytes;
    uint32_t reservations_count;
};

/* A node, and the way to it: offsets in the structure block of its FDT_BEGIN_NODE and of its ancestors'. */
struct fdt_node {
    int depth;                    /* 0: the root; -1: before the root */
    uint32_t path[FDT_DEPTH_MAX]; /* path[depth] is the node itself */
};

#define FDT_BEGIN ((struct fdt_node){ .depth = -1 })

struct fdt_range {
    uint64_t start, bytes;
};

/*
 * `bytes`: how much of the blob is readable; the blob may claim less, and may claim more as long as its blocks lie
 * within. `blob` is aligned to 8 bytes. -EINVAL: not a device tree, or broken.
 */
int fdt_open(struct fdt *fdt, const void *blob, uint32_t bytes) __attribute__((warn_unused_result));

/* The next node; false after the last one. */
bool fdt_next(const struct fdt *fdt, struct fdt_node *node);

/* The next node that is a child of `parent` (start with child = *parent); false after its last child. */
bool fdt_next_child(const struct fdt *fdt, const struct fdt_node *parent, struct fdt_node *child);

/* The parent of a node that is not the root. */
struct fdt_node fdt_parent(const struct fdt_node *node);

/* The node at an absolute path; the unit address may be left out where the name is unique; `:` ends the path. */
bool fdt_find(const struct fdt *fdt, const char *path, struct fdt_node *node);

/* As above, for a path that may begin with an alias (stdout-path). */
bool fdt_find_alias(const struct fdt *fdt, const char *path, struct fdt_node *node);

bool fdt_find_phandle(const struct fdt *fdt, uint32_t phandle, struct fdt_node *node);

/* The next node after `node` with this string among its `compatible`, and whose status is okay. */
bool fdt_next_compatible(const struct fdt *fdt, const char *compatible, struct fdt_node *node);

const char *fdt_name(const struct fdt *fdt, const struct fdt_node *node);

/* The value of a property, or NULL. `bytes` may be NULL. The value is aligned to 4 bytes. */
const void *fdt_property(const struct fdt *fdt, const struct fdt_node *node, const char *name, uint32_t *bytes);

/* Cell `index` of a property; `otherwise` when there is none. */
uint32_t fdt_cell(const struct fdt *fdt, const struct fdt_node *node, const char *name, uint32_t index,
                  uint32_t otherwise);

/* A property of one or two cells as a number; false when it is neither. */
bool fdt_number(const struct fdt *fdt, const struct fdt_node *node, const char *name, uint64_t *value);

/* The first string of a property, terminated, or NULL. */
const char *fdt_string(const struct fdt *fdt, const struct fdt_node *node, const char *name);

bool fdt_compatible(const struct fdt *fdt, const struct fdt_node *node, const char *compatible);

/* status is absent, "okay" or "ok". */
bool fdt_enabled(const struct fdt *fdt, const struct fdt_node *node);

/*
 * Entry `index` of `reg`, as a CPU physical address: translated by the `ranges` of every bus above. False: no such
 * entry, a size that wraps, or a bus that does not pass it through.
 */
bool fdt_reg(const struct fdt *fdt, const struct fdt_node *node, uint32_t index, struct fdt_range *range);

/* As above, without translation: for a part's own addresses (partitions, chip selects). */
bool fdt_reg_local(const struct fdt *fdt, const struct fdt_node *node, uint32_t index, struct fdt_range *range);

/* Entry `index` of the memory reservation block. */
bool fdt_reservation(const struct fdt *fdt, uint32_t index, struct fdt_range *range);

#endif
