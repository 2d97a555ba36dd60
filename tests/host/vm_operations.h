/*
 * The random operations of the model test: each is drawn, recorded, made on the real space and on the model, and compared.
 *
 *   vm_operations.c  what all share
 *   vm_accesses.c    loads, stores, fetches and the kernel's copies
 *   vm_shapes.c      map, unmap, protect, remap, advise, lock, limit; spaces come, fork and go
 *   vm_objects.c     objects and files: read, write, resize, sync
 */
#ifndef TESTS_HOST_VM_OPERATIONS_H
#define TESTS_HOST_VM_OPERATIONS_H

#include "tests/host/vm_model.h"

/* Flags that a region keeps and space_region() tells. */
#define KEPT_FLAGS (REGION_SHARED | REGION_GROWSDOWN | REGION_NORESERVE | REGION_LOCKED | REGION_DONTFORK)

struct vm_operation {
    const char *name;
    unsigned weight;
    /* True: it succeeded; false: it was refused, rightly, or there was nothing to do. */
    bool (*run)(void);
};

extern const struct vm_operation vm_accesses[], vm_shapes[], vm_objects[]; /* each ends with run NULL */

/* ---- Drawing ---- */

/* NULL: there is no space. */
struct model_space *draw_space(void);
/*
 * A page range: with `mapped` percent chance one that begins where something is mapped, and mostly ends before a hole;
 * else near the edges of user space and of table nodes.
 */
void draw_range(struct model_space *space, unsigned mapped, uint32_t pages_max, uint64_t *number, uint64_t *pages);
/* Bytes that compress well, badly, or are zeros. */
void draw_bytes(uint8_t *bytes, uint32_t count);
/* An object that can be mapped now; NULL: none. */
struct model_object *draw_object(void);

/* ---- Comparing ---- */

/* A set of error values; errors are small. */
typedef uint64_t errors_t[4];
void errors_add(errors_t set, int error);
bool errors_has(const errors_t set, int64_t error);
bool errors_any(const errors_t set);

/* The page as the kernel's copies see it. False: it cannot be read. */
bool page_seen(struct model_space *space, uint64_t number, uint8_t *bytes);
/* One load there, which must answer and see what the model says. */
void probe(struct model_space *space, uint64_t number);
/* Compares the regions of a space with the model, and the pages it has. */
void check_regions(struct model_space *space);
/* Loads and compares all that can be loaded. */
void check_contents(struct model_space *space);

/* Gives back everything that is there. */
void put_everything(void);
/* Every file is as it is now on flash: after object_sync_all(). */
void files_synced(void);
/* The files of the store as they were synced. */
void check_files(struct store *store);

#endif
